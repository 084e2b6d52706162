"""How well a score tells two classes apart: the area under the ROC curve, and its interval."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from scipy.optimize import brentq

TINY = 1e-9
"""At areas 0 and 1 themselves the error is zero: the other end of the interval is sought beside
them."""


def area(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the share of pairs (positive, negative) in which the positive has the higher score;
    ties count one half.

    Parameters
    ----------
    scores : float (unit,)
    positive : bool (unit,)
        Both classes must occur.

    >>> area([0.1, 0.4, 0.4, 0.9], [False, False, True, True])
    0.875
    """
    placed = _placed(scores, positive)
    return float(placed.mean())


def area_interval(scores: ArrayLike, positive: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Return the area with its interval, which has a width also where the classes are apart.

    All areas that a score test would accept, with the standard error of an area of that size
    (Newcombe, Stat. Med. 25, 2006, method 5).

    Returns
    -------
    area, low, high : float
    """
    found, positive = area(scores, positive), np.asarray(positive, bool)
    return found, *area_interval_of(found, int(positive.sum()), int((~positive).sum()), level)


def area_interval_of(found: float, positives: int, negatives: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of an area that was found with so many independent units of each class,
    as `area_interval` does.

    Returns
    -------
    low, high : float
    """
    z = float(special.ndtri(0.5 + level / 2))
    extra = (positives + negatives) / 2 - 1

    def beyond(theta: float) -> float:
        factor = 1 + extra * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (theta - found) ** 2 - z**2 * theta * (1 - theta) * factor / (positives * negatives)

    low = 0.0 if found <= 0 else float(brentq(beyond, 0.0, found - TINY))
    high = 1.0 if found >= 1 else float(brentq(beyond, found + TINY, 1.0))
    return low, high


def gain_interval(
    scores: ArrayLike, others: ArrayLike, positive: ArrayLike, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the area of `scores` minus that of `others` on the same units, with its interval.

    The intervals of both areas are combined (Zou and Donner, Stat. Med. 27, 2008), with the
    correlation of DeLong et al. (Biometrics 44, 1988); where that is undefined, the areas count as
    independent.

    Returns
    -------
    gain, low, high : float
    """
    (a, a_low, a_high), (b, b_low, b_high) = (area_interval(each, positive, level) for each in (scores, others))
    r = _correlation(_placed(scores, positive), _placed(others, positive))
    below = (a - a_low) ** 2 + (b_high - b) ** 2 - 2 * r * (a - a_low) * (b_high - b)
    above = (a_high - a) ** 2 + (b - b_low) ** 2 - 2 * r * (a_high - a) * (b - b_low)
    return a - b, a - b - float(np.sqrt(max(below, 0.0))), a - b + float(np.sqrt(max(above, 0.0)))


def _placed(scores: ArrayLike, positive: ArrayLike) -> NDArray[np.float64]:
    """Return, for each pair (positive, negative), 1, 1/2 or 0."""
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    above = scores[positive][:, None] - scores[~positive][None, :]
    return 0.5 * (np.sign(above) + 1)


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the correlation of two areas from their pairs (positive, negative)."""
    covariance = np.zeros((2, 2))
    for axis in (1, 0):
        means = np.stack([a.mean(axis=axis), b.mean(axis=axis)])
        if means.shape[1] > 1:
            covariance += np.cov(means) / means.shape[1]
    size = np.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(np.clip(covariance[0, 1] / size, -1, 1)) if size > 0 else 0.0
