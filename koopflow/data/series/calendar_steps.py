"""Steps that are parts or multiples of calendar months.

They are proposed only if the days of the month support them: rows 28 or 30 days apart, or in a
4-4-5 week pattern, are close to months but are not months.
"""

import numpy as np

from koopflow.data.series.series import Times
from koopflow.data.series.slots import Grid, Index

MONTHS = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
"""Months of the calendar steps that have a name."""

PARTS = {"half-month": 2, "10 days": 3, "quarter-month": 4, "5 days": 6}
"""Stamps per calendar month, by the name of the step."""

SAME_DAY = 7
"""Stamps whose days of the month lie this close together are monthly."""


def calendar(early: Times) -> Grid | None:
    """Return the calendar grid that the days of the month support, if any."""
    months, days = _months_of(early), _days_of(early)
    gaps = np.diff(months)
    if gaps.max() == 0:
        return None
    for parts in PARTS.values():
        if _has_parts(months, days, parts):
            return month_parts_grid(early, parts)
    if gaps.min() == 0:
        return None
    stride = int(np.gcd.reduce(gaps))
    if stride % 12 and len(early) > 3 and _even(early):
        return None  # 28, 30 or 91 days apart: no four months or quarters in a row are equally long
    same_day = _spread(days) <= SAME_DAY
    return months_grid(stride) if same_day or (len(early) > 12 and np.median(gaps) == stride) else None


def _even(early: Times) -> bool:
    """Return whether all gaps are multiples of the smallest."""
    gaps = np.diff(early).astype(np.int64)
    return bool((gaps % gaps.min() == 0).all())


def months_grid(stride: int) -> Grid:
    """Return the grid of steps of `stride` calendar months; a step begins on the first day of its
    month."""
    names = {months: name for name, months in MONTHS.items()}
    label = names.get(stride) or (f"{stride // 12} years" if stride % 12 == 0 else f"{stride} months")

    def stamps(found: Times, count: int) -> Times:
        # A quarter or a year begins in the month in which the calendar's does.
        first = _months_of(found[:1])[0]
        aligned = first - first % stride if stride in (3, 12) else first
        return (aligned + stride * np.arange(count)).astype("datetime64[M]").astype(found.dtype)

    return Grid(label, lambda found: (_months_of(found) - _months_of(found[:1])[0]) // stride, stamps)


def month_parts_grid(times: Times, parts: int) -> Grid:
    """Return the grid of `parts` stamps per calendar month, on the days on which the first of
    `times` fall."""
    label = next(name for name, number in PARTS.items() if number == parts)
    days = np.unique(_late_as_one(_days_of(times)))
    if len(days) != parts:
        days = 1 + np.arange(parts) * 30 // parts
    bounds = (days[1:] + days[:-1] + 1) // 2
    ends = bool((_days_of(times)[_days_of(times) >= 28] == _lengths(_months_of(times))[_days_of(times) >= 28]).all())

    def slots(found: Times) -> Index:
        return _months_of(found) * parts + np.searchsorted(bounds, _days_of(found), side="right")

    def stamps(found: Times, count: int) -> Times:
        numbers = int(slots(found[:1])[0]) + np.arange(count)
        months, day = numbers // parts, days[numbers % parts]
        day = np.where(day >= 28, _lengths(months) if ends else np.minimum(day, _lengths(months)), day)
        starts = months.astype("datetime64[M]").astype("datetime64[D]")
        return (starts + (day - 1).astype("timedelta64[D]")).astype(found.dtype)

    return Grid(label, slots, stamps)


def _has_parts(months: Index, days: Index, parts: int) -> bool:
    """Return whether stamps fall on the same `parts` days of nearly every month."""
    late = _late_as_one(days)
    if len(np.unique(late)) != parts or len(months) < 2 * parts or np.ptp(months) < 2:
        return False
    slots = months * parts + np.searchsorted(np.unique(late), late)
    return len(np.unique(slots)) == len(slots) and float(np.mean(np.diff(slots) == 1)) >= 0.8


def _late_as_one(days: Index) -> Index:
    """Return days of the month with the 28th to the 31st as one: the last day of a month is one of
    them."""
    return np.minimum(days, 28)


def _spread(days: Index) -> int:
    """Return the length of the shortest stretch of the month, around its end too, that holds all
    `days`."""
    found = np.unique(days)
    gaps = np.diff(np.concatenate([found, found[:1] + 31]))
    return int(31 - gaps.max())


def _months_of(times: Times) -> Index:
    return times.astype("datetime64[M]").astype(np.int64)


def _days_of(times: Times) -> Index:
    """Return the days of the month, from 1."""
    return (times.astype("datetime64[D]") - times.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1


def _lengths(months: Index) -> Index:
    """Return the number of days of each month (months since January 1970)."""
    starts = [(months + shift).astype("datetime64[M]").astype("datetime64[D]") for shift in (0, 1)]
    return (starts[1] - starts[0]).astype(np.int64)
