"""How far apart two spectra are: eigenvalues as points of the plane under optimal transport."""

import os
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from koopflow.core.errors import KoopflowError


def _points(spectrum, name: str) -> np.ndarray:
    points = np.asarray(spectrum, complex).ravel()
    if not len(points) or not np.isfinite(points).all():
        raise KoopflowError(f"spectrum {name}: found {len(points)} eigenvalues, expected at least one and all finite")
    return points


def matching(a, b) -> tuple[np.ndarray, np.ndarray]:
    """Return indices (i, j) of the one-to-one matching of two spectra of equal size with the least total distance."""
    a, b = _points(a, "a"), _points(b, "b")
    if len(a) != len(b):
        raise KoopflowError(f"spectra of sizes {len(a)} and {len(b)} have no one-to-one matching; use distance")
    return linear_sum_assignment(np.abs(a[:, None] - b[None, :]))


def distance(a, b, *, weights_a=None, weights_b=None) -> float:
    """Return the 1-Wasserstein distance between two spectra, in units of eigenvalues.

    Parameters
    ----------
    a, b : complex arrays of any sizes
    weights_a, weights_b : arrays, optional
        Masses, such as |amplitudes|, scaled to sum to 1; uniform by default.

    Equal sizes without weights: the mean distance of matched pairs (as in the paper); else optimal transport (POT).
    """
    a, b = _points(a, "a"), _points(b, "b")
    costs = np.abs(a[:, None] - b[None, :])
    if weights_a is None and weights_b is None and len(a) == len(b):
        return float(costs[linear_sum_assignment(costs)].mean())
    os.environ.setdefault("POT_BACKEND_DISABLE_PYTORCH", "1")  # else POT imports torch, which this room does without
    import ot

    masses = []
    for name, points, weights in (("a", a, weights_a), ("b", b, weights_b)):
        mass = np.ones(len(points)) if weights is None else np.abs(np.asarray(weights, complex)).astype(float).ravel()
        if len(mass) != len(points) or not np.isfinite(mass).all() or mass.sum() <= 0:
            raise KoopflowError(f"weights of spectrum {name}: expected {len(points)} finite numbers, not all zero")
        masses.append(mass / mass.sum())
    return float(ot.emd2(masses[0], masses[1], costs))


class Shuffle(NamedTuple):
    """A distance, its distances after shuffling, and the share of these that reach it."""

    distance: float
    shuffled: np.ndarray
    p: float


def shuffle_control(a, b, generator: np.random.Generator, shuffles: int = 100) -> Shuffle:
    """Return the paper's control: keep the matching, swap the members of each matched pair by a coin, recompute the distance.

    Redman et al., arXiv 2302.09160: p is the share of shuffles whose distance is at least the true one. A swap can keep or lower
    the distance, never raise it, so a small p says that the two sets can be told apart at all.
    """
    i, j = matching(a, b)
    a, b = _points(a, "a")[i], _points(b, "b")[j]
    true = distance(a, b)
    swaps = generator.random((shuffles, len(a))) < 0.5
    both, place = np.concatenate([a, b]), np.arange(len(a))
    left, right = np.where(swaps, place + len(a), place), np.where(swaps, place, place + len(a))
    costs = np.abs(both[:, None] - both[None, :])[left[:, :, None], right[:, None, :]]
    matched = np.array([linear_sum_assignment(cost)[1] for cost in costs], dtype=int).reshape(swaps.shape)
    shuffled = np.take_along_axis(costs, matched[:, :, None], axis=2)[:, :, 0].mean(axis=1)
    return Shuffle(true, shuffled, float(np.mean(shuffled >= true * (1 - 1e-12))))
