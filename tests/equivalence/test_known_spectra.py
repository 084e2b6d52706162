"""From a trajectory file to eigenvalues that are known: linear maps, several runs pooled, with
noise, delays 0 to 64."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.equivalence.fitting import fit_part
from koopflow.trajectory import TrajectoryWriter

KNOWN = np.array([0.995, 0.98, 0.97 * np.exp(0.2j), 0.97 * np.exp(-0.2j), 0.96 * np.exp(0.9j), 0.96 * np.exp(-0.9j)])
SEEDS, COPIES, STEPS = 2, 5, 201


@pytest.fixture(scope="module", params=[0.0, 1e-4])
def linear_map(request, tmp_path_factory):
    """A file of runs of one linear map of six dimensions, seen through twelve parameters, and the
    noise on them."""
    generator = np.random.default_rng(0)
    matrix = np.zeros((6, 6))
    matrix[0, 0], matrix[1, 1] = 0.995, 0.98
    for place, (modulus, angle) in ((2, (0.97, 0.2)), (4, (0.96, 0.9))):
        turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        matrix[place : place + 2, place : place + 2] = modulus * np.array(turn)
    seen = np.linalg.qr(generator.standard_normal((12, 6)))[0]
    state = generator.standard_normal((SEEDS * COPIES, 6))
    path = str(tmp_path_factory.mktemp("linear") / "runs.h5")
    with TrajectoryWriter(path, [("weight", (12,))], SEEDS * COPIES, study={}, seeds=[], steps=STEPS) as writer:
        for step in range(STEPS):
            noise = request.param * generator.standard_normal((SEEDS * COPIES, 12))
            writer.append(step, (state @ seen.T + noise).astype(np.float32), np.zeros(SEEDS * COPIES))
            state = state @ matrix.T
    return path, request.param


@pytest.mark.parametrize("delays", [0, 1, 2, 8, 32, 64])
def test_known_eigenvalues_are_recovered_from_pooled_runs(linear_map, delays):
    path, noise = linear_map
    rows = fit_part(path, "map", range(SEEDS), COPIES, [], delays, 6)[0]
    rows = rows[rows["rank"] == 6]
    for _, fitted in rows.groupby("seed"):
        found = fitted["real"].to_numpy() + 1j * fitted["imag"].to_numpy()
        assert len(found) == 6
        furthest = np.abs(found[None] - KNOWN[:, None]).min(axis=1).max()
        assert furthest < (1e-3 if noise else 1e-5)
        assert fitted["residual"].max() < (0.02 if noise else 1e-4)


def test_replicas_that_diverged_are_left_out_by_name(linear_map):
    path, _ = linear_map
    whole = fit_part(path, "map", range(SEEDS), COPIES, [], 2, 6)[0]
    fewer = fit_part(path, "map", range(SEEDS), COPIES, ["1/0", "1/3"], 2, 6)[0]
    first = whole["seed"] == 0
    assert fewer[fewer["seed"] == 0].equals(whole[first])
    assert not np.array_equal(fewer[fewer["seed"] == 1]["real"], whole[~first]["real"])
    gone = fit_part(path, "map", range(SEEDS), COPIES, [f"0/{copy}" for copy in range(COPIES)], 2, 6)[0]
    assert set(gone["seed"]) == {1}


def test_a_file_of_another_ensemble_is_refused_by_name(linear_map):
    with pytest.raises(KoopflowError, match="must hold 3 seeds of 5 copies \\(got 10 replicas\\)"):
        fit_part(linear_map[0], "map", range(3), COPIES, [], 2, 6)
