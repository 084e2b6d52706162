"""Confidence intervals over independent units: Student's t for means, the sign-flip test for means of
paired differences, the jackknife for other statistics."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

REALS = (-np.inf, np.inf)
NOT_NEGATIVE = (0.0, np.inf)
FRACTION = (0.0, 1.0)
"""The range of an accuracy, a density or a Jaccard index."""
CORRELATION = (-1.0, 1.0)
AT_MOST_ONE = (-np.inf, 1.0)
"""The range of R² and of an overlap adjusted for chance."""
ENUMERATED, SUBSETS = 16, 19_999
"""Most values of which all subsets are taken, and the number of random subsets of more."""


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
    from scipy import special  # a tenth of a second, which trainings need not wait for

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


def sign_flip(values: ArrayLike, level: float = 0.95) -> tuple[float, float, float, float]:
    """Return the mean of independent values, the interval of the sign-flip test, and its p-value.

    The test flips the signs of the values about a centre: if they are distributed symmetrically
    about it, every pattern of signs is equally likely, whatever their distributions. The interval
    holds all centres that the test does not reject; its ends are means of subsets of the values
    (Hartigan 1969), so it is exact for any number of values.

    Parameters
    ----------
    values : array (n,)
        Up to `ENUMERATED` values, all subsets count; above, a fixed random choice of them, which
        keeps the coverage (Forsythe & Hartigan 1970).
    level : float
        The interval's coverage.

    Returns
    -------
    mean, low, high, p : float
        The interval is NaN where so few values cannot give one: below 6 at 95 %. p is two-sided, for
        a centre of 0.

    References
    ----------
    Hartigan (1969), Using subsample values as typical values, J. Am. Stat. Assoc. 64, 1303.
    """
    values = np.asarray(values, dtype=float)
    typical = np.sort(_subset_means(values))
    total = len(typical) + 1
    below = (1 + np.count_nonzero(typical <= 0)) / total
    above = (1 + np.count_nonzero(typical >= 0)) / total
    cut = int((1 - level) / 2 * total * (1 + 1e-12))
    low, high = (typical[cut - 1], typical[total - cut - 1]) if cut else (np.nan, np.nan)
    return float(values.mean()), float(low), float(high), float(min(1.0, 2 * min(below, above)))


def _subset_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of all subsets but the empty one, or of a fixed random choice of them."""
    if len(values) > ENUMERATED:
        chosen = np.random.Generator(np.random.PCG64(0)).random((SUBSETS, len(values))) < 0.5
        chosen = chosen[chosen.any(axis=1)]
        return (chosen @ values) / chosen.sum(axis=1)
    sums, counts = np.zeros(1), np.zeros(1)
    for value in values:
        sums, counts = np.concatenate([sums, sums + value]), np.concatenate([counts, counts + 1])
    return sums[1:] / counts[1:]
