"""Noisy linear processes with known eigenvalues, their fitted spectra, and distances between many
spectra at once."""

from collections.abc import Sequence
from itertools import permutations

import numpy as np

from koopflow.koopman.dmd import Koopman, fit

STATES, DELAYS, RANK = 60, 1, 4


def linear_map(slow: float = 0.95, angle: float = 0.3) -> np.ndarray:
    """Return a (4, 4) map with eigenvalues 0.9 exp(± i angle), slow and 0.6, in a basis that is not
    orthogonal."""
    block = np.zeros((4, 4))
    block[:2, :2] = 0.9 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    block[2, 2], block[3, 3] = slow, 0.6
    basis = np.eye(4) + 0.3 * np.triu(np.ones((4, 4)), 1)
    return basis @ block @ np.linalg.inv(basis)


def fits(matrix: np.ndarray, count: int, generator: np.random.Generator, noise: float = 0.1) -> list[Koopman]:
    """Return the operators of `count` seeds of the process x -> matrix x + noise, fitted as a study
    fits them."""
    states = np.empty((count, STATES, 4))
    states[:, 0] = generator.normal(size=(count, 4))
    for time in range(1, STATES):
        states[:, time] = states[:, time - 1] @ matrix.T + noise * generator.normal(size=(count, 4))
    return [fit(run, delays=DELAYS, svd_rank=RANK, route="direct") for run in states]


def spectra_of_runs(matrix: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return the eigenvalues of `fits`, complex128 (seed, RANK)."""
    return np.array([one.eigenvalues for one in fits(matrix, count, generator)])


def distances(spectra: np.ndarray, scatter: np.ndarray | None = None) -> np.ndarray:
    """Return the distances between all spectra (seed, r) of a small rank: the cheapest of all
    matchings.

    With `scatter` (seed, r), each difference is divided by the summed scatter of its two
    eigenvalues.
    """
    costs = np.abs(spectra[:, None, :, None] - spectra[None, :, None, :])
    if scatter is not None:
        costs /= scatter[:, None, :, None] + scatter[None, :, None, :]
    rank = spectra.shape[1]
    orders: Sequence[tuple[int, ...]] = list(permutations(range(rank)))
    return np.min([costs[:, :, np.arange(rank), order].mean(axis=-1) for order in orders], axis=0)
