"""The frame around a job: what a user reads when it fails."""

import errno
import json
import logging
import signal

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.workflow import outside
from koopflow.workflow.job import STOPPED, job
from koopflow.workflow.outside import unexpected

# As h5py 3.16 says it.
HDF5 = (
    "file write failed: time = now\n, filename = 'results/t.h5.partial', file descriptor = 4, "
    "errno = 28, error message = 'No space'"
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KoopflowError("series.a: too short"), "koopflow: series.a: too short\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "results/a.csv"),
            "results/a.csv: no space left on the device",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "results/a.csv"), "the disk quota is used up"),
        (OSError(errno.EROFS, "Read-only file system", "results/a.csv"), "the file system is read-only"),
        (RuntimeError(f"Unable to flush ({HDF5})"), "results/t.h5.partial: no space left on the device"),
        (OSError(f"Can't write data ({HDF5})"), "results/t.h5.partial: no space left on the device"),
        (MemoryError("Unable to allocate 7 TiB"), "not enough memory"),
        (
            ModuleNotFoundError("No module named 'statsmodels.api'", name="statsmodels.api"),
            "the environment of this job has no package that provides the module statsmodels.api",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4e12 bytes"),
            "not enough memory",
        ),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "not enough memory",
        ),
    ],
)
def test_what_a_user_can_mend_is_one_line(tmp_path, capfd, monkeypatch, error, words):
    monkeypatch.setattr("koopflow.workflow.job._leave", lambda: None)
    with pytest.raises(SystemExit) as stopped, job(tmp_path / "job.log"):
        raise error
    assert stopped.value.code == 1
    said = capfd.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1
    assert words.strip().removeprefix("koopflow: ") in (tmp_path / "job.log").read_text()


def test_a_module_of_koopflow_that_is_missing_is_a_mistake_of_ours(tmp_path):
    with pytest.raises(SystemExit), job(tmp_path / "job.log"):
        import koopflow.absent  # noqa: F401
    assert "ModuleNotFoundError: No module named 'koopflow.absent'" in (tmp_path / "job.log").read_text()


def test_an_error_that_nobody_expected_is_one_line_and_a_traceback_in_the_log(tmp_path, capfd):
    def fails():
        raise RuntimeError("shapes\ndiffer")

    with pytest.raises(SystemExit) as stopped, job(tmp_path / "job.log"):
        fails()
    assert stopped.value.code == 1
    said = capfd.readouterr().err
    assert said.startswith(f"koopflow: {__file__}, line {fails.__code__.co_firstlineno + 1}: ")
    assert said.endswith(": RuntimeError: shapes differ (the log has the traceback)\n")
    assert "Traceback" in (tmp_path / "job.log").read_text()


@pytest.mark.parametrize(
    "call",
    [lambda: json.loads("{"), lambda: np.linalg.inv(np.zeros((2, 3)))],
    ids=["Python's library", "another package"],
)
def test_the_line_of_an_unexpected_error_is_the_last_one_of_the_user(call):
    line = call.__code__.co_firstlineno
    with pytest.raises(ValueError) as raised:
        call()
    assert unexpected(raised.value).startswith(f"{__file__}, line {line}: ")


def test_the_line_of_an_unexpected_error_in_an_installed_koopflow_is_its_own(monkeypatch):
    monkeypatch.setattr(outside, "__file__", "/env/lib/site-packages/koopflow/workflow/outside.py")
    assert outside._ours("/env/lib/site-packages/koopflow/rg/flow.py")
    assert not outside._ours("/env/lib/site-packages/numpy/linalg.py")


def test_a_log_that_cannot_be_written_is_one_line(tmp_path, capfd, monkeypatch):
    (tmp_path / "full").symlink_to("/dev/full")
    with job(tmp_path / "full") as log:  # every write fails with ENOSPC
        log.info("words")
    assert capfd.readouterr().err == ""
    refused = OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr("koopflow.workflow.job._LogFile", lambda *_, **__: (_ for _ in ()).throw(refused))
    with pytest.raises(SystemExit), job(tmp_path / "job.log"):
        pass
    assert "job.log: the file system is read-only" in capfd.readouterr().err


def test_the_logger_is_left_as_it_was(tmp_path, caplog):
    caplog.set_level(logging.ERROR, "koopflow")
    logger = logging.getLogger("koopflow")
    handlers = list(logger.handlers)
    with job(tmp_path / "job.log"):
        assert logger.level == logging.DEBUG
    assert (logger.level, logger.handlers) == (logging.ERROR, handlers)


def test_a_job_that_is_asked_to_stop_says_so_in_one_line(tmp_path, capfd):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped, job(tmp_path / "job.log"):
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.code == 143
    assert capfd.readouterr().err == f"koopflow: {STOPPED}\n"
    assert STOPPED in (tmp_path / "job.log").read_text()
    assert signal.getsignal(signal.SIGTERM) == before
