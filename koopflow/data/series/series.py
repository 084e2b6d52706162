"""A series: regular samples without missing values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EARLY = 0.4
"""The share of a series on which all choices are made, before the scored stretch begins."""

OFFSETS = {"month": "MS", "quarter": "QS", "year": "YS", "business day": "B"}
"""pandas' names of the steps that have no fixed length."""

Times = NDArray[Any]
"""Stamps: datetime64 or numbers."""


@dataclass(frozen=True)
class Series:
    """A regular series without missing values.

    Attributes
    ----------
    name : str
    time : (n,) array
        Stamps (datetime64 or numbers), one step apart.
    values : (n,) float
    observed : (n,) bool
        False where the value was filled in.
    period : int
        Samples per season; 1 if there is none.
    label : str
        Axis label of the values.
    step : str
        Name of one step, for axes.
    beside : (n, columns) float, optional
        Other series at the same times, which make one state with this one.
    seasons : tuple of int
        Samples of every season that was found, shortest first; `period` is one of them.
    holidays : str, optional
        Code of the country, or part of one, whose public holidays matter.
    regressors : mapping of str to (n + m,) float
        Other columns, known for the samples and m steps after the last.
    """

    name: str
    time: Times
    values: NDArray[np.float64]
    observed: NDArray[np.bool_]
    period: int
    label: str
    step: str
    beside: NDArray[np.float64] | None = None
    seasons: tuple[int, ...] = ()
    holidays: str | None = None
    regressors: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def later(self, count: int) -> Times:
        """Return the stamps (count,) of the steps after the last sample."""
        last, step = self.time[-1], self.time[-1] - self.time[-2]
        if self.step in OFFSETS and self.time.dtype.kind == "M":
            return pd.date_range(last, periods=count + 1, freq=OFFSETS[self.step])[1:].to_numpy()
        if self.time.dtype.kind == "f" and np.equal(self.time, np.round(self.time)).all():
            return int(last) + int(step) * np.arange(1, count + 1)
        return np.asarray(last + step * np.arange(1, count + 1))


def written(times: Times) -> NDArray[np.object_]:
    """Return stamps as text: dates in ISO 8601, without clock times if all are at midnight; whole
    numbers without a point.

    Examples
    --------
    >>> written(np.array(["2001-05-01", "2001-06-01"], dtype="datetime64[ns]")).tolist()
    ['2001-05-01', '2001-06-01']
    >>> written(np.array([1700.0, 1701.0])).tolist()
    ['1700', '1701']
    """
    if times.dtype.kind == "M":
        midnight = bool((times == times.astype("datetime64[D]")).all())
        return np.datetime_as_string(times, unit="D" if midnight else "s").astype(object)
    return np.array([f"{time:.12g}" for time in times.tolist()], dtype=object)
