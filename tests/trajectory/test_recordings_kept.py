"""Recordings are kept: at every ordinary end of a process, at a second start, and with several
processes."""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest
import torch

from koopflow.core.errors import KoopflowError
from koopflow.trajectory import Trajectory, TrajectoryRecorder
from tests.house import ROOT

LOOP = """
import os, signal, sys, torch
from koopflow.trajectory import TrajectoryRecorder
recorder = TrajectoryRecorder(torch.nn.Linear(3, 2), "run.h5")
for _ in range(7):
    recorder.step(0.1)
{end}
"""


def record(path, states, **options):
    recorder = TrajectoryRecorder(torch.nn.Linear(3, 2), path, **options)
    for _ in range(states):
        recorder.step()
    return recorder


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("raise RuntimeError('NaN loss')", 1),
        ("sys.exit(3)", 3),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGUSR1)", -signal.SIGUSR1),
    ],
)
def test_an_ordinary_end_of_a_script_keeps_what_was_captured(tmp_path, end, status):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, "-c", LOOP.format(end=end)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == status
    assert "run.h5.partial keeps the 7 states" in told.stderr
    with Trajectory(tmp_path / "run.h5.partial") as trajectory:
        assert trajectory.steps.tolist() == list(range(7))
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5.partial"]


def _interrupted(path):
    record(path, 6)
    raise KeyboardInterrupt


@pytest.mark.parametrize("target", [record, _interrupted])
def test_a_worker_of_multiprocessing_keeps_what_it_captured(tmp_path, target):
    arguments = (tmp_path / "run.h5", 6) if target is record else (tmp_path / "run.h5",)
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    process.join()
    assert len(Trajectory(tmp_path / "run.h5.partial").steps) == 6


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_keeps_what_was_captured_by_its_process_alone(tmp_path, number):
    parent = record(tmp_path / "parent.h5", 4)
    child = os.fork()
    if child == 0:
        signal.signal(number, signal.SIG_DFL)
        record(tmp_path / "run.h5", 5)
        os.kill(os.getpid(), number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == number
    assert len(Trajectory(tmp_path / "run.h5.partial").steps) == 5
    with pytest.raises(KoopflowError, match="no step was recorded"):  # the child left its parent's file alone
        Trajectory(tmp_path / "parent.h5.partial")
    parent.step()
    assert len(Trajectory(parent.close()).steps) == 5


def test_a_recorder_that_went_out_of_scope_still_holds_its_states(tmp_path):
    record(tmp_path / "run.h5", 5)  # the function's only reference is gone
    with pytest.raises(KoopflowError, match="another recorder is writing it"):
        record(tmp_path / "run.h5", 1)
    again = record(tmp_path / "run.h5", 2, resume=True)
    assert Trajectory(again.close()).steps.tolist() == list(range(7))


def test_a_second_start_replaces_nothing_in_silence(tmp_path):
    path = tmp_path / "run.h5"
    record(path, 5).close()
    with pytest.raises(
        KoopflowError, match=r"run.h5: exists already; pass resume=True .* overwrite=True .* another name"
    ):
        record(path, 2)
    assert len(Trajectory(path).steps) == 5
    partial = record(path, 2, overwrite=True)
    assert len(Trajectory(path).steps) == 5  # until the second is complete
    partial.close()
    assert len(Trajectory(path).steps) == 2
    record(tmp_path / "b.h5", 3).leave()
    with pytest.raises(
        KoopflowError, match=r"b.h5.partial: holds 3 states of an unfinished recording; pass resume=True"
    ):
        record(tmp_path / "b.h5", 1)
    record(tmp_path / "c.h5", 0).leave()
    assert len(Trajectory(record(tmp_path / "c.h5", 1).close()).steps) == 1  # nothing was lost


@pytest.mark.parametrize("options", [{}, {"steps": 6}])
def test_a_finished_recording_goes_on(tmp_path, options):
    path = tmp_path / "run.h5"
    record(path, 6, every=2, **options).close()
    first = Trajectory(path).read()
    again = record(path, 5, every=2, resume=True)
    assert Trajectory(again.close()).steps.tolist() == [0, 2, 4, 6, 8]
    assert (Trajectory(path).read()[:, :3] == first).all()
    record(path, 4, every=2, resume=True, resume_after=3).close()
    assert Trajectory(path).steps.tolist() == [0, 2, 4, 6]


def test_two_processes_do_not_write_one_file(tmp_path):
    ours = record(tmp_path / "run.h5", 3)
    child = os.fork()
    if child == 0:
        said = ""
        try:
            record(tmp_path / "run.h5", 1, overwrite=True)
        except KoopflowError as error:
            said = str(error)
        os._exit(0 if "another recorder is writing it" in said else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(Trajectory(ours.close()).steps) == 3


def test_only_the_first_process_of_a_group_records(tmp_path, monkeypatch, caplog):
    for name, value in {"LOCAL_RANK": "1", "RANK": "5", "WORLD_SIZE": "8"}.items():
        monkeypatch.setenv(name, value)
    other = record(tmp_path / "run.h5", 3)
    assert not other.step()
    assert (other.flush(), other.next_step) == (0, 4)
    other.close()
    assert "process 5 records nothing: process 0 writes" in caplog.text
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("RANK", "0")
    assert len(Trajectory(record(tmp_path / "run.h5", 3).close()).steps) == 3


def test_a_closed_recorder_says_so(tmp_path):
    recorder = record(tmp_path / "run.h5", 2)
    recorder.close()
    with pytest.raises(KoopflowError, match=r"run.h5: this recorder is closed"):
        recorder.step()
    with pytest.raises(KoopflowError, match=r"loss must be one number \(got torch.Size\(\[2\]\)\)"):
        record(tmp_path / "b.h5", 0).step(torch.zeros(2))


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KoopflowError, match=r"file/run.h5: cannot be written \(.*\)"):
        record(tmp_path / "file" / "run.h5", 1)
