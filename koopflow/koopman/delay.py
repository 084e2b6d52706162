"""Delayed states: what the matrix of all of them does to vectors, without it ever being formed."""

import numpy as np

BLOCK_NUMBERS = 4 << 20  # numbers held at once: 32 MB, few and large matrix products


def windows(states: np.ndarray, delays: int) -> np.ndarray:
    """Return the delayed states of one run (step, parameter): (windows, parameter * (delays + 1)), the oldest block first."""
    count = len(states) - delays
    return np.concatenate([states[lag : lag + count] for lag in range(delays + 1)], axis=1)


def project(states: np.ndarray, basis: np.ndarray, delays: int) -> np.ndarray:
    """Return (windows, k): the delayed states of one run times `basis` (dimension, k).

    Every state meets the basis blocks of all lags in one product; the delayed states' values are sums along its diagonals.
    """
    width, kept = states.shape[1], basis.shape[1]
    lags = np.ascontiguousarray(basis.reshape(delays + 1, width, kept).transpose(1, 0, 2)).reshape(width, -1)
    out = np.empty((len(states) - delays, kept))
    step = max(delays + 1, BLOCK_NUMBERS // lags.shape[1])
    for start in range(0, len(out), step):
        stop = min(start + step, len(out))
        parts = (states[start : stop + delays] @ lags).reshape(-1, delays + 1, kept)
        out[start:stop] = parts[: stop - start, 0]
        for lag in range(1, delays + 1):
            out[start:stop] += parts[lag : lag + stop - start, lag]
    return out


def combine(states: np.ndarray, coefficients: np.ndarray, delays: int) -> np.ndarray:
    """Return (dimension, k): sums of the first delayed states of one run with `coefficients` (some windows, k)."""
    count = len(coefficients)
    return np.concatenate([states[lag : lag + count].T @ coefficients for lag in range(delays + 1)])
