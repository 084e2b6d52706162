"""Delayed states a few at a time: what the matrix of all of them does to vectors, without it ever being formed whole."""

from collections.abc import Iterator

import numpy as np

BLOCK_NUMBERS = 4 << 20  # numbers of delayed states formed at once: 32 MB, few and large matrix products


def windows(states: np.ndarray, delays: int) -> np.ndarray:
    """Return the delayed states of one run (step, parameter): (windows, parameter * (delays + 1)), the oldest block first."""
    count = len(states) - delays
    return np.concatenate([states[lag : lag + count] for lag in range(delays + 1)], axis=1)


def window_blocks(states: np.ndarray, delays: int, count: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the first `count` delayed states in blocks: their places, and the states (some, dimension)."""
    step = max(1, BLOCK_NUMBERS // (states.shape[1] * (delays + 1)))
    for start in range(0, count, step):
        stop = min(start + step, count)
        yield slice(start, stop), windows(states[start : stop + delays], delays)


def project(states: np.ndarray, basis: np.ndarray, delays: int) -> np.ndarray:
    """Return (windows, k): the delayed states of one run times `basis` (dimension, k)."""
    out = np.empty((len(states) - delays, basis.shape[1]))
    for place, block in window_blocks(states, delays, len(out)):
        out[place] = block @ basis
    return out


def combine(states: np.ndarray, coefficients: np.ndarray, delays: int) -> np.ndarray:
    """Return (dimension, k): sums of the first delayed states of one run with `coefficients` (some windows, k)."""
    return sum(block.T @ coefficients[place] for place, block in window_blocks(states, delays, len(coefficients)))
