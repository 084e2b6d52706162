"""A range of steps, patterns of tensors, and a start at zero: one trajectory's trouble is its
own."""

import numpy as np
import pandas as pd
import pytest
import torch

from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.recorded import trajectory_spectrum
from koopflow.koopman.tables import spectrum_distances
from koopflow.koopman.user_files import check_trajectory
from koopflow.trajectory import TrajectoryWriter

FIT = {"rank": 1}


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A run recorded every second step, NaN from step 30 on, and the same as a folder; decay 0.9
    per state."""
    monkeypatch.chdir(tmp_path)
    states = [np.array([1.0, 2.0]) * 0.9**number for number in range(25)]
    states[15:] = [np.full(2, np.nan)] * 10
    (tmp_path / "folder").mkdir()
    with TrajectoryWriter("run.h5", [("w", (2,))], 1, study={}, seeds=[]) as writer:
        for number, state in enumerate(states):
            writer.append(2 * number, state[None])
            extra = {"w": torch.tensor(state), "bn.running_var": torch.tensor(state) ** 2}
            torch.save(extra, f"folder/step-{2 * number}.pt")


def eigenvalues(**settings):
    settings = TrajectorySettings.load(FIT | settings, "trajectories.mine")
    check_trajectory("mine", settings)
    return trajectory_spectrum("mine", settings, SpectraSettings(draws=10), 0)[0]["real"].tolist()


@pytest.mark.parametrize("path", ["run.h5", "folder", ["run.h5", "run.h5"], ["folder", "folder"]])
def test_a_range_of_steps_leaves_out_where_a_run_diverged(given, path):
    assert eigenvalues(path=path, steps=[0, 28]) == pytest.approx([0.9])
    with pytest.raises(KoopflowError, match=r"nan in w"):
        eigenvalues(path=path)


def test_the_message_about_nan_says_which_range_to_give(given):
    with pytest.raises(
        KoopflowError, match=r"step 30; only finite weights can be fitted; leave it out with steps: \[0, 28\]"
    ):
        eigenvalues(path="run.h5")


@pytest.mark.parametrize("path", ["run.h5", "folder"])
def test_a_range_without_states_is_one_line(given, path):
    with pytest.raises(KoopflowError, match=rf"trajectories.mine: {path}: .*steps 90 to 99"):
        eigenvalues(path=path, steps=[90, 99])
    with pytest.raises(KoopflowError, match=r"trajectories.mine.steps"):
        eigenvalues(path=path, steps=[90])


def test_settings_pass_through_a_job_unchanged():
    settings = TrajectorySettings.load({"path": "run.h5", "steps": [3, 9]}, "trajectories.mine")
    assert TrajectorySettings.load(settings.dump(), "trajectories.mine") == settings
    every_step = TrajectorySettings.load({"path": "run.h5"}, "trajectories.mine")
    assert TrajectorySettings.load(every_step.dump(), "trajectories.mine") == every_step


def test_patterns_choose_tensors_of_a_folder(given):
    assert eigenvalues(path="folder", steps=[0, 28], include=["*running_var"], exclude=["w"]) == pytest.approx([0.81])


def test_a_run_that_starts_at_zero_stops_no_comparison():
    row = {"mode": 0, "real": 0.9, "imag": 0.0}
    rows = [
        row | {"trajectory": "zero", "amplitude": 0.0},
        row | {"trajectory": "other", "amplitude": 1.0, "real": 0.7},
    ]
    distances = spectrum_distances(pd.DataFrame(rows), 0, 10)
    assert distances["distance"].tolist() == pytest.approx([0.2])
    assert distances["distance_weighted"].isna().all()
