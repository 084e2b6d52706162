"""Confidence intervals over independent seeds: Student's t for means, the jackknife for other
statistics."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

REALS = (-np.inf, np.inf)
NOT_NEGATIVE = (0.0, np.inf)
FRACTION = (0.0, 1.0)
"""The range of an accuracy, a density or a Jaccard index."""
CORRELATION = (-1.0, 1.0)
AT_MOST_ONE = (-np.inf, 1.0)
"""The range of R² and of an overlap adjusted for chance."""


def student(values: ArrayLike, level: float = 0.95, within: tuple[float, float] = REALS) -> tuple[float, float, float]:
    """Return the mean of independent values and its Student's t confidence interval.

    Parameters
    ----------
    values : array (n,)
    level : float
        The interval's coverage.
    within : (float, float)
        The range of the quantity. The interval is clipped to it, so an accuracy never exceeds 1.
        Clipping keeps the coverage, since the true mean cannot lie outside the range.

    Returns
    -------
    mean, low, high : float
        The interval is NaN for fewer than two values.
    """
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(half_width(values.std(ddof=1) / np.sqrt(len(values)), len(values) - 1, level))
    return mean, float(np.clip(mean - half, *within)), float(np.clip(mean + half, *within))


def half_width(error: ArrayLike, freedom: float, level: float | NDArray[np.float64] = 0.95) -> NDArray[np.float64]:
    """Return the half-width of Student's interval for the standard `error` and `freedom` degrees of
    freedom.

    The result has the shape of `error`; a scalar gives a NumPy scalar.
    """
    return special.stdtrit(freedom, 0.5 + level / 2) * error


def jackknife(left_out: ArrayLike, level: float = 0.95) -> NDArray[np.float64]:
    """Return the half-width of a statistic's interval from its leave-one-out values.

    Parameters
    ----------
    left_out : array (n, ...)
        Row i is the statistic without unit i.

    Returns
    -------
    array (...)

    References
    ----------
    Efron & Stein (1981), The jackknife estimate of variance, Annals of Statistics 9, 586.
    """
    left_out = np.asarray(left_out, dtype=float)
    n = len(left_out)
    return half_width(np.sqrt((n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)), n - 1, level)
