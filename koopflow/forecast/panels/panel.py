"""A panel: related weekly series on one regular grid, each scaled by its own size."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

WEEK = pd.Timedelta(days=7)
# Gaps of at most this many weeks are interpolated; a series that ends at most this long before the
# others holds its last value.
LONGEST_GAP = 3
# The size of a series is this quantile of its values; the maximum would depend on one week.
SIZE_QUANTILE = 0.95
# A series that has been near zero so far gets at least this share of its group's median size.
SMALLEST_SIZE = 0.05


@dataclass(frozen=True)
class Panel:
    """Values known at one time, of series that share dynamics.

    Attributes
    ----------
    values : (series, time) float
        NaN where unknown.
    times : (time,) datetime64
        Ends of weeks, without gaps; the last is the present.
    keys : sequence of (str, str)
        Group (target) and location of each series.
    groups : (series,) int
        Index of the group of each series.
    seasons : (time,) int
        The year in which the season of each week began.
    phase : (time,) float
        Share of the season that has passed, 0 to 1.
    """

    values: Floats
    times: NDArray[np.datetime64]
    keys: tuple[tuple[str, str], ...]
    groups: Integers
    seasons: Integers
    phase: Floats

    @cached_property
    def sizes(self) -> Floats:
        """Return the size of each series (series,), the unit in which its values are compared."""
        known = np.isfinite(self.values)
        filled = np.where(known, self.values, -np.inf)
        counts = known.sum(axis=1)
        order = np.sort(filled, axis=1)  # unknown values come first
        length = self.values.shape[1]
        place = length - counts + np.maximum(np.ceil(SIZE_QUANTILE * counts).astype(int) - 1, 0)
        found = np.where(counts > 0, order[np.arange(len(order)), np.minimum(place, length - 1)], np.nan)
        sizes = np.ones(len(found))
        for group in np.unique(self.groups):
            rows = self.groups == group
            positive = found[rows][np.nan_to_num(found[rows]) > 0]
            usual = float(np.median(positive)) if len(positive) else 1.0
            sizes[rows] = np.maximum(np.nan_to_num(found[rows]), SMALLEST_SIZE * usual)
        return sizes


def panel_of(table: pd.DataFrame, season_starts: int = 9) -> Panel:
    """Return the panel of a long table.

    Parameters
    ----------
    table : DataFrame
        Columns time, location, target, value; times are moved to the end of their week.
    season_starts : int
        Month in which a season begins.

    Raises
    ------
    KoopflowError
        If the table has no values.
    """
    table = table.dropna(subset=["value"])
    if table.empty:
        raise KoopflowError("the panel must have values (got none)")
    last = table["time"].max()
    weeks = np.floor((last - table["time"]) / WEEK).astype(int)
    frame = table.assign(time=last - weeks * WEEK)
    wide = frame.pivot_table(index="time", columns=["target", "location"], values="value", aggfunc="mean")
    wide = wide.reindex(pd.date_range(wide.index[0], last, freq="7D"))
    wide = wide.apply(_filled)
    times = wide.index.to_numpy()
    keys = tuple((str(column[0]), str(column[1])) for column in wide.columns.to_flat_index())
    groups = np.unique([key[0] for key in keys], return_inverse=True)[1].astype(np.intp)
    seasons, phase = season_of(times, season_starts)
    return Panel(wide.to_numpy().T.copy(), times, keys, groups, seasons, phase)


def _filled(column: "pd.Series[float]") -> "pd.Series[float]":
    """Return a series with short gaps interpolated, and its last value held to the present if it
    ends just before."""
    known = column.notna()
    runs = (~known).groupby(known.cumsum()).transform("sum")
    inside = column.interpolate(limit_area="inside").where(known | (runs <= LONGEST_GAP))
    ends = known[::-1].cumsum()[::-1] == 0
    return inside.where(~(ends & (runs <= LONGEST_GAP)), column.ffill())


def season_of(times: NDArray[np.datetime64], starts: int = 9) -> tuple[Integers, Floats]:
    """Return the season (the year in which it began) and the phase (0 to 1) of each time.

    >>> season, phase = season_of(np.array(["2024-08-31", "2024-09-01", "2025-03-02"], dtype="datetime64[D]"))
    >>> season.tolist(), phase.round(2).tolist()
    ([2023, 2024, 2024], [1.0, 0.0, 0.5])
    """
    months = times.astype("datetime64[M]").astype(int)
    seasons = (months - (starts - 1)) // 12 + 1970
    begin = (((seasons - 1970) * 12) + starts - 1).astype("datetime64[M]").astype("datetime64[D]")
    end = (((seasons - 1969) * 12) + starts - 1).astype("datetime64[M]").astype("datetime64[D]")
    days = (times.astype("datetime64[D]") - begin).astype(float)
    return seasons.astype(np.intp), days / (end - begin).astype(float)


@dataclass(frozen=True)
class Scaled:
    """A panel on the scale on which forecasters work: (value / size) ** power.

    Attributes
    ----------
    panel : Panel
    power : float
        Between 0 and 1; small powers weigh relative changes, 1 absolute ones.
    """

    panel: Panel
    power: float = 0.5

    @cached_property
    def state(self) -> Floats:
        """Return the scaled values (series, time)."""
        relative = np.maximum(self.panel.values, 0.0) / self.panel.sizes[:, None]
        return np.asarray(relative**self.power, dtype=np.float64)

    def undo(self, scaled: Floats) -> Floats:
        """Return scaled forecasts (series, ...) in the units of each series."""
        sizes = self.panel.sizes.reshape(-1, *(1,) * (scaled.ndim - 1))
        return np.asarray(np.maximum(scaled, 0.0) ** (1.0 / self.power) * sizes, dtype=np.float64)

    def changes(self, horizon: int) -> Floats:
        """Return what followed each time: (series, time, horizon) changes, NaN where unknown."""
        state = self.state
        result = np.full((*state.shape, horizon), np.nan)
        for step in range(1, min(horizon, state.shape[1] - 1) + 1):
            result[:, :-step, step - 1] = state[:, step:] - state[:, :-step]
        return result


def lagged(values: Floats, lag: int) -> Floats:
    """Return `values` (series, time) `lag` steps earlier; NaN before the first."""
    result = np.full_like(values, np.nan)
    result[:, lag:] = values[:, : values.shape[1] - lag]
    return result


def group_means(values: Floats, groups: Integers) -> Floats:
    """Return for each series the mean of its group at each time, (series, time); NaN where all are
    unknown."""
    result = np.full_like(values, np.nan)
    for group in np.unique(groups):
        rows = groups == group
        known = np.isfinite(values[rows])
        count = known.sum(axis=0)
        total = np.where(known, values[rows], 0.0).sum(axis=0)
        result[rows] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result
