"""Stamps as they come on a regular grid: calendar months, business days, or multiples of a step.

The step is read off the early stretch alone, like everything that is settled before the scored stretch begins.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError

EARLY = 0.4
MOST_SLOTS = 20
DAY = 86_400_000_000_000  # ns
FIXED = {
    "week": 7 * DAY,
    "day": DAY,
    "hour": DAY // 24,
    "half-hour": DAY // 48,
    "15 minutes": DAY // 96,
    "10 minutes": DAY // 144,
    "5 minutes": DAY // 288,
    "minute": DAY // 1440,
}
CALENDAR = (("month", "M", 27.9, 31.1), ("quarter", "Q", 89, 92.1), ("year", "Y", 364.9, 366.1))


@dataclass(frozen=True)
class Slots:
    """Which slot of a regular grid each stamp falls into, the stamps of the grid, and the name of one step."""

    slots: np.ndarray
    grid: np.ndarray
    label: str


def regular(name: str, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Return times and values on a regular grid (missing slots NaN, several values in a slot averaged) and the name of a step.

    Dates about a month, quarter or year apart are put on calendar months, quarters or years; days without any weekend on business
    days; other stamps on multiples of a step, each in its nearest slot. That step is the median gap, or the mean gap where gaps are
    irregular (fewer than half of them near a multiple of the median).

    Raises
    ------
    KoopflowError
        If there are fewer than 3 rows, or far more slots than rows.
    """
    if len(times) < 3:
        raise KoopflowError(f"series.{name}: {len(times)} rows are too few to forecast from")
    placed = _dates(name, pd.DatetimeIndex(times)) if times.dtype.kind == "M" else _numbers(name, times)
    known, count = np.isfinite(values), len(placed.grid)
    total = np.bincount(placed.slots[known], weights=values[known], minlength=count)
    number = np.bincount(placed.slots[known], minlength=count)
    return placed.grid, np.where(number > 0, total / np.maximum(number, 1), np.nan), placed.label


def _early(times: np.ndarray) -> np.ndarray:
    """Return the stamps of the early stretch, three at least."""
    return times[: max(3, int(np.searchsorted(times, times[0] + EARLY * (times[-1] - times[0]), side="right")))]


def _step(gaps: np.ndarray) -> float:
    """Return the step of a grid that suits these gaps between stamps."""
    median = float(np.median(gaps))
    multiples = gaps / median
    off = np.abs(multiples - np.maximum(np.round(multiples), 1.0))
    return median if np.mean(off < 0.1) >= 0.5 else float(np.mean(gaps))


def _count(name: str, slots: np.ndarray) -> int:
    count = int(slots[-1]) + 1
    if count > MOST_SLOTS * len(slots):
        raise KoopflowError(
            f"series.{name}.time: gaps make {count} steps of {len(slots)} rows; at most {MOST_SLOTS} steps per row are accepted"
        )
    return count


def _numbers(name: str, times: np.ndarray) -> Slots:
    step = _step(np.diff(_early(times)))
    slots = np.floor((times - times[0]) / step + 0.5).astype(np.int64)
    return Slots(slots, times[0] + step * np.arange(_count(name, slots)), "step")


def _dates(name: str, stamps: pd.DatetimeIndex) -> Slots:
    stamps = stamps.as_unit("ns")
    early = stamps[: len(_early(stamps.asi8))]
    step = _step(np.diff(early.asi8))
    for label, code, low, high in CALENDAR:
        if low * DAY <= step <= high * DAY:
            periods = stamps.to_period(code)
            slots = periods.astype("int64").to_numpy() - periods[:1].astype("int64")[0]
            return Slots(slots, pd.period_range(periods[0], periods=_count(name, slots)).to_timestamp().to_numpy(), label)
    label = next((each for each, size in FIXED.items() if abs(step - size) < 0.02 * size), "step")
    if label == "day" and len(early) >= 10 and (early.day_of_week < 5).all():
        days = stamps.to_numpy().astype("datetime64[D]")
        # A later stamp on a weekend counts with the Friday before.
        first = np.busday_offset(days[0], 0, roll="preceding")
        slots = np.busday_count(first, np.busday_offset(days, 0, roll="preceding"))
        grid = np.busday_offset(first, np.arange(_count(name, slots)))
        return Slots(slots, grid.astype("datetime64[ns]"), "business day")
    step = FIXED.get(label, int(step))
    slots = np.floor((stamps - stamps[0]).to_numpy().astype(np.int64) / step + 0.5).astype(np.int64)
    grid = (stamps[0] + pd.to_timedelta(np.arange(_count(name, slots)) * step, unit="ns")).to_numpy()
    return Slots(slots, grid, label)
