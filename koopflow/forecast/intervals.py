"""Prediction intervals from past errors, calibrated by adaptive conformal inference.

The score of a past forecast is its absolute error divided by the error expected when it was made;
the half-width of an interval is a quantile of all known scores times the expected error. The
quantile level adapts after every hit and miss (Gibbs and Candes 2021), so coverage holds even if a
series drifts.
"""

from bisect import insort

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


class AdaptiveInterval:
    """Half-width of the prediction interval at one horizon, learned online from errors.

    Parameters
    ----------
    coverage : float
        Nominal coverage.
    step : int
        Steps ahead.
    decay : float
        Factor by which the weight of an error decays per origin.
    """

    def __init__(self, coverage: float, step: int, decay: float) -> None:
        self.coverage, self.rate, self.decay = coverage, RATE / step, decay
        self._scores: list[float] = []
        self._level, self._size, self._weight, self._usual = coverage, 0.0, 0.0, 0.0

    def settle(self, error: float, half: float, expected: float) -> None:
        """Add an absolute error, with the `half_width` results from when its forecast was made."""
        if not np.isfinite(error):
            return
        if np.isfinite(half):
            self._level += self.rate * (self.coverage - (1.0 if error <= half else 0.0))
        if np.isfinite(expected) and expected > 0:
            insort(self._scores, min(error / expected, LARGEST_SCORE))
        self._size, self._weight = self.decay * self._size + error, self.decay * self._weight + 1.0
        self._usual += (error - self._usual) / (len(self._scores) + 1.0)

    def half_width(self) -> tuple[float, float]:
        """Return the half-width and the expected error; NaN while there are too few scores."""
        if self._weight <= 0:
            return np.nan, np.nan
        # A stretch of near-zero errors does not make the next forecast certain: expect at least a
        # share of the usual error.
        expected = max(self._size / self._weight, 0.2 * self._usual, 1e-300)
        if len(self._scores) < FEWEST_SCORES:
            return np.nan, expected
        place = min(max(self._level, 0.0), 1.0) * (len(self._scores) + 1)
        quantile = self._scores[min(len(self._scores) - 1, max(0, int(np.ceil(place)) - 1))]
        if self._level > 1.0:
            quantile *= 1.0 + 4.0 * (self._level - 1.0)
        return quantile * expected, expected


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
    count, horizon = predictions.shape
    errors = np.abs(truth - predictions)
    half, expected = np.full((2, count, horizon), np.nan)
    for column in range(horizon):
        step = column + 1
        learned, known = AdaptiveInterval(coverage, step, float(np.exp(-1.0 / memory))), 0
        for i in range(count):
            while origins[known] + step <= origins[i]:
                learned.settle(errors[known, column], half[known, column], expected[known, column])
                known += 1
            half[i, column], expected[i, column] = learned.half_width()
    return predictions - half, predictions + half
