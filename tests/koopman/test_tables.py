"""The tables of the user's trajectories: from a file or a folder to rows, with distances between
them."""

import numpy as np
import pandas as pd
import pytest

from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.recorded import trajectory_spectrum
from koopflow.equivalence.tables import all_distances, comparison_table, spectra_of
from koopflow.io.columns import SETUP_EIGENVALUES, TRAJECTORY_DISTANCES, TRAJECTORY_EIGENVALUES
from koopflow.io.paths import existing
from koopflow.koopman.tables import spectrum_distances
from koopflow.koopman.user_files import check_trajectory
from koopflow.trajectory import TrajectoryWriter

OPTIONS = SpectraSettings(draws=20, level=0.9), 1


def described(**settings):
    return TrajectorySettings.load(settings)


def decaying(path, rates, steps=30):
    """Four runs whose two observables decay by `rates`; returns their settings."""
    with TrajectoryWriter(path, [("a", (1,)), ("b", (1,))], 4, study={}, seeds=[], steps=steps) as writer:
        for step in range(steps):
            writer.append(step, np.array([[1, 2], [3, 1], [2, 2], [1, 3]]) * np.array(rates) ** step)
    return described(path=str(path), rank=-1)


def test_known_decay_rates_come_out_as_rows_and_distances(tmp_path):
    slow, *_ = trajectory_spectrum("slow", decaying(tmp_path / "a.h5", (0.99, 0.95)), *OPTIONS)
    fast, *_ = trajectory_spectrum("fast", decaying(tmp_path / "b.h5", (0.89, 0.85)), *OPTIONS)
    folder = tmp_path / "arrays"
    folder.mkdir()
    for step in range(30):
        np.save(folder / f"state{step}.npy", np.array([1.0, 2.0]) * np.array([0.89, 0.85]) ** step)
    other, *_ = trajectory_spectrum("other", described(path=str(folder), rank=1), *OPTIONS)
    assert tuple(slow.columns) == TRAJECTORY_EIGENVALUES
    assert np.allclose(slow["real"], [0.99, 0.95], atol=1e-4)
    assert slow["believed"].all()
    assert np.all((slow["real_low"] <= slow["real"] + 1e-6) & (slow["real"] - 1e-6 <= slow["real_high"]))
    distances = spectrum_distances(pd.concat([slow, fast, other]), seed=1)
    assert tuple(distances.columns) == TRAJECTORY_DISTANCES
    table = distances.set_index(["a", "b"])
    assert table.loc[("fast", "slow"), "distance"] == pytest.approx(0.1, abs=1e-4)
    assert np.isnan(table.loc[("fast", "other"), "p_shuffle"])


def test_a_list_of_paths_is_one_spectrum_of_all_their_runs(tmp_path):
    spec = decaying(tmp_path / "a.h5", (0.99, 0.95))
    other = decaying(tmp_path / "b.h5", (0.99, 0.95), steps=40)
    pooled, runs, _ = trajectory_spectrum("both", described(path=[spec.path, other.path], rank=-1), *OPTIONS)
    assert np.allclose(pooled["real"], [0.99, 0.95], atol=1e-4)
    assert set(pooled["runs"]) == {8}
    assert set(pooled["steps"]) == {40}
    assert set(pooled["resampled"]) == {"runs"}
    corrected, *_ = trajectory_spectrum(
        "both", described(path=spec.path, rank=-1, variant="forward_backward"), *OPTIONS
    )
    assert np.allclose(corrected["real"], [0.99, 0.95], atol=1e-4)
    assert tuple(runs.columns) == (*SETUP_EIGENVALUES, "rank")
    assert runs.groupby("seed").size().tolist() == [2] * 8


def test_each_run_has_its_own_spectrum_and_the_tests_of_equivalence_read_it(tmp_path):
    """Runs that decay at nearly one rate in each file: their spectra tell the fast file from the
    two slow ones, and only it."""
    tables = []
    for name, rate in (("slow", 0.99), ("same", 0.99), ("fast", 0.9)):
        generator, steps, runs = np.random.default_rng(len(tables)), 30, 5
        rates = rate + 0.001 * generator.standard_normal(runs)
        with TrajectoryWriter(tmp_path / f"{name}.h5", [("a", (3,))], runs, study={}, seeds=[], steps=steps) as writer:
            for step in range(steps):
                writer.append(step, (rates**step)[:, None] * [1, 2, 3])
        spec = described(path=str(tmp_path / f"{name}.h5"), rank=1)
        _, table, _ = trajectory_spectrum(name, spec, *OPTIONS)
        table = table[table["rank"] == 1]  # the ranks above come with it, for the verdicts beside
        assert np.allclose(table["real"], rates, atol=1e-5)
        tables.append(table)
    spectra = spectra_of(pd.concat(tables))
    tests = comparison_table(all_distances(spectra), {"trajectories": list(spectra)}, 0.05, 0.25, 1)
    verdicts = tests.set_index(["a", "b"])["verdict"]
    assert verdicts["slow", "fast"] == verdicts["same", "fast"] == "different"
    assert verdicts["slow", "same"] != "different"


def test_a_run_without_the_rank_asked_for_is_fitted_in_all_it_has(tmp_path):
    with TrajectoryWriter(tmp_path / "t.h5", [("a", (2,))], 2, study={}, seeds=[], steps=20) as writer:
        for step in range(20):
            writer.append(step, np.array([[0.9**step, 0.8**step], [0.7**step, 0]]))
    spec = described(path=str(tmp_path / "t.h5"), rank=2)
    _, runs, _ = trajectory_spectrum("mine", spec, *OPTIONS)
    runs = runs[runs["rank"] == 2]
    assert runs.groupby("seed")["real"].apply(lambda part: part.round(4).tolist()).tolist() == [[0.9, 0.8], [0.7]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delays": 29}, r"trajectories.mine: .*a.h5: run 0 must have at least 31 steps for 29 delays \(got 30\)"),
        ({"rank": 3}, "trajectories.mine: .*a.h5: rank must be at most 2, the rank of the data"),
        ({"parameters": ["c*"]}, r"trajectories.mine: .*a.h5: no parameter matches 'c\*'; it has a, b"),
    ],
)
def test_what_the_file_cannot_give_is_named_with_the_trajectory_and_leaves_the_file_alone(tmp_path, change, message):
    spec = decaying(tmp_path / "a.h5", (0.99, 0.95))
    before = (tmp_path / "a.h5").read_bytes()
    for look in (check_trajectory, lambda name, settings: trajectory_spectrum(name, settings, *OPTIONS)):
        with pytest.raises(KoopflowError, match=message) as caught:
            look("mine", described(**{**spec.dump(), **change}))
        assert "\n" not in str(caught.value)
    assert (tmp_path / "a.h5").read_bytes() == before


def test_a_path_that_is_not_there_is_named_with_its_key(tmp_path):
    with pytest.raises(KoopflowError, match=r"trajectories.mine.path: .*run.h5 does not exist"):
        existing({"mine": {"path": str(tmp_path / "run.h5")}})
    with pytest.raises(KoopflowError, match=r"trajectories.mine.path: .*run.h5 does not exist"):
        existing({"mine": {"path": [str(tmp_path), str(tmp_path / "run.h5")]}})
    (tmp_path / "run.h5.partial").touch()
    with pytest.raises(KoopflowError, match=r"to read the unfinished recording, set it to .*run.h5.partial"):
        existing({"mine": {"path": str(tmp_path / "run.h5")}})
