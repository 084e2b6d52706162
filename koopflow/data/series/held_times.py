"""Times of a series that a user holds in Python: which index or columns hold them, and the order
of the rows.
"""

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.series.calendar_codes import coded_numbers
from koopflow.data.series.stamps import Place, read_stamps

TIME_NAMES = ("time", "date", "ds", "timestamp", "datetime", "date_time")
"""Names of columns that hold times."""
CLOCK_NAMES = ("time", "clock", "hour")
"""Names of columns that hold the clock times of dates in another column."""
PART_NAMES = ("half", "quarter", "month", "week", "day_of_year", "dayofyear", "doy")
"""Names of columns that hold a part of the year in the column "year"."""
ID_NAMES = ("unique_id", "id", "series", "item_id")
"""Names of columns that hold a series' identifier, in the order in which they are looked for."""

EVEN = 1e-6
"""Numbers whose steps differ by less than this share are the rows of a series without times."""
LOOKED_AT = 50
"""Texts of a column from which it is found whether they are dates."""

Order = NDArray[np.intp]


class Rows(Place):
    """The place of an error about times: the series, the columns and the row.

    Parameters
    ----------
    name : str
        The series.
    where : str
        The index or columns, as errors name them.
    """

    def __init__(self, name: str, where: str):
        super().__init__(name, "", np.empty(0, np.int64))
        self.where = where

    def error(self, row: int, text: str, problem: str) -> KoopflowError:
        """Return the error of a row; without its number, as rows may have been sorted."""
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        return KoopflowError(f"{self.name}: {shown!r} in {self.where} {problem}")


def time_columns(frame: pd.DataFrame, others: Sequence[str] = ()) -> list[str]:
    """Return the columns of a table that hold its times, none if its index does.

    Times are the columns of dates; else those named like times, or a year and a part of it; else the
    columns of text that can be read as dates.

    Parameters
    ----------
    frame : DataFrame
    others : sequence of str
        Columns that hold something else, such as regressors.
    """
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex):
        return []
    columns = [name for name in frame.columns if name not in others]
    kinds = (pd.DatetimeTZDtype, pd.PeriodDtype)
    dated = [name for name in columns if isinstance(frame[name].dtype, kinds) or frame[name].dtype.kind == "M"]
    named = {str(name).strip().lower(): name for name in columns}
    found = dated or [named[each] for each in TIME_NAMES if each in named]
    clock = [named[each] for each in CLOCK_NAMES if each in named and _is_text(frame[named[each]])]
    if len(found) == 1 and not dated and clock and clock != found:
        return [found[0], clock[0]]
    if found:
        return sorted(found, key=lambda name: str(name).strip().lower() in CLOCK_NAMES)
    if "year" in named:
        return [named["year"], *(named[each] for each in PART_NAMES if each in named)]
    texts = [name for name in columns if str(name).lower() not in ID_NAMES and _is_text(frame[name])]
    return [name for name in texts if _dates(frame[name])]


def in_time(frame: pd.DataFrame, name: str, others: Sequence[str] = ()) -> tuple[pd.DataFrame, NDArray[Any] | None]:
    """Return the rows of a table in the order of their times, and the times (None if there are
    none).

    Raises
    ------
    KoopflowError
        As in `index_in_time`; or if more columns than a date and a clock time hold times.
    """
    dates = time_columns(frame, others)
    if not dates:
        order, times = index_in_time(frame.index, name)
    elif len(dates) == 1:
        order, times = _read(frame[dates[0]], Rows(name, f"column {str(dates[0])!r}"))
    elif len(dates) == 2 and not any(frame[each].dtype.kind == "M" for each in dates):
        texts = [_as_text(frame[each], Rows(name, f"column {str(each)!r}")) for each in dates]
        order, times = _in_either_order(texts, Rows(name, f"columns {str(dates[0])!r} and {str(dates[1])!r}"))
    else:
        listed = ", ".join(map(str, dates))
        raise KoopflowError(f"{name}: the table must have one column of times (got {listed}); leave the others out")
    return frame.iloc[order], times


def index_in_time(index: pd.Index, name: str) -> tuple[Order, NDArray[Any] | None]:
    """Return the order of rows by an index, and their times (None for numbers at equal steps).

    Raises
    ------
    KoopflowError
        For an index with several levels, missing or repeated times, or text that is no date.
    """
    if isinstance(index, pd.RangeIndex) and index.step > 0:
        return np.arange(len(index)), None
    if index.nlevels > 1:
        spread = [level for level in range(index.nlevels) if len(index.get_level_values(level).unique()) > 1]
        if len(spread) != 1:
            raise KoopflowError(
                f"{name}: the index must have one level (got {index.nlevels}); for many series, pass "
                "series.reset_index()"
            )
        index = index.get_level_values(spread[0])
    return _read(pd.Series(index), Rows(name, "the index"))


def _read(column: pd.Series, place: Rows) -> tuple[Order, NDArray[Any] | None]:
    """Return the order of rows by a column, and their times (None for numbers at equal steps)."""
    column = column.reset_index(drop=True)
    if column.isna().any():
        row = int(np.argmax(column.isna()))
        raise KoopflowError(f"{place.name}: times must not be missing (row {row})")
    if column.dtype == object and all(isinstance(each, pd.Period) for each in column):
        column = pd.Series(pd.PeriodIndex(column))
    if column.dtype == object and all(isinstance(each, datetime.date) for each in column):
        aware = any(getattr(each, "tzinfo", None) for each in column)
        column = pd.to_datetime(column, utc=aware)
    if isinstance(column.dtype, pd.PeriodDtype):
        column = pd.Series(pd.PeriodIndex(column).to_timestamp())
    if column.dtype.kind == "m":
        column = pd.Series(pd.TimedeltaIndex(column).total_seconds())
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        stamps = _local(column)
        order = np.argsort(stamps, kind="stable")
        return order, _unique(stamps[order], place)
    if pd.api.types.is_numeric_dtype(column):
        return _numbers(column, place)
    text = _as_text(column, place)
    numbers = pd.to_numeric(text, errors="coerce")
    iso = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    known = next((each for each in (numbers, iso) if each.notna().all()), None)
    if known is None:
        return _in_either_order([text], place)
    order = np.argsort(known.to_numpy(), kind="stable")
    return order, read_stamps([text.iloc[order].reset_index(drop=True)], place)


def _numbers(column: pd.Series, place: Rows) -> tuple[Order, NDArray[Any] | None]:
    """Return the order of numbers, and the times that they mean."""
    numbers = column.to_numpy(dtype=np.float64)
    order = np.argsort(numbers, kind="stable")
    numbers = _unique(numbers[order], place)
    whole = bool((numbers == np.round(numbers)).all()) and float(np.abs(numbers).max(initial=0)) < 2**53
    codes = coded_numbers(pd.Series(numbers.astype(np.int64)).astype(str)) if whole else None
    if codes is not None:
        return order, codes
    steps = np.diff(numbers)
    even = len(steps) < 2 or np.ptp(steps) <= EVEN * float(np.max(np.abs(numbers)))
    return order, None if even else numbers


def _in_either_order(texts: list[pd.Series], place: Rows) -> tuple[Order, NDArray[Any]]:
    """Return the order and the times of texts that rise or fall from row to row."""
    order = np.arange(len(texts[0]))
    try:
        return order, read_stamps(texts, place)
    except KoopflowError:
        backwards = [text.iloc[::-1].reset_index(drop=True) for text in texts]
        try:
            return order[::-1], read_stamps(backwards, place)
        except KoopflowError:
            pass
        raise


def _local(column: pd.Series) -> NDArray[Any]:
    """Return dates without time zones: local ones where all have the same clock time or the same
    offset, else in UTC."""
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.to_numpy()
    local, world = column.dt.tz_localize(None), column.dt.tz_convert("UTC").dt.tz_localize(None)
    same_clock = len((local - local.dt.normalize()).unique()) == 1
    return (local if same_clock or len((local - world).unique()) == 1 else world).to_numpy()


def _unique(times: NDArray[Any], place: Rows) -> NDArray[Any]:
    repeated = np.flatnonzero(times[1:] == times[:-1])
    if len(repeated):
        shown = pd.Timestamp(times[repeated[0]]) if times.dtype.kind == "M" else f"{times[repeated[0]]:g}"
        raise KoopflowError(f"{place.name}: times must be unique (got {shown} twice in {place.where})")
    return times


def _as_text(column: pd.Series, place: Rows) -> pd.Series:
    """Return a column as text; a KoopflowError for a missing one."""
    column = column.reset_index(drop=True)
    if column.isna().any():
        raise KoopflowError(f"{place.name}: times must not be missing (got none in {place.where})")
    return column.astype(object).map(str).str.strip()


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)


def _dates(column: pd.Series) -> bool:
    """Return whether a column of text, or of dates as objects, holds dates in its first rows."""
    some = column.dropna().iloc[:LOOKED_AT]
    if len(some) == 0:
        return False
    if all(isinstance(each, datetime.date | pd.Period) for each in some):
        return True
    text = some.map(str).str.strip()
    if not text.str.contains(r"\d.*\d.*\d").all() or pd.to_numeric(text, errors="coerce").notna().any():
        return False
    return any(
        bool(pd.to_datetime(text, errors="coerce", utc=True, format="mixed", dayfirst=first).notna().all())
        for first in (False, True)
    ) or bool(text.str.fullmatch(r"\d{4}\D{1,2}\d{1,3}").all())
