"""The decomposition by inner products against closed forms and a plain decomposition of the whole matrix."""

import numpy as np
import pytest
from pydmd import DMD

from koopflow.errors import KoopflowError
from koopflow.pruning import decompose


def linear_states(eigenvalues, steps=30, size=500, seed=0):
    """States of a linear system with the given eigenvalues (conjugate pairs complete), amplitudes and modes random."""
    generator = np.random.default_rng(seed)
    vectors = {}
    for value in eigenvalues:
        if np.conj(value) in vectors and value.imag != 0:
            vectors[value] = vectors[np.conj(value)].conj()
        else:
            vectors[value] = generator.standard_normal(size) + (1j * generator.standard_normal(size) if value.imag else 0)
    matrix = np.array([vectors[value] for value in eigenvalues])
    return np.real(np.power.outer(np.array(eigenvalues), np.arange(steps)).T @ matrix), matrix


EIGENVALUES = [1 + 0j, 0.7 + 0j, 0.9 + 0.2j, 0.9 - 0.2j]


def test_eigenvalues_modes_and_amplitudes_of_a_linear_system_are_found():
    states, matrix = linear_states(EIGENVALUES)
    fitted = decompose.fit(decompose.gram(states), 4)
    found = decompose.modes(states, fitted)
    for value, vector in zip(EIGENVALUES, matrix):
        i = np.argmin(np.abs(found.eigenvalues - value))
        assert abs(found.eigenvalues[i] - value) < 1e-7
        np.testing.assert_allclose(found.amplitudes[i] * found.vectors[i], vector, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-9)
    assert fitted.prediction_error < 1e-6


def test_noisy_states_give_pydmd_s_exact_modes():
    states, _ = linear_states(EIGENVALUES)
    states = states + 0.01 * np.random.default_rng(1).standard_normal(states.shape)
    fitted = decompose.fit(decompose.gram(states), 6)
    peer = DMD(svd_rank=6, exact=True).fit(states.T)
    order = [int(np.argmin(np.abs(fitted.eigenvalues - value))) for value in peer.eigs]
    np.testing.assert_allclose(fitted.eigenvalues[order], peer.eigs, atol=1e-8)
    mine = np.abs(decompose.modes(states, fitted).vectors[order])
    theirs = np.abs(peer.modes.T)
    np.testing.assert_allclose(mine, theirs / np.linalg.norm(theirs, axis=1, keepdims=True), atol=1e-6)


def test_blocks_change_nothing_and_chosen_modes_are_those_of_all():
    states, _ = linear_states(EIGENVALUES)
    products = decompose.gram(states)
    np.testing.assert_allclose(decompose.gram(states, block=7), products, rtol=1e-12)
    fitted = decompose.fit(products, 4)
    np.testing.assert_allclose(
        decompose.modes(states, fitted, [2], block=11).vectors[0], decompose.modes(states, fitted).vectors[2], rtol=1e-9, atol=1e-12
    )


def test_energy_share_and_full_rank():
    states, _ = linear_states(EIGENVALUES)
    products = decompose.gram(states)
    assert len(decompose.fit(products, 1e-6).eigenvalues) == 1
    assert len(decompose.fit(products, -1).eigenvalues) == 4


@pytest.mark.parametrize(
    ("states", "rank", "message"),
    [
        (np.ones((2, 5)), 1, "accepted are at least 2"),
        (np.full((5, 5), np.nan), 1, "NaN or infinite weights"),
        (np.ones((5, 5)), 1.5, "rank: 1.5"),
        (np.ones((5, 5)), 0, "rank: 0"),
    ],
)
def test_impossible_fits_say_what_is_wrong(states, rank, message):
    with pytest.raises(KoopflowError, match=message):
        decompose.fit(decompose.gram(states), rank)
