"""Prediction intervals from remembered errors, with their coverage kept by adaptive conformal inference.

The score of a past forecast is its absolute error over the size of errors expected then; an interval reaches the quantile of all
known scores. The level of that quantile moves after every hit and miss (Gibbs and Candes 2021), so coverage holds even when the
series drifts.
"""

from bisect import insort

import numpy as np

# Simulated errors of growing size (110 origins, spread up to 7 times larger at the end) are covered nearer to nominal with 0.05 (0.886 to
# 0.903 of 0.9) than with 0.02 (0.877 to 0.911).
# Errors k steps ahead come as k alike: each moves the level by a k-th of it, or a few misses would open the interval beyond all measure.
RATE = 0.05
# After a stretch of vanishing errors any error is many times the expected size; it must not decide the width for long.
LARGEST_SCORE = 100.0


def conformal_intervals(
    predictions: np.ndarray, truth: np.ndarray, origins: np.ndarray, coverage: float = 0.9, memory: float = 60.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends (n, horizon) of intervals around rolling forecasts.

    Parameters
    ----------
    predictions, truth : (n, horizon)
        Truth may be NaN where it was never observed. A truth is used only for origins at which it had happened.
    origins : (n,) int, increasing
    coverage : float
        Nominal share of truths inside.
    memory : float
        Number of origins after which the expected size of errors has faded to 1/e.
    """
    count, horizon = predictions.shape
    lower, upper = np.full((count, horizon), np.nan), np.full((count, horizon), np.nan)
    errors = np.abs(truth - predictions)
    decay = float(np.exp(-1.0 / memory))
    for step in range(1, horizon + 1):
        scores: list[float] = []
        level, size, weight, whole, known = coverage, 0.0, 0.0, 0.0, 0
        half, expected = np.full(count, np.nan), np.full(count, np.nan)
        for i in range(count):
            while origins[known] + step <= origins[i]:
                error = errors[known, step - 1]
                if np.isfinite(error):
                    if np.isfinite(half[known]):
                        level += RATE / step * (coverage - (1.0 if error <= half[known] else 0.0))
                    if np.isfinite(expected[known]) and expected[known] > 0:
                        insort(scores, min(error / expected[known], LARGEST_SCORE))
                    size, weight = decay * size + error, decay * weight + 1.0
                    whole += (error - whole) / (len(scores) + 1.0)
                known += 1
            if weight > 0:
                # Errors near zero for a while do not make the next one certain: never below a share of what has been usual.
                expected[i] = max(size / weight, 0.2 * whole, 1e-300)
            if len(scores) >= 8:
                place = min(max(level, 0.0), 1.0) * (len(scores) + 1)
                quantile = scores[min(len(scores) - 1, max(0, int(np.ceil(place)) - 1))]
                if level > 1.0:
                    quantile *= 1.0 + 4.0 * (level - 1.0)
                half[i] = quantile * expected[i]
        lower[:, step - 1], upper[:, step - 1] = predictions[:, step - 1] - half, predictions[:, step - 1] + half
    return lower, upper
