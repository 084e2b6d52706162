"""What a measure returns, and the two intervals that it may use."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

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
