"""Locks on shared file systems: taken where there are any, gone without where there are none; and
jobs that a killed run left behind."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from koopflow.core.errors import KoopflowError
from koopflow.workflow import run_lock

ROOT = Path(__file__).resolve().parents[2]
# Have the kernel refuse flock, as a file system without locks does: ENOLCK, or ENOSYS; or another
# call, by its number.
WITHOUT_LOCKS = """
import ctypes, errno, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
program = b"".join(struct.pack("HBBI", *step) for step in [
    (0x20, 0, 0, 0),                                            # the number of the system call
    (0x15, 0, 1, int((sys.argv + ["73"])[2])),                  # flock on x86-64
    (0x06, 0, 0, 0x00050000 | getattr(errno, sys.argv[1])),     # fails
    (0x06, 0, 0, 0x7FFF0000),                                   # anything else goes on
])
steps = ctypes.create_string_buffer(program)
filtering = struct.pack("HxxxxxxQ", 4, ctypes.addressof(steps))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(filtering), 0, 0) == 0
"""
needs_x86 = pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.platform != "linux", reason="the filter is written for x86-64 Linux"
)


def without_locks(code: str, folder: Path, error: str, call: int = 73) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT_LOCKS + code, error, str(call)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@needs_x86
def test_the_kernel_refuses_locks_in_these_tests(tmp_path):
    code = "import fcntl; fcntl.flock(open('a', 'w'), fcntl.LOCK_EX)"
    assert "No locks available" in without_locks(code, tmp_path, "ENOLCK").stderr


@needs_x86
@pytest.mark.parametrize("error", ["ENOLCK", "ENOSYS"])
def test_a_finished_trajectory_is_read_without_locks(tmp_path, error):
    from koopflow.trajectory.writer import TrajectoryWriter

    with TrajectoryWriter(tmp_path / "run.h5", [("w", (3,))], 1, study={}, seeds=[0], steps=4) as writer:
        for step in range(4):
            writer.append(step, [[0.0, 1.0, 2.0]], [0.5])
    code = "from koopflow.trajectory import Trajectory; print(Trajectory('run.h5').steps)"
    done = without_locks(code, tmp_path, error)
    assert done.returncode == 0, done.stderr


@needs_x86
def test_where_locks_are_refused_a_job_says_what_to_set_and_then_writes(tmp_path, monkeypatch):
    code = """
from koopflow.workflow.job import job
with job("log"):
    from koopflow.trajectory.writer import TrajectoryWriter
    with TrajectoryWriter("run.h5", [("w", (3,))], 1, study={}, seeds=[0], steps=1) as writer:
        writer.append(0, [[0.0, 1.0, 2.0]], [0.5])
"""
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    done = without_locks(code, tmp_path, "ENOLCK")
    assert done.returncode == 1
    assert "HDF5_USE_FILE_LOCKING=FALSE" in done.stderr
    assert "Traceback" not in done.stderr
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    assert without_locks(code, tmp_path, "ENOLCK").returncode == 0
    assert (tmp_path / "run.h5").is_file()


@needs_x86
def test_a_run_starts_where_there_are_no_locks(tmp_path):
    code = "from koopflow.workflow.run_lock import hold; print(hold('.snakemake'))"
    assert without_locks(code, tmp_path, "ENOLCK").stdout.strip() == "None"


def test_a_folder_is_held_once(tmp_path):
    handle = run_lock.hold(tmp_path)
    with pytest.raises(KoopflowError, match="another run is using this folder"):
        run_lock.hold(tmp_path)
    os.close(handle)


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A squeue that says what a test wants."""

    def says(text: str) -> None:
        (tmp_path / "told").write_text(text)
        (tmp_path / "squeue").write_text(f"#!/bin/sh\ncat {tmp_path}/told\n")
        (tmp_path / "squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return says


def test_jobs_that_a_killed_run_left_are_named(tmp_path, squeue):
    squeue(f"7|{tmp_path}|rule_train_ensemble_wildcards_a_0\n8|/elsewhere|rule_b\n9|{tmp_path}|rule_c\n")
    with pytest.raises(KoopflowError, match=r"an earlier run here \(7, 9\).*scancel 7 9"):
        run_lock.refuse_leftovers(tmp_path)


def test_other_jobs_are_no_hindrance(tmp_path, squeue):
    squeue(f"8|/elsewhere|rule_b\n9|{tmp_path}|(null)\n")
    run_lock.refuse_leftovers(tmp_path)
    (tmp_path / "squeue").write_text("#!/bin/sh\nexit 1\n")
    run_lock.refuse_leftovers(tmp_path)


@pytest.mark.parametrize(
    ("sinfo", "reason"),
    [
        (None, "there is no sinfo"),
        ("echo 'sinfo: error: no' >&2; echo 'sinfo: fatal: no source' >&2; exit 1", "sinfo: fatal: no source"),
        ("exit 1", "sinfo failed"),
        ("echo main up", None),
    ],
)
def test_a_machine_on_which_slurm_does_not_answer_is_one_line(tmp_path, monkeypatch, sinfo, reason):
    monkeypatch.setenv("PATH", f"{tmp_path}")
    if sinfo is not None:
        (tmp_path / "sinfo").write_text(f"#!/bin/sh\n{sinfo}\n")
        (tmp_path / "sinfo").chmod(0o755)
    if reason is None:
        return run_lock.needs_slurm()
    with pytest.raises(KoopflowError) as refused:
        run_lock.needs_slurm()
    assert str(refused.value) == f"SLURM does not answer on this machine ({reason}); start the run on a login node"
