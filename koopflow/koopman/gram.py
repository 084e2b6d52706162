"""Small symmetric products of large trajectories, accumulated while the data stream by once.

Two sides. With more parameters than steps: the products of all states with each other (`time_gram`). With more steps than
parameters: the products of all parameters with each other over a time lag (`lag_gram`). Neither ever holds a delayed state: a
delayed product is a windowed sum along the diagonals of the plain one, or follows from its upper left neighbour by adding the last
and dropping the first term of the sum over time.
"""

import numpy as np
from scipy.linalg.blas import dsyrk, ssyrk

from koopflow.koopman.delay import window_blocks
from koopflow.koopman.source import Runs


def time_gram(runs: Runs, precision: str = "double") -> np.ndarray:
    """Return the products of all states of all runs with each other, float64 (steps, steps).

    "double" converts and accumulates in float64. "single" multiplies in float32 what differs from the first state, which is where
    the digits are, and accumulates blocks in float64: twice as fast, errors near 1e-7 of the difference's own size.
    """
    if precision == "single":
        return _time_gram_single(runs)
    count = int(runs.offsets[-1])
    gram = np.zeros((count, count), order="F")
    wide = None
    for _, _, block in runs.blocks():
        if wide is None or wide.shape != block.shape:
            wide = np.empty(block.shape)
        np.copyto(wide, block)
        gram = dsyrk(1.0, wide.T, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)
    return _mirrored(gram)


def _time_gram_single(runs: Runs) -> np.ndarray:
    count = int(runs.offsets[-1])
    gram, cross, norm = np.zeros((count, count), order="F"), np.zeros(count), 0.0
    for _, _, block in runs.blocks():
        first = block[0].copy()
        difference = np.subtract(block, first, dtype=np.float32)
        gram += ssyrk(1.0, difference.T, trans=1, lower=1)
        # short sums: their rounding would otherwise be seen beside the differences, which are small against the state
        for start in range(0, len(first), 256):
            cross += difference[:, start : start + 256] @ first[start : start + 256].astype(np.float32)
        norm += float(np.dot(first.astype(float), first.astype(float)))
    gram = _mirrored(gram)
    gram += cross[:, None] + cross[None, :] + norm
    return gram


def _mirrored(lower: np.ndarray) -> np.ndarray:
    upper = np.tril(lower, -1).T
    return np.tril(lower) + upper


def delayed_time_gram(gram: np.ndarray, runs: Runs) -> np.ndarray:
    """Return the products of all delayed states, float64 (windows, windows): sums of delays + 1 entries along diagonals of `gram`.

    Runs stay apart: an entry of two windows sums only over states of these two windows.
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


def lag_gram(runs: Runs) -> np.ndarray:
    """Return X X' of the delayed states that have a successor, float64 (dimension, dimension), X never formed.

    Only the upper triangle is filled.
    """
    width, size = runs.width, runs.dimension
    gram = np.zeros((size, size))
    ends = []
    for index, windows in enumerate(runs.windows):
        states, pairs = runs.run(index), windows - 1
        for place, block in window_blocks(states, runs.delays, pairs):
            gram[:width] += states[place].T @ block
        ends.append((states[: runs.delays], states[pairs : pairs + runs.delays]))
    for lag in range(1, runs.delays + 1):
        here = slice(lag * width, (lag + 1) * width)
        left = np.stack([part[lag - 1] for first, last in ends for part in (last, first)])  # (2 runs, parameter)
        signs = np.tile([1.0, -1.0], len(ends))[:, None]
        right = np.stack([part[lag - 1 :].ravel() for first, last in ends for part in (last, first)])
        gram[here, lag * width :] = gram[here.start - width : here.start, (lag - 1) * width : size - width]
        gram[here, lag * width :] += left.T @ (signs * right)
    return gram
