"""Recording from a training loop: the weights recorded are those the loop had, and nothing captured
is lost with the process."""

import os

import numpy as np
import pytest
import torch
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.trajectory import Trajectory, TrajectoryRecorder
from koopflow.trajectory.adapters.folders import convert_folder


def network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=False))


def train(model, steps, each):
    """Train on noise, calling `each(loss)` after every step; returns the states after each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, states = torch.randn(32, 6), []
    for _ in range(steps):
        loss = model(inputs).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        states.append({name: p.detach().numpy().copy() for name, p in model.named_parameters()})
        each(loss)
    return states


@pytest.mark.parametrize("steps", [None, 20])
def test_what_the_loop_had_is_recorded_every_third_step(tmp_path, steps):
    model = network()
    losses = []
    with TrajectoryRecorder(model, tmp_path / "run.h5", parameters="*weight", every=3, seed=4, steps=steps) as recorder:
        states = train(model, 20, lambda loss: (recorder.step(loss), losses.append(loss.item())))
    with Trajectory(tmp_path / "run.h5") as trajectory:
        assert list(trajectory.steps) == list(range(0, 20, 3))
        assert np.allclose(trajectory.loss[0], losses[::3])
        assert trajectory.seeds == [4]
        for at, step in enumerate(trajectory.steps):
            for name, weights in trajectory.state(at).items():
                assert np.array_equal(weights, states[step][name])
        assert [p.name for p in trajectory.parameters] == ["0.weight", "2.weight"]


def test_a_killed_loop_leaves_all_up_to_the_last_flush_and_goes_on(tmp_path):
    child = os.fork()
    if child == 0:
        recorder = TrajectoryRecorder(network(), tmp_path / "run.h5", every=2)
        for _ in range(9):
            recorder.step()
        recorder.flush()
        recorder.step()
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    with Trajectory(tmp_path / "run.h5.partial") as partial:
        assert not partial.complete
        assert list(partial.steps) == [0, 2, 4, 6, 8]
    recorder = TrajectoryRecorder(network(), tmp_path / "run.h5", every=2, resume=True, resume_after=5)
    assert recorder.next_step == 6
    for _ in range(3):
        recorder.step()
    assert list(Trajectory(recorder.close()).steps) == [0, 2, 4, 6, 8]
    assert Trajectory(tmp_path / "run.h5").complete


def test_patterns_that_match_nothing_are_refused(tmp_path):
    with pytest.raises(KoopflowError, match=r"no parameter of Sequential matches 'fc\*'; it has 0.weight"):
        TrajectoryRecorder(network(), tmp_path / "run.h5", parameters="fc*")
    with pytest.raises(KoopflowError, match=r"every must be .* \(got 0\)"):
        TrajectoryRecorder(network(), tmp_path / "run.h5", every=0)


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
def test_a_folder_of_checkpoints_is_a_trajectory(tmp_path, wrap):
    model = network()
    for step in (1, 10, 9):
        with torch.no_grad():
            model[0].bias.fill_(step)
        torch.save(wrap(model.state_dict()), tmp_path / f"checkpoint-{step}.pt")
    with Trajectory(convert_folder(tmp_path, tmp_path / "out" / "t.h5")) as trajectory:
        assert list(trajectory.steps) == [1, 9, 10]
        assert trajectory.read(trajectory.columns("0.bias"))[0, :, 0].tolist() == [1, 9, 10]


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_folders_are_read_without_executing_code_and_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "bad"
    folder.mkdir()
    torch.save(Malicious(), folder / "step1.pt")
    with pytest.raises(KoopflowError, match=r"step1.pt: not a checkpoint that can be read without executing code"):
        convert_folder(folder, tmp_path / "t.h5")
    assert not (tmp_path / "executed").exists()
    np.save(tmp_path / "a1.npy", np.ones(3))
    np.save(tmp_path / "a2.npy", np.ones(4))
    with pytest.raises(KoopflowError, match=r"a2.npy: holds state \(4,\) for state \(3,\) in a1.npy"):
        convert_folder(tmp_path, tmp_path / "t.h5")
    (tmp_path / "a2.npy").rename(tmp_path / "b1.npy")
    with pytest.raises(KoopflowError, match=r"b1.npy: step 1 occurs twice, also in a1.npy"):
        convert_folder(tmp_path, tmp_path / "t.h5")
    with pytest.raises(KoopflowError, match="nowhere: no such folder"):
        convert_folder(tmp_path / "nowhere", tmp_path / "t.h5")
    assert not (tmp_path / "t.h5").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"every": 2.5}, r"every must be a whole number of at least 1 \(got 2.5\)"),
        ({"path": ""}, "path must be the path of a file"),
        ({"every": "5"}, r"every must be .* \(got '5'\)"),
        ({"seed": "a"}, r"seed must be .* \(got 'a'\)"),
        ({"compression": "zip"}, "compression must be gzip, lzf or None"),
        ({"study": {"a": object()}}, "study must hold plain values"),
        ({"model": {}}, r"model must be a torch.nn.Module \(got dict\)"),
    ],
)
def test_a_wrong_argument_is_named(tmp_path, options, problem):
    with pytest.raises(KoopflowError, match=f"^{problem}"):
        TrajectoryRecorder(options.pop("model", nn.Linear(3, 2)), options.pop("path", tmp_path / "t.h5"), **options)


@pytest.mark.parametrize("moved", [False, True])
def test_a_model_that_is_not_the_trained_one_is_told(tmp_path, caplog, moved):
    model = nn.Linear(3, 2)
    with TrajectoryRecorder(model, tmp_path / "t.h5") as recorder:
        for _ in range(3):
            recorder.step()
        if moved:
            nn.init.ones_(model.weight)
            recorder.step()
    assert ("all 3 states are the same" in caplog.text) is not moved


def test_parameters_added_in_midrun_are_told(tmp_path, caplog):
    model = nn.Sequential(nn.Linear(3, 2))
    with TrajectoryRecorder(model, tmp_path / "t.h5") as recorder:
        recorder.step()
        model.append(nn.Linear(2, 2))
        recorder.step()
    assert "added after the TrajectoryRecorder was made: 1.weight, 1.bias" in caplog.text


def test_a_changed_working_directory_loses_nothing(tmp_path, monkeypatch):
    (tmp_path / "later").mkdir()
    monkeypatch.chdir(tmp_path)
    recorder = TrajectoryRecorder(nn.Linear(3, 2), "t.h5")
    recorder.step()
    monkeypatch.chdir("later")
    recorder.step(step=5)
    assert Trajectory(recorder.close()).steps.tolist() == [0, 5]
    assert (tmp_path / "t.h5").is_file()


def test_steps_are_whole_numbers(tmp_path):
    with TrajectoryRecorder(nn.Linear(3, 2), tmp_path / "t.h5") as recorder:
        recorder.step(step=torch.tensor(2))
        for step in (2.5, "a", -1):
            with pytest.raises(KoopflowError, match="step must be a whole number"):
                recorder.step(step=step)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_does_not_write_the_file_of_its_parent(tmp_path):
    recorder = TrajectoryRecorder(nn.Linear(3, 2), tmp_path / "t.h5")
    recorder.step()
    child = os.fork()
    if child == 0:
        try:
            recorder.flush()
            recorder.close()
            recorder.step()
        except KoopflowError as error:
            os._exit(7 if "another process opened" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    recorder.step()
    assert len(Trajectory(recorder.close()).steps) == 2
