"""Runs that cannot be fitted are left out by name; the others are fitted as if they were alone."""

import numpy as np
import pytest

from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.core.errors import KoopflowError, UnfitError
from koopflow.equivalence.recorded import recorded_spectra
from koopflow.koopman.fitted_runs import FitOptions, fit_runs
from koopflow.trajectory import Trajectory, TrajectoryWriter

OPTIONS = (SpectraSettings(draws=10), 0)


def written(path, *runs):
    """Write runs (step, 2) as the replicas of one file."""
    states = np.stack(runs).astype(np.float32)
    with TrajectoryWriter(path, [("w", (2,))], len(runs), study={}, seeds=[], steps=states.shape[1]) as writer:
        for step in range(states.shape[1]):
            writer.append(step, states[:, step])
    return path


def decaying(scale=1.0, rates=(0.9, 0.5), count=40):
    return scale * np.power(rates, np.arange(count)[:, None])


def spoilt(value=np.nan):
    states = decaying()
    states[20:, 1] = value
    return states


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_of_several_files_the_sound_ones_are_fitted(tmp_path, value):
    runs = [decaying(), spoilt(value), decaying(2)]
    paths = [written(tmp_path / f"{i}.h5", run) for i, run in enumerate(runs)]
    spectrum, alone, exclusions = recorded_spectra(
        "a", TrajectorySettings(path=[str(p) for p in paths], rank=2), *OPTIONS
    )
    assert np.allclose(spectrum["real"], [0.9, 0.5], atol=1e-4)
    assert set(spectrum["runs"]) == {2}
    assert sorted(set(alone["seed"])) == [0, 2]
    assert exclusions[["trajectory", "run"]].to_numpy().tolist() == [["a", 1]]
    assert "1.h5: weight " in exclusions["reason"][0]
    assert "steps: [0, 19]" in exclusions["reason"][0]


def test_of_several_runs_in_a_file_the_sound_ones_are_fitted(tmp_path):
    path = written(tmp_path / "a.h5", spoilt(), decaying(), decaying(3), spoilt())
    with Trajectory(path) as file:
        found = fit_runs([file], FitOptions(svd_rank=2))
    assert np.allclose(np.sort(found.fitted.eigenvalues.real), [0.5, 0.9], atol=1e-4)
    assert sorted(found.runs) == [1, 2]
    assert sorted(found.left_out) == [0, 3]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_of_several_files_with_several_runs_only_the_bad_runs_are_left_out(tmp_path, value):
    contents = [(decaying(), spoilt(value)), (decaying(2, count=30), decaying(3, count=30)), (spoilt(value),) * 2]
    paths = [written(tmp_path / f"{i}.h5", *runs) for i, runs in enumerate(contents)]
    spectrum, alone, exclusions = recorded_spectra(
        "a", TrajectorySettings(path=[str(p) for p in paths], rank=2), *OPTIONS
    )
    assert np.allclose(spectrum["real"], [0.9, 0.5], atol=1e-4)
    assert set(spectrum["runs"]) == {3}
    assert sorted(set(alone["seed"])) == [0, 2, 3]
    assert exclusions["run"].tolist() == [1, 4, 5]
    assert "0.h5" in exclusions["reason"][0]
    assert "replica 1" in exclusions["reason"][0]


def test_runs_of_several_files_are_counted_through(tmp_path):
    runs = [decaying(rates=(0.9, 0.5)), decaying(rates=(0.8, 0.3)), decaying(rates=(0.7, 0.2))]
    paths = written(tmp_path / "a.h5", *runs[:2]), written(tmp_path / "b.h5", *runs[2:])
    with Trajectory(paths[0]) as first, Trajectory(paths[1]) as second:
        for number, rates in enumerate([(0.5, 0.9), (0.3, 0.8), (0.2, 0.7)]):
            found = FitOptions(svd_rank=2).fit([first, second], [number])
            assert np.allclose(np.sort(found.eigenvalues.real), rates, atol=1e-4)


@pytest.mark.parametrize(
    ("run", "rank", "words"),
    [
        (spoilt(), 2, "only finite weights"),
        (np.zeros((40, 2)), 1, "must not be all zero"),
        (np.ones((40, 2)), 2, "rank must be at most 1"),
    ],
)
def test_a_trajectory_without_a_run_to_fit_is_a_row_with_its_reason(tmp_path, run, rank, words):
    path = written(tmp_path / "a.h5", run)
    spectrum, alone, exclusions = recorded_spectra("a", TrajectorySettings(path=str(path), rank=rank), *OPTIONS)
    assert spectrum.empty
    assert alone.empty
    assert exclusions["run"].isna().all()
    assert words in exclusions["reason"][0]
    assert "trajectories.a: " in exclusions["reason"][0]


def test_a_folder_of_states_with_nan_is_left_out_too(tmp_path):
    for step, state in enumerate(spoilt()):
        np.save(tmp_path / f"step-{step}.npy", state)
    spectrum, _, exclusions = recorded_spectra("a", TrajectorySettings(path=str(tmp_path), rank=2), *OPTIONS)
    assert spectrum.empty
    assert "step-20.npy: holds nan" in exclusions["reason"][0]


def test_a_damaged_file_is_no_exclusion_but_an_error(tmp_path):
    path = written(tmp_path / "a.h5", decaying())
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(KoopflowError) as raised:
        recorded_spectra("a", TrajectorySettings(path=str(path), rank=2), *OPTIONS)
    assert not isinstance(raised.value, UnfitError)
