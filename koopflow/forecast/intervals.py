"""Prediction intervals from past errors, calibrated by adaptive conformal inference.

The score of a past forecast is its absolute error divided by the error expected when it was made;
the half-width of an interval is a quantile of all known scores times the expected error. The
quantile level adapts after every hit and miss (Gibbs and Candes 2021), so coverage holds even if a
series drifts.
"""

from bisect import insort
from collections.abc import Sequence
from itertools import accumulate
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Learning rate of the level. On simulated errors of growing size (110 origins, up to 7 times larger
# at the end) 0.05 covers closer to a nominal 0.9 (0.886 to 0.903) than 0.02 (0.877 to 0.911).
# Errors k steps ahead come in runs of about k, so each moves the level by rate / k; otherwise a few
# misses would make the interval far too wide.
RATE = 0.05
# After a stretch of near-zero errors, any error is many times the expected one; it must not
# determine the width for long.
LARGEST_SCORE = 100.0
# Number of scores needed before an interval is given.
FEWEST_SCORES = 8


class AdaptiveIntervals:
    """Half-widths of nested prediction intervals at one horizon, learned online from errors.

    Parameters
    ----------
    coverages : sequence of float
        Nominal coverages, increasing.
    step : int
        Steps ahead.
    decay : float
        Factor by which the weight of an error decays per origin.
    """

    def __init__(self, coverages: Sequence[float], step: int, decay: float) -> None:
        self.coverages, self.rate, self.decay = tuple(coverages), RATE / step, decay
        self._scores: list[float] = []
        self._levels, self._size, self._weight, self._usual = list(coverages), 0.0, 0.0, 0.0

    def settle(self, error: float, halves: Sequence[float], expected: float) -> None:
        """Add an absolute error, with the `half_widths` results from when its forecast was made."""
        if not np.isfinite(error):
            return
        for place, (coverage, half) in enumerate(zip(self.coverages, halves)):
            if np.isfinite(half):
                self._levels[place] += self.rate * (coverage - (1.0 if error <= half else 0.0))
        if np.isfinite(expected) and expected > 0:
            insort(self._scores, min(error / expected, LARGEST_SCORE))
        self._size, self._weight = self.decay * self._size + error, self.decay * self._weight + 1.0
        self._usual += (error - self._usual) / (len(self._scores) + 1.0)

    def half_widths(self) -> tuple[list[float], float]:
        """Return the half-widths, none smaller than that before, and the expected error; NaN while
        there are too few scores."""
        if self._weight <= 0:
            return [np.nan] * len(self.coverages), np.nan
        # A stretch of near-zero errors does not make the next forecast certain: expect at least a
        # share of the usual error.
        expected = max(self._size / self._weight, 0.2 * self._usual, 1e-300)
        if len(self._scores) < FEWEST_SCORES:
            return [np.nan] * len(self.coverages), expected
        return list(accumulate((self._quantile(level) * expected for level in self._levels), max)), expected

    def _quantile(self, level: float) -> float:
        """Return the quantile of the scores at an adapted level, which may exceed 1."""
        place = min(max(level, 0.0), 1.0) * (len(self._scores) + 1)
        quantile = self._scores[min(len(self._scores) - 1, max(0, int(np.ceil(place)) - 1))]
        return quantile * (1.0 + 4.0 * (level - 1.0)) if level > 1.0 else quantile


class RollingIntervals:
    """Prediction intervals around rolling forecasts, extended as origins and truths become known.

    Parameters
    ----------
    coverages : sequence of float
        Nominal coverages, increasing.
    horizon : int
        Steps ahead.
    memory : float
        Number of origins after which the weight of an error decays to 1/e.

    Attributes
    ----------
    halves : (n, horizon, coverages)
        Half-widths of the origins so far, each step learned by itself; NaN while there are too few
        errors.
    """

    def __init__(self, coverages: Sequence[float], horizon: int, memory: float = 60.0) -> None:
        decay = float(np.exp(-1.0 / memory))
        self._learned = [AdaptiveIntervals(coverages, column + 1, decay) for column in range(horizon)]
        self._known = [0] * horizon
        self.halves = np.empty((0, horizon, len(coverages)))
        self._expected = np.empty((0, horizon))

    @property
    def bands(self) -> Floats:
        """Return the half-widths, made even over the steps (`even`)."""
        return even(self.halves)

    def extend(self, errors: Floats, origins: NDArray[np.intp]) -> Self:
        """Add the origins after those so far; return self.

        Parameters
        ----------
        errors : (n, horizon)
            Absolute errors from all origins so far; NaN where the truth is not observed. An error
            is used only at origins at or after the time of its truth.
        origins : (n,) int, increasing
        """
        done, count, horizon = len(self.halves), len(errors), errors.shape[1]
        self.halves = np.concatenate([self.halves, np.full((count - done, *self.halves.shape[1:]), np.nan)])
        self._expected = np.concatenate([self._expected, np.full((count - done, horizon), np.nan)])
        for column, learned in enumerate(self._learned):
            known = self._known[column]
            for i in range(done, count):
                while origins[known] + column + 1 <= origins[i]:
                    learned.settle(errors[known, column], self.halves[known, column], self._expected[known, column])
                    known += 1
                self.halves[i, column], self._expected[i, column] = learned.half_widths()
            self._known[column] = known
        return self


def even(halves: Floats) -> Floats:
    """Return half-widths (n, horizon, coverages) that do not shrink from one step to a later one.

    Each step's quantile is learned from its own few errors, and leaps. The result is midway, on a
    logarithmic scale, between the largest half-width at any earlier step and the smallest at any
    later one, which keeps rising half-widths as they are and their usual size; then the mean with
    both neighbours. Steps without a half-width keep none.
    """
    logs = np.log(np.maximum(halves, 1e-300))
    known = np.isfinite(logs)
    highest = np.maximum.accumulate(np.where(known, logs, -np.inf), axis=1)
    lowest = np.minimum.accumulate(np.where(known, logs, np.inf)[:, ::-1], axis=1)[:, ::-1]
    middle = np.where(known, (np.where(known, highest, 0.0) + np.where(known, lowest, 0.0)) / 2, np.nan)
    padded = np.concatenate([middle[:, :1], middle, middle[:, -1:]], axis=1)
    beside = np.stack([padded[:, :-2], middle, padded[:, 2:]])
    found = np.where(np.isfinite(beside), beside, middle)
    return np.where(known, np.exp(np.where(known, (found[0] + 2 * found[1] + found[2]) / 4, 0.0)), np.nan)


def conformal_intervals(
    predictions: Floats, truth: Floats, origins: NDArray[np.intp], coverage: float = 0.9, memory: float = 60.0
) -> tuple[Floats, Floats]:
    """Return the lower and upper ends (n, horizon) of intervals around rolling forecasts.

    Parameters
    ----------
    predictions, truth : (n, horizon)
        Truth is NaN where not observed. A truth is used only at origins at or after its time.
    origins : (n,) int, increasing
    coverage : float
        Nominal coverage.
    memory : float
        Number of origins after which the weight of an error decays to 1/e.
    """
    found = RollingIntervals([coverage], predictions.shape[1], memory).extend(np.abs(truth - predictions), origins)
    half = found.halves[..., 0]
    return predictions - half, predictions + half
