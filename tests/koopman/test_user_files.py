"""A user's trajectories are looked at before anything is fitted: each mistake is one line with the
entry, the file and what is accepted."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.recorded import trajectory_spectrum
from koopflow.io.paths import read_from
from koopflow.koopman.user_files import check_trajectory
from koopflow.trajectory import TrajectoryWriter


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def states(folder, changes=None, steps=range(8)):
    """A folder of states a0.npy, a1.npy, …; `changes` says what some hold instead."""
    folder.mkdir()
    for step in steps:
        np.save(folder / f"a{step}.npy", np.array([0.9, 0.8]) ** step)
    for name, array in (changes or {}).items():
        np.save(folder / name, array, allow_pickle=True)


def checkpoints(folder, odd):
    """A folder of checkpoints, of which the fourth is `odd`."""
    folder.mkdir()
    for step in range(8):
        torch.save(odd if step == 3 else {"w": torch.tensor([0.9, 0.8]) ** step}, folder / f"c{step}.pt")


def recorded(path, width=2, steps=8, spacing=1):
    with TrajectoryWriter(path, [("w", (width,))], 1, study={}, seeds=[], steps=steps) as writer:
        for step in range(steps):
            writer.append(spacing * step, 0.9 ** (step * np.arange(1, width + 1))[None])


@pytest.fixture
def given(tmp_path, monkeypatch):
    """What users might have, in the working folder."""
    monkeypatch.chdir(tmp_path)
    recorded("a.h5")
    recorded("wide.h5", width=3)
    recorded("sparse.h5", spacing=2)
    (tmp_path / "text.h5").write_text("no HDF5")
    states(tmp_path / "good")
    states(tmp_path / "uneven", steps=[0, 1, 2, 5])
    states(tmp_path / "twice", {"b3.npy": np.ones(2)})
    states(tmp_path / "unnumbered", {"last.npy": np.ones(2)})
    states(tmp_path / "shapes", {"a4.npy": np.ones(3)})
    states(tmp_path / "nan", {"a4.npy": np.array([1, np.nan])})
    states(tmp_path / "huge", {"a4.npy": np.array([1, 1e300])})
    states(tmp_path / "objects", {"a4.npy": np.array([Malicious(), 1], object)})
    states(tmp_path / "mixed")
    torch.save({"w": torch.ones(2)}, tmp_path / "mixed/c9.pt")
    (tmp_path / "empty").mkdir()
    checkpoints(tmp_path / "malicious", {"w": torch.ones(2), "more": Malicious()})
    checkpoints(tmp_path / "names", {"v": torch.ones(2)})
    checkpoints(tmp_path / "cut", {"w": torch.ones(2)})
    (tmp_path / "cut/c3.pt").write_bytes((tmp_path / "cut/c3.pt").read_bytes()[:400])
    return tmp_path


def refused(look, spec):
    with pytest.raises(KoopflowError) as caught:
        look("mine", TrajectorySettings.load(spec))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("trajectories.mine: ")
    return line.removeprefix("trajectories.mine: ")


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (
            {"path": "text.h5"},
            "text.h5: not an HDF5 file, or one whose beginning is lost; expected a file written by "
            "koopflow's TrajectoryRecorder",
        ),
        (
            {"path": ["a.h5", "wide.h5"]},
            "wide.h5: holds w (3,) where a.h5 holds w (2,); pooled trajectories must have the same",
        ),
        (
            {"path": ["a.h5", "sparse.h5"]},
            "sparse.h5: pooled trajectories must have equal step spacing (got 2, but 1 in a.h5)",
        ),
        ({"path": "a.h5", "delays": 7}, "a.h5: run 0 must have at least 9 steps for 7 delays (got 8)"),
        ({"path": "good", "delays": 7}, "good: run 0 must have at least 9 steps for 7 delays (got 8)"),
        ({"path": "a.h5", "rank": 3}, "a.h5: rank must be at most 2, the rank of the data (got 3)"),
        ({"path": "good", "rank": 3}, "good: rank must be at most 2, the rank of the data (got 3)"),
        ({"path": "a.h5", "rank": 1.5}, "a.h5: rank must be 0 (optimal hard threshold)"),
        ({"path": "good/a1.npy"}, "good/a1.npy: must be a folder of states"),
        ({"path": "uneven"}, "uneven: states must be equally spaced (got spacings from 1 to 3 steps)"),
        ({"path": "twice"}, "twice/b3.npy: step 3 occurs twice, also in a3.npy"),
        ({"path": "unnumbered"}, "unnumbered/last.npy: no step number in its name; give it one, as in step-100"),
        (
            {"path": "mixed"},
            "mixed: must hold files of one kind out of .npy, .pt, .pth, .ckpt, .bin, .safetensors, .tar "
            "(got .npy, .pt)",
        ),
        (
            {"path": "empty"},
            "empty: must hold files of one kind out of .npy, .pt, .pth, .ckpt, .bin, .safetensors, .tar (got none)",
        ),
    ],
)
def test_what_the_description_tells_is_refused_before_any_weights_are_read(given, spec, line):
    assert refused(check_trajectory, spec).startswith(line)


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("shapes", "shapes/a4.npy: holds state (3,) for state (2,) in a0.npy; all states must match"),
        ("names", "names/c3.pt: holds v (2,) for w (2,) in c0.pt; all states must match"),
        ("uneven", "uneven: states must be equally spaced (got spacings from 1 to 3 steps)"),
        ("nan", "nan/a4.npy: holds nan in state; only finite numbers in the range of float32 can be fitted"),
        ("huge", "huge/a4.npy: holds 1e+300 in state; only finite numbers in the range of float32 can be fitted"),
        ("objects", "objects/a4.npy: not a readable array (Object arrays cannot be loaded when allow_pickle=False)"),
        (
            "cut",
            "cut/c3.pt: not a checkpoint that can be read without executing code (its end is lost); "
            "expected a file written by torch.save(",
        ),
        (
            "malicious",
            "malicious/c3.pt: not a checkpoint that can be read without executing code (UnpicklingError: "
            "it holds more than tensors",
        ),
    ],
)
def test_a_state_that_cannot_be_fitted_is_named_by_its_own_file_and_never_executed(given, folder, line):
    files = read_from(folder)
    before = [Path(file).read_bytes() for file in files]

    def fitted(name, settings):
        return trajectory_spectrum(name, settings, SpectraSettings(draws=10, level=0.9), seed=1)

    said = refused(fitted, {"path": folder})
    assert said.startswith(line)
    assert "weights_only" not in said, "torch's own advice is to execute what the file says"
    assert [Path(file).read_bytes() for file in files] == before
    assert not (given / "executed").exists()


def test_files_and_folders_that_can_be_fitted_pass_and_every_file_behind_them_is_an_input(given):
    for path in (["a.h5"], ["a.h5", "good"], "malicious"):
        check_trajectory("mine", TrajectorySettings.load({"path": path, "delays": 6, "rank": -1}))
    assert read_from(["a.h5", "good"]) == ["a.h5", *(f"good/a{step}.npy" for step in range(8))]
