"""Distances between spectra: eigenvalues as points of the complex plane under optimal transport."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.koopman.runs import Array, ComplexArray


def matching(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return indices (i, j), each int (r,), of the one-to-one matching of two spectra with minimal
    total distance.

    Raises
    ------
    KoopflowError
        For spectra of unequal sizes; use `distance` for these.
    """
    first, second = _points(a, "a"), _points(b, "b")
    if len(first) != len(second):
        raise KoopflowError(
            f"spectra must have equal sizes for a one-to-one matching (got {len(first)} and "
            f"{len(second)}); use distance"
        )
    return assignment(np.abs(first[:, None] - second[None, :]))


def assignment(costs: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return indices (rows, columns) of the pairs of least total cost in a matrix (r, r)."""
    from scipy.optimize import linear_sum_assignment  # takes long to import, and most jobs match nothing

    rows, columns = linear_sum_assignment(costs)
    return rows, columns


def match_many(spectra: ComplexArray, others: ComplexArray) -> tuple[NDArray[np.intp], Array]:
    """Match m spectra with each of n lists of m spectra of the same rank.

    Parameters
    ----------
    spectra : complex128 (m, r)
    others : complex128 (n, m, r)

    Returns
    -------
    columns : int (n, r)
        Index in ``others[:, 0]`` of the eigenvalue matched to each of ``spectra[0]``.
    distances : float64 (n,)
        `distance` between corresponding spectra, averaged over m.
    """
    costs = np.abs(spectra[None, :, :, None] - others[:, :, None, :])
    columns, matched = _assigned(costs)
    return columns[:, 0], matched.mean(axis=(1, 2))


def distance(
    a: ArrayLike, b: ArrayLike, *, weights_a: ArrayLike | None = None, weights_b: ArrayLike | None = None
) -> float:
    """Return the 1-Wasserstein distance between two spectra, in units of eigenvalues.

    Parameters
    ----------
    a, b : complex array
        Spectra of any sizes.
    weights_a, weights_b : array, optional
        Masses such as |amplitudes|, scaled to sum to 1; uniform by default.

    Notes
    -----
    Equal sizes without weights: the mean distance of matched pairs (Redman et al., arXiv
    2302.09160). Otherwise: optimal transport (POT).

    Raises
    ------
    KoopflowError
        For an empty or non-finite spectrum, or weights of the wrong size.
    """
    first, second = _points(a, "a"), _points(b, "b")
    costs = np.abs(first[:, None] - second[None, :])
    if weights_a is None and weights_b is None and len(first) == len(second):
        return float(costs[assignment(costs)].mean())
    os.environ.setdefault("POT_BACKEND_DISABLE_PYTORCH", "1")  # otherwise POT imports torch
    import ot

    return float(ot.emd2(_mass(first, weights_a, "a"), _mass(second, weights_b, "b"), costs))


def distances(spectrum: ComplexArray, others: Sequence[ComplexArray]) -> Array:
    """Return the `distance` of one spectrum to each of several, float64 (other,)."""
    first, points = _points(spectrum, "a"), [_points(other, "b") for other in others]
    if not points or {len(other) for other in points} != {len(first)}:
        return np.array([distance(first, other) for other in points])
    costs = np.abs(first[None, :, None] - np.stack(points)[:, None, :])
    return np.asarray(_assigned(costs)[1].mean(axis=1))


def mode_distance(modes_a: ComplexArray, modes_b: ComplexArray, columns: NDArray[np.intp]) -> float:
    """Return the mean Euclidean distance, sqrt(2 - 2 |<a, b>|), of matched unit modes at their
    optimal relative phase.

    Parameters
    ----------
    modes_a, modes_b : complex128 (dimension, r)
    columns : int (r,)
        Index in `modes_b` of the mode matched to each of `modes_a`, see `match_many`.
    """
    first = modes_a / np.maximum(np.linalg.norm(modes_a, axis=0), 1e-300)
    second = modes_b / np.maximum(np.linalg.norm(modes_b, axis=0), 1e-300)
    overlap = np.abs(np.einsum("dr,dr->r", first.conj(), second[:, columns]))
    return float(np.mean(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * np.minimum(overlap, 1.0)))))


class Shuffle(NamedTuple):
    """A distance, the distances after shuffling, and the share `p` of these at least as large."""

    distance: float
    shuffled: Array
    p: float


def shuffle_control(a: ArrayLike, b: ArrayLike, generator: np.random.Generator, shuffles: int = 100) -> Shuffle:
    """Return the shuffle control of Redman et al. (arXiv 2302.09160).

    The two spectra are matched once; each shuffle swaps the members of each pair with probability
    1/2 and recomputes the distance. A swap never increases the distance, so p is small if the two
    sets are distinguishable.

    Parameters
    ----------
    a, b : complex array (r,)
    generator : numpy Generator
    shuffles : int

    Raises
    ------
    KoopflowError
        For spectra of unequal sizes.
    """
    i, j = matching(a, b)
    first, second = _points(a, "a")[i], _points(b, "b")[j]
    true = distance(first, second)
    swaps = generator.random((shuffles, len(first))) < 0.5
    both, place = np.concatenate([first, second]), np.arange(len(first))
    left, right = np.where(swaps, place + len(first), place), np.where(swaps, place, place + len(first))
    costs = np.abs(both[:, None] - both[None, :])[left[:, :, None], right[:, None, :]]
    shuffled = _assigned(costs)[1].mean(axis=1)
    return Shuffle(true, shuffled, float(np.mean(shuffled >= true * (1 - 1e-12))))


def _assigned(costs: Array) -> tuple[NDArray[np.intp], Array]:
    """Return the optimal assignment of each matrix in `costs` (..., r, r): columns and costs of the
    pairs, each (..., r).
    """
    rank = costs.shape[-1]
    columns = np.array([assignment(cost)[1] for cost in costs.reshape(-1, rank, rank)], dtype=np.intp)
    columns = columns.reshape(costs.shape[:-1])
    return columns, np.take_along_axis(costs, columns[..., None], axis=-1)[..., 0]


def _points(spectrum: ArrayLike, name: str) -> ComplexArray:
    points = np.asarray(spectrum, complex).ravel()
    if not len(points) or not np.isfinite(points).all():
        raise KoopflowError(
            f"spectrum {name} must hold at least one eigenvalue, all finite (got {len(points)} eigenvalues)"
        )
    return points


def _mass(points: ComplexArray, weights: ArrayLike | None, name: str) -> Array:
    mass = np.ones(len(points)) if weights is None else np.abs(np.asarray(weights, complex)).astype(float).ravel()
    if len(mass) != len(points) or not np.isfinite(mass).all() or mass.sum() <= 0:
        raise KoopflowError(
            f"weights of spectrum {name} must be {len(points)} finite numbers, not all zero (got {len(mass)})"
        )
    return mass / mass.sum()
