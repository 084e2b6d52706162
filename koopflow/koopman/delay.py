"""Products with the matrix of all delayed states, which is never formed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.koopman.runs import Array

BLOCK_NUMBERS = 4 << 20
"""Numbers held at once (32 MB of float64): large blocks make few, fast matrix products."""


def windows(states: NDArray[Any], delays: int) -> NDArray[Any]:
    """Return the delayed states of one run (step, parameter), the oldest block first.

    Returns
    -------
    array (windows, parameter * (delays + 1))
    """
    count = len(states) - delays
    return np.concatenate([states[lag : lag + count] for lag in range(delays + 1)], axis=1)


def project(states: Array, basis: Array, delays: int) -> Array:
    """Return the delayed states of one run (step, parameter) times `basis` (dimension, k), float64
    (windows, k).

    One product multiplies every state by the basis blocks of all lags; sums along its diagonals
    give the delayed products.
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


def combine(states: Array, coefficients: Array, delays: int) -> Array:
    """Return the first delayed states of one run, times `coefficients` (windows, k), float64
    (dimension, k).
    """
    count = len(coefficients)
    return np.concatenate([states[lag : lag + count].T @ coefficients for lag in range(delays + 1)])
