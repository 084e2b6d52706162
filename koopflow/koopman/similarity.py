"""Dynamical similarity of operators (DSA): their distance after the best rotation of one of them.

Spectra alone say nothing about how modes overlap; two operators with equal spectra may still turn
and grow their states differently (non-normal growth). DSA compares whole operators,

    d(A, B) = min over orthogonal C of |A - C B C^T|_F

(Ostrow et al., NeurIPS 2023, arXiv 2306.10168). For normal operators it is the root of the smallest
sum of squared distances between matched eigenvalues (Hoffman and Wielandt, Duke Math. J. 20, 1953).
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.koopman.runs import Array

STARTS, ITERATIONS, TOLERANCE = 12, 200, 1e-8
"""Orthogonal matrices to start from, at most this many steps, and the gradient to stop at."""


def operator_distance(a: Array, b: Array) -> float:
    """Return the DSA distance of two operators, see `operator_distances`.

    >>> turned = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> one = np.array([[0.9, 0.3], [0.0, 0.5]])
    >>> bool(operator_distance(one, turned @ one @ turned.T) < 1e-6)
    True
    """
    return float(operator_distances([a, b])[0, 1])


def operator_distances(operators: Sequence[Array], wanted: NDArray[np.bool_] | None = None) -> Array:
    """Return the DSA distances between all operators, float64 (operator, operator).

    The minimum over orthogonal C is sought by gradient steps of Barzilai and Borwein's length (IMA J.
    Numer. Anal. 8, 1988), each followed by the nearest orthogonal matrix, from several fixed starts
    of both determinants. The smallest distance seen counts.

    Parameters
    ----------
    operators : sequence of float64 (r, r)
        In orthonormal coordinates, such as `Koopman.operator`. A smaller one is padded with zeros.
    wanted : bool (operator, operator), optional
        Distances to compute; the others are NaN.

    Raises
    ------
    KoopflowError
        For matrices that are not square or not finite.
    """
    for matrix in operators:
        if np.ndim(matrix) != 2 or len(matrix) != np.shape(matrix)[1] or not np.isfinite(matrix).all():
            raise KoopflowError(f"operators must be square and finite (got shape {np.shape(matrix)})")
    size = max(len(matrix) for matrix in operators)
    padded = np.array([np.pad(np.asarray(matrix, float), (0, size - len(matrix))) for matrix in operators])
    result = np.zeros((len(padded), len(padded)))
    starts = _starts(size)
    for i, j in combinations(range(len(padded)), 2):
        known = wanted is None or wanted[i, j]
        result[i, j] = result[j, i] = _distance(padded[i], padded[j], starts) if known else np.nan
    return result


def _distance(a: Array, b: Array, starts: Array) -> float:
    turns = np.concatenate([starts, _aligned(a, b)])
    step = np.full((len(turns), 1, 1), 0.5 / max(float(np.linalg.norm(a, 2) * np.linalg.norm(b, 2)), 1e-300))
    slope, apart = _slope(a, b, turns)
    best = float(apart.min())
    for _ in range(ITERATIONS):
        left, _, right = np.linalg.svd(turns - step * slope)
        moved = left @ right
        steeper, apart = _slope(a, b, moved)
        best = min(best, float(apart.min()))
        if np.abs(steeper).max(axis=(1, 2))[int(apart.argmin())] < TOLERANCE * (1 + best):
            break
        change, turn = moved - turns, steeper - slope
        along = np.abs(np.sum(change * turn, axis=(1, 2), keepdims=True))
        step = np.sum(change**2, axis=(1, 2), keepdims=True) / np.maximum(along, 1e-300)
        turns, slope = moved, steeper
    return best


def _slope(a: Array, b: Array, turns: Array) -> tuple[Array, Array]:
    """Return the gradient along the orthogonal matrices, and |A - C B C^T|."""
    gradient = -(a @ turns @ b.T + a.T @ turns @ b)
    rest = a - turns @ b @ turns.transpose(0, 2, 1)
    return gradient - turns @ gradient.transpose(0, 2, 1) @ turns, np.linalg.norm(rest, axis=(1, 2))


def _aligned(a: Array, b: Array) -> Array:
    """Return the rotations that align singular vectors, and eigenvectors of the symmetric parts."""
    pairs = [(np.linalg.svd(a)[0], np.linalg.svd(b)[0]), (np.linalg.svd(a)[2].T, np.linalg.svd(b)[2].T)]
    pairs.append((np.linalg.eigh(a + a.T)[1], np.linalg.eigh(b + b.T)[1]))
    return np.array([left @ right.T for left, right in pairs])


def _starts(size: int) -> Array:
    """Return fixed orthogonal matrices (start, size, size), half of each determinant."""
    generator = np.random.Generator(np.random.PCG64(0))
    turns = np.linalg.qr(generator.standard_normal((STARTS, size, size)))[0]
    turns[0] = np.eye(size)
    turns[1 : STARTS // 2, :, 0] *= np.sign(np.linalg.det(turns[1 : STARTS // 2]))[:, None]
    turns[STARTS // 2 :, :, 0] *= -np.sign(np.linalg.det(turns[STARTS // 2 :]))[:, None]
    return turns
