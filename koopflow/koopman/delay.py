"""Delayed states without forming them: what a window matrix does to vectors, one lag at a time."""

import numpy as np


def project(states: np.ndarray, basis: np.ndarray, delays: int) -> np.ndarray:
    """Return (windows, k): the delayed states of one run (step, parameter) times `basis` (dimension, k), lag-major rows."""
    windows, width = len(states) - delays, states.shape[1]
    out = states[:windows] @ basis[:width]
    for lag in range(1, delays + 1):
        out += states[lag : lag + windows] @ basis[lag * width : (lag + 1) * width]
    return out


def combine(states: np.ndarray, coefficients: np.ndarray, delays: int) -> np.ndarray:
    """Return (dimension, k): sums of the first delayed states of one run with `coefficients` (some windows, k)."""
    count = len(coefficients)
    return np.concatenate([states[lag : lag + count].T @ coefficients for lag in range(delays + 1)])


def windows(states: np.ndarray, delays: int) -> np.ndarray:
    """Return the delayed states themselves, (windows, dimension), for small problems and for stable routes block by block."""
    count = len(states) - delays
    return np.concatenate([states[lag : lag + count] for lag in range(delays + 1)], axis=1)
