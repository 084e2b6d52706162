"""The decomposition by inner products against closed forms and PyDMD, on arrays and on trajectory
files."""

import numpy as np
import pytest
from pydmd import DMD

from koopflow.core.errors import KoopflowError
from koopflow.pruning.decompose import Window, prediction_error
from koopflow.trajectory import Trajectory, TrajectoryWriter


def linear_states(eigenvalues, steps=30, size=500, seed=0):
    """States of a linear system with the given eigenvalues (conjugate pairs complete), amplitudes
    and modes random."""
    generator = np.random.default_rng(seed)
    vectors = {}
    for value in eigenvalues:
        if np.conj(value) in vectors and value.imag != 0:
            vectors[value] = vectors[np.conj(value)].conj()
        else:
            vectors[value] = generator.standard_normal(size) + (
                1j * generator.standard_normal(size) if value.imag else 0
            )
    matrix = np.array([vectors[value] for value in eigenvalues])
    return np.real(np.power.outer(np.array(eigenvalues), np.arange(steps)).T @ matrix), matrix


EIGENVALUES = [1 + 0j, 0.7 + 0j, 0.9 + 0.2j, 0.9 - 0.2j]


@pytest.mark.parametrize("steps", [29, 20])
def test_eigenvalues_modes_and_amplitudes_of_a_linear_system_are_found(steps):
    states, matrix = linear_states(EIGENVALUES)
    window = Window(states)
    fitted = window.fit(steps, 4)
    found = window.modes(fitted)
    first, last = 29 - steps, 29
    for value, vector in zip(EIGENVALUES, matrix):
        i = np.argmin(np.abs(found.eigenvalues - value))
        assert abs(found.eigenvalues[i] - value) < 1e-7
        np.testing.assert_allclose(found.amplitudes[i] * found.vectors[i], vector * value**first, atol=1e-5)
        np.testing.assert_allclose(found.present[i] * found.vectors[i], vector * value**last, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-9)
    assert found.steps == steps
    assert prediction_error(fitted) < 1e-6


@pytest.mark.parametrize(("steps", "rank"), [(29, 6), (18, 3)])
def test_noisy_states_give_pydmd_s_exact_modes_at_every_window_and_rank(steps, rank):
    states, _ = linear_states(EIGENVALUES)
    states = states + 0.01 * np.random.default_rng(1).standard_normal(states.shape)
    window = Window(states)
    fitted = window.fit(steps, rank)
    peer = DMD(svd_rank=rank, exact=True).fit(states[-steps - 1 :].T)
    order = [int(np.argmin(np.abs(fitted.eigenvalues - value))) for value in peer.eigs]
    np.testing.assert_allclose(fitted.eigenvalues[order], peer.eigs, atol=1e-8)
    mine = np.abs(window.modes(fitted).vectors[order])
    theirs = np.abs(peer.modes.T)
    np.testing.assert_allclose(mine, theirs / np.linalg.norm(theirs, axis=1, keepdims=True), atol=1e-6)
    before, after = states[-steps - 1 : -1].T, states[-steps:].T
    u, s, vh = np.linalg.svd(before, full_matrices=False)
    u, s, vh = u[:, :rank], s[:rank], vh[:rank]
    reduced = u.T @ after @ vh.T / s
    expected = np.linalg.norm(u.T @ after - reduced @ u.T @ before) / np.linalg.norm(u.T @ (after - before))
    assert prediction_error(fitted) == pytest.approx(expected, rel=1e-6)


def test_a_trajectory_on_disk_gives_what_the_same_states_in_memory_give(tmp_path):
    states = [linear_states(EIGENVALUES, seed=seed)[0].astype(np.float32) for seed in (0, 1)]
    with TrajectoryWriter(tmp_path / "t.h5", [("w", (500,))], 2, study={}, seeds=[0, 1], steps=30) as writer:
        for step in range(30):
            writer.append(100 + step, np.stack([run[step] for run in states]))
    with Trajectory(tmp_path / "t.h5") as trajectory:
        window = Window(trajectory.window(105, 125), replica=1)
        fitted = window.fit(15, 4)
        memory = Window(states[1][5:26])
        other = memory.fit(15, 4)
        np.testing.assert_allclose(fitted.eigenvalues, other.eigenvalues, rtol=1e-9)
        np.testing.assert_allclose(window.modes(fitted).vectors, memory.modes(other).vectors, rtol=1e-9, atol=1e-12)


def test_energy_share_full_rank_and_at_most_so_many_modes():
    window = Window(linear_states(EIGENVALUES)[0])
    assert window.fit(29, 1e-6).rank == 1
    assert window.fit(29, -1).rank == 4
    assert window.fit(29, 12).rank == 4


@pytest.mark.parametrize(
    ("states", "rank", "message"),
    [
        (np.ones((1, 5)), 1, "must have at least 2 steps"),
        (np.full((5, 5), np.nan), 1, "must be finite"),
        (np.ones((5, 5)), -2, "svd_rank must be .*got -2"),
    ],
)
def test_impossible_fits_say_what_is_wrong(states, rank, message):
    with pytest.raises(KoopflowError, match=message):
        Window(states).fit(len(states) - 1, rank)
