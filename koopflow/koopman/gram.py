"""Gram matrices of large trajectories, accumulated in one pass over the data.

With more parameters than steps: the products of all states with each other (`time_gram`). With more
steps than parameters: the products of all parameters with each other over time lags (`lag_gram`).
Neither forms a delayed state. A delayed product of states is a windowed sum along the diagonals of
the plain one; a delayed product of parameters follows from its upper left neighbour by adding the
last and dropping the first term of the sum over time.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk, ssyrk

from koopflow.koopman.lags import lag_products
from koopflow.koopman.runs import Array, Runs


def time_gram(runs: Runs, precision: str = "double") -> Array:
    """Return the inner products of all states of all runs, float64 (steps, steps).

    Parameters
    ----------
    runs : Runs
    precision : {"double", "single"}
        "single" multiplies differences from the first state in float32 and sums blocks in float64:
        twice as fast, with errors near 1e-7 of the differences' own products.
    """
    if precision == "single":
        return _time_gram_single(runs)
    count = int(runs.offsets[-1])
    gram = np.zeros((count, count), order="F")

    def add(worker: int, start: int, stop: int, block: NDArray[Any]) -> None:
        dsyrk(1.0, block.astype(float).T, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)

    runs.share(add)
    return _mirrored(gram)


def _time_gram_single(runs: Runs) -> Array:
    count = int(runs.offsets[-1])
    gram, cross, norm = np.zeros((count, count), order="F"), np.zeros(count), np.zeros(1)

    def add(worker: int, start: int, stop: int, block: NDArray[Any]) -> None:
        nonlocal gram
        first = block[0].copy()
        difference = np.subtract(block, first, dtype=np.float32)
        gram += ssyrk(1.0, difference.T, trans=1, lower=1)
        # sum short blocks: rounding errors of long sums would be large relative to the differences
        for at in range(0, len(first), 256):
            cross[:] += difference[:, at : at + 256] @ first[at : at + 256].astype(np.float32)
        norm[0] += np.dot(first.astype(float), first.astype(float))

    runs.share(add)
    gram = _mirrored(gram)
    gram += cross[:, None] + cross[None, :] + norm
    return gram


def _mirrored(lower: Array) -> Array:
    upper = np.tril(lower, -1).T
    return np.tril(lower) + upper


def delayed_time_gram(gram: Array, runs: Runs) -> Array:
    """Return the inner products of all delayed states, float64 (windows, windows), from `gram` of
    the states.

    Each is a sum of delays + 1 entries along a diagonal of `gram`, within the runs of its two
    windows.
    """
    if not runs.delays:
        return gram
    delayed = np.empty((sum(runs.windows), sum(runs.windows)))
    places = np.concatenate([[0], np.cumsum(runs.windows)])
    for i, (row, rows) in enumerate(zip(runs.offsets, runs.windows)):
        for j, (column, columns) in enumerate(zip(runs.offsets, runs.windows)):
            total = np.zeros((rows, columns))
            for lag in range(runs.delays + 1):
                total += gram[row + lag : row + lag + rows, column + lag : column + lag + columns]
            delayed[places[i] : places[i + 1], places[j] : places[j + 1]] = total
    return delayed


def lag_gram(runs: Runs) -> Array:
    """Return X X', float64 (dimension, dimension), without forming X, the delayed states with a
    successor.
    """
    width, size, delays = runs.width, runs.dimension, runs.delays
    gram = np.empty((size, size))
    gram[:width] = lag_products(runs).transpose(1, 0, 2).reshape(width, size)
    ends = []
    for index, windows in enumerate(runs.windows if delays else ()):
        states = runs.run(index)
        ends.append((states[windows - 1 : windows - 1 + delays], states[:delays]))
    for lag in range(1, delays + 1):
        here, before = slice(lag * width, (lag + 1) * width), slice((lag - 1) * width, lag * width)
        left = np.stack(
            [part[lag - 1] for both in ends for part in both]
        )  # (2 runs, parameter): terms to add, terms to drop
        right = np.stack([sign * part[lag - 1 :].ravel() for both in ends for part, sign in zip(both, (1, -1))])
        row = gram[here, lag * width :]
        np.matmul(left.T, right, out=row)
        row += gram[before, (lag - 1) * width : size - width]
    for lag in range(delays):
        here = slice(lag * width, (lag + 1) * width)
        gram[here.stop :, here] = gram[here, here.stop :].T
    return gram
