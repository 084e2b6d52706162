"""Products with the matrix of all delayed states, which is never formed.

The delayed state at time t, oldest block first, is contiguous in the memory of a run (step,
parameter): it starts at t and is delays + 1 steps long. The delayed states at times o, o + delays +
1, ... therefore are a matrix without a copy, and delays + 1 such matrices hold them all.
"""

from collections.abc import Iterator
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
    """
    out = np.empty((len(states) - delays, basis.shape[1]))
    for times, part in _views(states, len(out), delays):
        out[times] = part @ basis
    return out


def combine(states: Array, coefficients: Array, delays: int) -> Array:
    """Return the first delayed states of one run, times `coefficients` (windows, k), float64
    (dimension, k).
    """
    out = np.zeros((states.shape[1] * (delays + 1), coefficients.shape[1]))
    for times, part in _views(states, len(coefficients), delays):
        out += part.T @ coefficients[times]
    return out


def _views(states: Array, count: int, delays: int) -> Iterator[tuple[slice, Array]]:
    """Yield every (delays + 1)-th of the first `count` delayed states, from each start, as (times,
    matrix)."""
    states, step = np.ascontiguousarray(states), delays + 1
    for start in range(min(step, count)):
        held = -(-(count - start) // step)
        yield slice(start, count, step), states[start : start + held * step].reshape(held, -1)
