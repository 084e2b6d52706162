"""Samples on a regular grid: each row is observed in its own slot.

The step is found on the early stretch, like all choices made before the scored stretch. If rows
share a slot, or more slots stay empty than are filled, a warning says so and how to choose another
step.
"""

import logging

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.series.series import EARLY, Times
from koopflow.data.series.slots import Grid
from koopflow.data.series.steps import candidates, chosen

logger = logging.getLogger("koopflow")

FEWEST = 3
MOST_SLOTS = 20
"""Most slots per row: a larger grid would be little but interpolation."""


def regular(
    name: str, times: Times, values: NDArray[np.float64], step: str | None = None
) -> tuple[Times, NDArray[np.float64], str]:
    """Return times and values on a regular grid, and the name of a step.

    Parameters
    ----------
    name : str
        Name of the series in errors.
    times : (n,) datetime64 or numbers, increasing
    values : (n,) float
        NaN where one is missing.
    step : str, optional
        The step; found on the early stretch by default. See `koopflow.data.series.steps`.

    Returns
    -------
    times : (m,)
        One per slot.
    values : (m,) float
        NaN for empty slots; the mean of the rows that share a slot.
    step : str
        The name of a step.

    Raises
    ------
    KoopflowError
        If there are fewer than 3 rows or more than 20 slots per row, or the step is unknown.
    """
    if len(times) < FEWEST:
        raise KoopflowError(f"series.{name}: {len(times)} rows are too few to forecast from")
    times = _exact(times)
    grid = _best(times) if step is None else chosen(f"series.{name}.step", step, times)
    slots = grid.slots(times)
    slots -= slots[0]
    count = int(slots[-1]) + 1
    if count > MOST_SLOTS * len(times):
        raise KoopflowError(
            f"series.{name}.time: {len(times)} rows with gaps make {count} steps of a {grid.label}; at "
            f"most {MOST_SLOTS} steps"
            f" per row are accepted; set series.{name}.step"
        )
    _say(name, grid, times, slots, count)
    known = np.isfinite(values)
    total = np.bincount(slots[known], weights=values[known], minlength=count)
    number = np.bincount(slots[known], minlength=count)
    stamps = grid.stamps(times, count)
    if times.dtype.kind == "M" and grid.label == "step" and stamps[1] - stamps[0] >= np.timedelta64(1, "D"):
        stamps[slots] = times  # weeks of 4, 4 and 5 have a mean step, on which no date lies
    return stamps, np.where(number > 0, total / np.maximum(number, 1), np.nan), grid.label


def _exact(times: Times) -> Times:
    """Return dates in nanoseconds, in microseconds if they lie before 1678 or after 2262; numbers
    as they are."""
    if times.dtype.kind != "M":
        return times
    years = times[[0, -1]].astype("datetime64[Y]").astype(int) + 1970
    return times.astype("datetime64[ns]" if years.min() > 1677 and years.max() < 2262 else "datetime64[us]")


def _best(times: Times) -> Grid:
    """Return the first candidate on whose grid no rows share a slot, or the one on which the fewest
    do."""
    stretch = times[: max(FEWEST, int(np.searchsorted(times, times[0] + EARLY * (times[-1] - times[0]), side="right")))]
    found = candidates(stretch)
    return min(found, key=lambda grid: len(stretch) - len(np.unique(grid.slots(stretch))))


def _say(name: str, grid: Grid, times: Times, slots: NDArray[np.int64], count: int) -> None:
    """Warn if rows share a slot, or if most slots are empty."""
    filled = len(np.unique(slots))
    label = f"a {grid.label}"
    if grid.label == "step":
        first, second = grid.stamps(times, 2)
        label = f"{second - first:g}" if times.dtype.kind != "M" else str((second - first).astype("timedelta64[s]"))
    other = f"set series.{name}.step to choose another, such as rows, hour or 28 days"
    if filled < len(slots):
        logger.warning(
            "series.%s: the step is %s: %d of %d rows share a step with another and are averaged; %s",
            *(name, label, len(slots) - filled, len(slots), other),
        )
    if count > 2 * filled:
        logger.warning(
            "series.%s: the step is %s: %d of %d steps have no row and are filled; %s",
            *(name, label, count - filled, count, other),
        )
