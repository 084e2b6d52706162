"""Time steps: inferred from the stamps of an early stretch, or named by the user."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name
from koopflow.data.series.calendar_steps import MONTHS, PARTS, calendar, month_parts_grid, months_grid
from koopflow.data.series.series import Times
from koopflow.data.series.slots import Grid, Index

NAMED = {
    "week": 7 * 86_400,
    "day": 86_400,
    "hour": 3_600,
    "half-hour": 1_800,
    "15 minutes": 900,
    "10 minutes": 600,
    "5 minutes": 300,
    "minute": 60,
}
"""Seconds of the steps of fixed length that have a name."""

EXACT = 0.02
"""Largest distance from a grid, as a share of a step, at which a stamp lies on it."""

NEAR = 0.1
"""Largest relative deviation at which a gap counts as a multiple of the median gap."""


def candidates(early: Times) -> list[Grid]:
    """Return the grids that suit the stamps of the early stretch, likeliest first; at least one."""
    if early.dtype.kind != "M":
        return [_fitted(early)]
    found = (_business_days(early), calendar(early), _fitted(early))
    return [grid for grid in found if grid is not None]


def chosen(key: str, step: str, times: Times) -> Grid:
    """Return the grid of the step that a user names; raise a KoopflowError for `key` if there is no
    such step."""
    if step == "rows":
        return Grid("row", lambda stamps: np.searchsorted(times, stamps), lambda stamps, count: stamps[:count])
    dated = times.dtype.kind == "M"
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(?: (second|minute|hour|day|week|month|year)s?)?", step)
    if not dated and number and not number[2] and float(number[1]) > 0:
        return _multiples(times, float(number[1]), "step")
    if dated and step == "business day":
        return _on_business_days()
    if dated and step in MONTHS:
        return months_grid(MONTHS[step])
    if dated and step in PARTS:
        return month_parts_grid(times, PARTS[step])
    if dated and step in NAMED:
        return _multiples(times, NAMED[step] * _second(times), step)
    if dated and number and number[2] in ("month", "year") and float(number[1]) >= 1:
        return months_grid(int(float(number[1])) * (12 if number[2] == "year" else 1))
    if dated and number and number[2] and float(number[1]) > 0:
        return _multiples(times, int(float(number[1]) * NAMED.get(number[2], 1) * _second(times)), step)
    names = [*NAMED, "business day", *MONTHS, *PARTS, "rows"] if dated else ["rows", "a number"]
    raise unknown_name(key, step, names, "step")


# ---------------------------------------------------------------------------------- of fixed length
def _fitted(early: Times) -> Grid:
    """Return the grid of fixed step that fits the early stamps.

    The step is the median gap if that fits; else it is fitted by least squares to all early stamps,
    since stamps that are rounded to a digit have no two equal gaps; else, for irregular stamps, it
    is the mean gap.
    """
    clock = _as_numbers(early)
    gaps = np.diff(clock)
    step = float(np.median(gaps))
    origin = float(clock[0])
    if _off(clock, origin, step) > EXACT:
        multiples = gaps / step
        regular = np.mean(np.abs(multiples - np.maximum(np.round(multiples), 1.0)) < NEAR) >= 0.5
        step, origin = _least_squares(clock, gaps, step) if regular else (float(np.mean(gaps)), origin)
    return _named(early, step, origin)


def _named(early: Times, step: float, origin: float) -> Grid:
    """Return the grid of a fixed step, with the step's name; a step within 2 % of one with a name
    is that one."""
    if early.dtype.kind != "M":
        return _multiples(early, step, "step", origin)
    second, clock = _second(early), _as_numbers(early)
    for name, size in NAMED.items():
        near = abs(step - size * second) < EXACT * size * second
        if near and _off(clock, origin, size * second) <= _off(clock, origin, step) + NEAR:
            return _multiples(early, size * second, name, origin)
    days = step / (NAMED["day"] * second)
    if days >= 1 and abs(days - round(days)) < 1e-6:
        whole = round(days)
        name = f"{whole // 7} weeks" if whole % 7 == 0 else f"{whole} days"
        return _multiples(early, whole * NAMED["day"] * second, name, origin)
    return _multiples(early, step, "step", origin)


def _least_squares(clock: NDArray[np.float64], gaps: NDArray[np.float64], step: float) -> tuple[float, float]:
    """Return step and origin of the grid that fits `clock` best, beginning from the mean of the
    gaps of one step."""
    single = gaps[np.maximum(np.round(gaps / step), 1) == 1]
    step, origin = float(np.mean(single)), float(clock[0])
    for _ in range(4):
        numbers = np.round((clock - origin) / step)
        slope, shift = np.polyfit(numbers, clock - clock[0], 1)
        if slope <= 0 or not np.isfinite(slope):
            break
        step, origin = float(slope), float(clock[0] + shift)
    return step, origin


def _off(clock: NDArray[np.float64], origin: float, step: float) -> float:
    """Return how far stamps lie off the multiples of `step`, at most, as a share of a step."""
    numbers = (clock - origin) / step
    return float(np.max(np.abs(numbers - np.round(numbers))))


def _multiples(times: Times, step: float, label: str, origin: float | None = None) -> Grid:
    """Return the grid of multiples of `step` (in the unit of the stamps); each stamp belongs to the
    nearest."""
    first = float(_as_numbers(times[:1])[0])
    shift = 0.0 if origin is None else first - origin
    zero = times[0]

    def slots(stamps: Times) -> Index:
        since = (stamps - zero).astype(np.int64) if stamps.dtype.kind == "M" else stamps - zero
        return np.floor((since + shift) / step + 0.5).astype(np.int64)

    def stamps(found: Times, count: int) -> Times:
        if found.dtype.kind != "M":
            return found[0] + step * np.arange(count)
        whole = int(step) if float(step).is_integer() else step
        offsets = np.round(np.arange(count) * whole).astype(np.int64)
        dated: Times = found[0] + offsets.astype(f"timedelta64[{_unit(found)}]")
        return dated

    return Grid(label, slots, stamps)


# ------------------------------------------------------------------------------------ business days
def _business_days(early: Times) -> Grid | None:
    """Return the grid of business days if the early stamps are days, ten at least, none of them on
    a weekend."""
    days = early.astype("datetime64[D]")
    if len(early) < 10 or np.median(np.diff(days).astype(np.int64)) != 1 or not np.is_busday(days).all():
        return None
    clock = (early - days).astype(np.int64)
    return _on_business_days() if np.ptp(clock) == 0 else None


def _on_business_days() -> Grid:
    def placed(stamps: Times) -> Times:
        # A later stamp on a weekend counts with the Friday before.
        return np.busday_offset(stamps.astype("datetime64[D]"), 0, roll="preceding")

    return Grid(
        "business day",
        lambda stamps: np.busday_count(placed(stamps[:1])[0], placed(stamps)),
        lambda found, count: np.busday_offset(placed(found[:1])[0], np.arange(count)).astype(found.dtype),
    )


def _as_numbers(times: Times) -> NDArray[np.float64]:
    """Return stamps as float64, dates as counts of their unit since the first."""
    return ((times - times[0]).astype(np.int64) if times.dtype.kind == "M" else times).astype(np.float64)


def _unit(times: Times) -> str:
    return str(np.datetime_data(times.dtype)[0])


def _second(times: Times) -> int:
    """Return how many units of the stamps make a second."""
    units: dict[str, Any] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    if _unit(times) not in units:
        raise KoopflowError(f"time stamps must be in s, ms, us or ns (got {_unit(times)})")
    return int(units[_unit(times)])
