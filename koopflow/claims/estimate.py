"""What a measure returns, and the two intervals that it may use."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd

from koopflow.core import intervals

U = TypeVar("U")
"""A unit, such as the number of a seed."""


class Undecided(Exception):
    """The tables do not hold what a measure needs.

    The table of claims shows the message as the reason.
    """


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval.

    Attributes
    ----------
    value, low, high : float
        The statistic and the ends of its interval.
    n : int
        Number of independent units.
    unit : str
        Name of the units, such as seeds, pairs of tasks or forecast origins.
    excluded : int
        Number of units left out because they diverged.
    alternatives : dict of str to (float, float)
        The interval under neighbouring choices, by their names, such as "rank 4". A verdict that is
        the opposite under one of them is inconclusive.
    """

    value: float
    low: float
    high: float
    n: int
    unit: str
    excluded: int = 0
    alternatives: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def over_units(
    values: Iterable[float], level: float, unit: str = "seeds", within: tuple[float, float] = intervals.REALS
) -> Estimate:
    """Return the mean over independent units with Student's interval. NaN marks a diverged unit,
    which is left out.

    Parameters
    ----------
    values : iterable of float
        One value per unit.
    level : float
        Level of the interval.
    unit : str
        Name of the units.
    within : (float, float)
        Range of the quantity; the interval ends there.

    Raises
    ------
    Undecided
        If fewer than two units are left.
    """
    given = np.asarray(list(values), dtype=float)
    finite = given[np.isfinite(given)]
    if finite.size < 2:
        raise Undecided(f"{finite.size} of the {unit} can be used; an interval needs at least 2")
    return Estimate(*intervals.student(finite, level, within), int(finite.size), unit, int(given.size - finite.size))


def over_networks(
    values: pd.Series, level: float, unit: str = "seeds", within: tuple[float, float] = intervals.REALS
) -> Estimate:
    """Return the mean over networks of their means over independent units.

    Networks may have different numbers of units: the spread between networks is no error, and the
    errors of their means add up, with the degrees of freedom of Welch (1947).

    Parameters
    ----------
    values : Series
        One value per unit; a level of the index is called model.
    level, unit, within
        See `over_units`.

    Raises
    ------
    Undecided
        If fewer than two units of a network are left.
    """
    given = [of.to_numpy(dtype=float) for _, of in values.groupby(level="model", sort=False)]
    each = [over_units(of, level, unit, within) for of in given]
    if len(each) == 1:
        return each[0]
    parts = [of[np.isfinite(of)] for of in given]
    shares = np.array([part.var(ddof=1) / part.size for part in parts]) / len(parts) ** 2
    freedom = shares.sum() ** 2 / (shares**2 / [part.size - 1 for part in parts]).sum() if shares.any() else 1.0
    mean = float(np.mean([part.mean() for part in parts]))
    half = float(intervals.half_width(np.sqrt(shares.sum()), freedom, level))
    low, high = (float(np.clip(end, *within)) for end in (mean - half, mean + half))
    return Estimate(mean, low, high, sum(one.n for one in each), unit, sum(one.excluded for one in each))


def jackknife(statistic: Callable[[list[U]], float], units: Sequence[U], level: float, unit: str = "seeds") -> Estimate:
    """Return `statistic` of all units with its jackknife interval, for a statistic that is not a
    mean of one value per unit.

    Each unit is left out in turn (Efron & Stein 1981), together with everything that it takes part
    in.

    Raises
    ------
    Undecided
        If there are fewer than three units, or the statistic is not finite.
    """
    every = list(units)
    if len(every) < 3:
        raise Undecided(f"{len(every)} {unit}; leaving one out at a time needs at least 3")
    value = statistic(every)
    without = np.array([statistic(every[:i] + every[i + 1 :]) for i in range(len(every))])
    if not np.isfinite([value, *without]).all():
        raise Undecided("the statistic is not finite: some runs diverged, or a reference distance is zero")
    half = float(intervals.jackknife(without, level))
    return Estimate(float(value), float(value - half), float(value + half), len(every), unit)
