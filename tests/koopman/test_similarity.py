"""DSA: zero for rotated operators, known for normal ones, and sees what spectra cannot."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from koopflow.core.errors import KoopflowError
from koopflow.koopman.similarity import operator_distance, operator_distances


def rotation(generator, size):
    return np.linalg.qr(generator.normal(size=(size, size)))[0]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_rotated_operator_is_the_same(size):
    generator = np.random.default_rng(size)
    for _ in range(5):
        matrix, turn = generator.normal(size=(size, size)), rotation(generator, size)
        assert operator_distance(matrix, turn @ matrix @ turn.T) < 1e-3 * np.linalg.norm(matrix)


def test_normal_operators_have_the_distance_of_their_matched_eigenvalues():
    generator = np.random.default_rng(1)
    for _ in range(5):
        first, second = generator.normal(size=(2, 4))
        pairs = [np.diag(values) for values in (first, second)]
        a, b = (turn @ matrix @ turn.T for matrix, turn in zip(pairs, (rotation(generator, 4), rotation(generator, 4))))
        costs = (first[:, None] - second) ** 2
        expected = np.sqrt(costs[linear_sum_assignment(costs)].sum())
        assert operator_distance(a, b) == pytest.approx(expected, rel=1e-3)


def test_equal_spectra_with_other_eigenvectors_are_apart():
    normal, sheared = np.diag([0.9, 0.5]), np.array([[0.9, 2.0], [0.0, 0.5]])
    np.testing.assert_allclose(np.linalg.eigvals(sheared), [0.9, 0.5])
    assert operator_distance(normal, sheared) > 1.5


def test_smaller_operators_are_padded_and_the_matrix_is_symmetric():
    found = operator_distances([np.diag([0.9]), np.diag([0.9, 0.5]), np.diag([0.5, 0.9])])
    np.testing.assert_allclose(found, [[0, 0.5, 0.5], [0.5, 0, 0], [0.5, 0, 0]], atol=1e-4)
    with pytest.raises(KoopflowError, match="square and finite"):
        operator_distance(np.ones((2, 3)), np.eye(2))
