"""Intervals over independent seeds: of a mean, and of any other statistic by leaving one out; those that every stage uses."""

import numpy as np
from scipy import special

REALS = (-np.inf, np.inf)
NOT_NEGATIVE = (0.0, np.inf)
FRACTION = (0.0, 1.0)
"""Where an accuracy, a density or a Jaccard index lies."""
CORRELATION = (-1.0, 1.0)
AT_MOST_ONE = (-np.inf, 1.0)
"""Where R² lies, and an agreement beyond chance."""


def student(values, level: float = 0.95, within: tuple[float, float] = REALS) -> tuple[float, float, float]:
    """Return mean and Student's confidence interval of independent `values`, shape (n,); the interval is NaN for fewer than two.

    The interval of a quantity that cannot leave `within` ends there: an accuracy of three seeds is not said to reach 104 %. What is cut
    off cannot hold the true mean, so the interval holds it as often as before.
    """
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = half_width(values.std(ddof=1) / np.sqrt(len(values)), len(values) - 1, level)
    return mean, *(float(np.clip(end, *within)) for end in (mean - half, mean + half))


def half_width(error, freedom: int, level: float = 0.95):
    """Return half the width of Student's interval from the standard `error` (number or array) with `freedom` degrees of freedom."""
    return special.stdtrit(freedom, 0.5 + level / 2) * error


def jackknife(left_out, level: float = 0.95):
    """Return half the width of the interval of a statistic from its values with one unit left out each, shape (n, ...).

    Source: Efron & Stein (1981), The jackknife estimate of variance, Annals of Statistics 9, 586.
    """
    left_out = np.asarray(left_out, dtype=float)
    n = len(left_out)
    return half_width(np.sqrt((n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)), n - 1, level)
