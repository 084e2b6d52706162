"""Windows along one training: a change of the dynamics is seen where it happens, against the floor between seeds."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.equivalence.windows import runs_of, seeds_of, starts, window_distances, window_eigenvalues
from koopflow.figures.style import save, use
from koopflow.figures.windows import first_epoch, matrix, plot_figure_4, plot_figure_s5, plot_windows
from koopflow.koopman.fitted_runs import FitOptions
from koopflow.trajectory import Trajectory, TrajectoryWriter

SLOW, FAST, CHANGE, STEPS, LENGTH = (0.99, 0.95), (0.9, 0.8), 60, 120, 20


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Four runs, of two seeds and two copies, of a linear map whose eigenvalues change at iteration 60."""
    generator = np.random.default_rng(0)
    path = str(tmp_path_factory.mktemp("windows") / "run.h5")
    seen = np.linalg.qr(generator.standard_normal((5, 2)))[0]
    state = generator.uniform(1, 2, (4, 2))
    with TrajectoryWriter(path, [("weight", (5,))], 4, study={}, seeds=[], steps=STEPS + 1) as writer:
        for step in range(STEPS + 1):
            if step == CHANGE:
                state = state / np.abs(state).max(axis=1, keepdims=True)  # float32 resolves the decay again
            writer.append(step, (state @ seen.T).astype(np.float32), np.zeros(4))
            state = state * (SLOW if step < CHANGE - 1 else FAST)
    with Trajectory(path) as trajectory:
        yield trajectory


@pytest.fixture(scope="module")
def eigenvalues(recorded):
    runs = seeds_of(recorded, 2, [], ["0/0", "0/1", "1/0", "1/1"])
    return window_eigenvalues("map", runs, LENGTH, FitOptions(svd_rank=2))


def test_each_window_has_the_eigenvalues_of_its_stretch(eigenvalues):
    for (_, window), of in eigenvalues.groupby(["seed", "window"]):
        expected = SLOW if window < CHANGE else FAST
        np.testing.assert_allclose(np.sort(of["real"])[::-1], expected, atol=2e-3)
    assert sorted(set(eigenvalues["window"])) == [0, 20, 40, 60, 80, 100]


def test_distances_are_large_across_the_change_alone(eigenvalues):
    """Across the change the distance is the mean of 0.09 and 0.15; within a stretch and between seeds it is zero."""
    distances = window_distances(eigenvalues)
    across = (distances["window_a"] < CHANGE) & (distances["window_b"] >= CHANGE)
    np.testing.assert_allclose(distances.loc[across, "distance"], 0.12, atol=3e-3)
    assert distances.loc[~across, "distance"].max() < 3e-3
    floor = distances[distances["seed"] == "0-1"]
    assert (floor["window_a"] == floor["window_b"]).all()
    assert len(floor) == 6
    assert len(distances) == 2 * 15 + 6


def test_windows_are_whole_and_begin_with_the_run():
    assert starts(np.arange(0, 121), 20) == [0, 20, 40, 60, 80, 100]
    assert starts(np.arange(5, 48), 20) == [5, 25]
    assert starts(np.arange(0, 100, 2), 20) == [0, 20, 40, 60, 80]
    assert starts(np.arange(30), 30) == [0]


def test_a_window_longer_than_the_run_is_one_line(recorded):
    with pytest.raises(
        KoopflowError, match=r"^a window must be at most 121 iterations long, as is the run \(got 122\)$"
    ):
        window_eigenvalues("map", runs_of([recorded]), 122, FitOptions(svd_rank=2))


def test_every_replica_of_a_recording_is_a_run_and_a_diverged_one_is_left_out(recorded):
    assert [run.replicas for run in runs_of([recorded])] == [(0,), (1,), (2,), (3,)]
    kept = seeds_of(recorded, 2, ["0/0", "1/0", "1/1"], ["0/0", "0/1", "1/0", "1/1"])
    assert [(run.seed, run.replicas) for run in kept] == [(0, (1,))]


def test_heat_maps_show_mean_distances_with_the_floor_on_the_diagonal(eigenvalues, tmp_path):
    use()
    distances = window_distances(eigenvalues)
    table = matrix(distances)
    assert table.loc[0, 100] == table.loc[100, 0] == pytest.approx(0.12, abs=3e-3)
    assert table.loc[20, 20] == pytest.approx(distances[distances["seed"] == "0-1"]["distance"][1:].iloc[0], abs=3e-3)
    alone = matrix(distances[distances["seed"] == "0"])
    assert np.isnan(np.diag(alone)).all()
    early = first_epoch(distances, {"map": 60}, ["window_a", "window_b"])
    assert set(early["window_b"]) == {0, 20, 40}
    seen = first_epoch(eigenvalues, {"map": 60}, ["window"])
    for figure in (
        plot_windows(distances),
        plot_figure_4(early, seen, ["map"]),
        plot_figure_s5(distances, {"map": 60}),
    ):
        assert all(path.stat().st_size for path in save(figure, tmp_path / "figure"))


def test_no_windows_give_an_empty_table():
    assert window_distances(pd.DataFrame(columns=["run", "seed", "window", "real", "imag"])).empty
