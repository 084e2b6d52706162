"""A series that a user holds in Python - an array, a list, a pandas Series or table - as a regular
series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.data.series.beside import held_at
from koopflow.data.series.loading import prepared
from koopflow.data.series.series import Series

Given = Series | pd.Series | pd.DataFrame | ArrayLike
TIME_NAMES = ("time", "date", "ds")
"""Names of columns that hold times."""
ID_NAMES = ("unique_id", "id", "series", "item_id")
"""Names of columns that hold a series' identifier, in the order in which they are looked for."""


def as_series(
    series: Given,
    *,
    period: int | None = None,
    name: str = "series",
    regressors: Sequence[str] = (),
    holidays: str | None = None,
    beside: Sequence[str] = (),
) -> Series:
    """Return the input of `forecast` as a regular series without missing values.

    Parameters
    ----------
    series : array, list, pandas Series or DataFrame, or koopflow Series
    period : int, optional
        Samples per season.
    name : str
        Name of the series in errors.
    regressors : sequence of str
        Columns of a table that are known ahead; its rows after the last value give their future.
    holidays : str, optional
        Code of a country whose public holidays matter.
    beside : sequence of str
        Columns of a table that make one state with its values.

    Raises
    ------
    KoopflowError
        If the values are not one-dimensional numbers, or the column of values is ambiguous.
    """
    SeriesSettings.load({name: each for name, each in (("period", period), ("holidays", holidays)) if each is not None})
    regressors, beside = arguments.names(regressors, "regressors"), arguments.names(beside, "beside")
    columns: dict[str, NDArray[np.float64]] = {}
    others: dict[str, tuple[NDArray[Any] | None, NDArray[np.float64], str]] = {}
    if regressors or beside:
        table = _sorted(_with_columns(_with_columns(series, regressors, "regressors"), beside, "beside"))
        columns = {str(each): table[each].to_numpy(dtype=np.float64) for each in regressors}
        dates = date_columns(table)
        others = {str(each): samples_of(table[[*dates, each]], name) for each in beside}
        series = table.drop(columns=[*regressors, *beside])
    if isinstance(series, Series):
        found = series if period is None else replace(series, period=period)
        return found if holidays is None else replace(found, holidays=holidays)
    times, values, label = samples_of(series, name)
    stamps = np.arange(len(values)) if times is None else times
    found = prepared(name, stamps, values, label, period=period, holidays=holidays, regressors=columns)
    if not others:
        return found
    held = [held_at(found, stamps, other, "beside", each) for each, (_, other, _) in others.items()]
    return replace(found, beside=np.stack(held, axis=1))


def _with_columns(series: Given, names: Sequence[str], key: str) -> pd.DataFrame:
    """Return a table; raise a KoopflowError, named `key`, unless it is one with the columns `names` of
    numbers."""
    if not isinstance(series, pd.DataFrame):
        raise KoopflowError(f"{key}: need a table with these columns")
    absent = [each for each in names if each not in series.select_dtypes("number").columns]
    if absent:
        raise KoopflowError(f"{key}: the table must have a column of numbers {absent[0]!r}")
    return series


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table in the order of its times."""
    dates = date_columns(frame)
    if not dates:
        return frame.sort_index() if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex) else frame
    written = frame[dates[0]]
    times = written if written.dtype.kind in "iuf" else pd.to_datetime(written, errors="coerce")
    return frame.iloc[np.argsort(times.to_numpy(), kind="stable")]


def samples_of(series: Given, name: str) -> tuple[NDArray[Any] | None, NDArray[np.float64], str]:
    """Return times (None if there are no dates), values (time,) with NaN where missing, and a
    label.

    Raises
    ------
    KoopflowError
        As in `as_series`.
    """
    if isinstance(series, Series):
        return series.time, np.where(series.observed, series.values, np.nan), series.label
    if isinstance(series, pd.DataFrame):
        series = _one_column(series)
    label = "value"
    times: NDArray[Any] | None = None
    if isinstance(series, pd.Series):
        label = str(series.name) if series.name is not None else label
        if isinstance(series.index, pd.MultiIndex):
            raise KoopflowError(
                f"{name}: the index must have one level (got {series.index.nlevels}); for many series, pass "
                "series.reset_index()"
            )
        stamps = series.index.to_timestamp() if isinstance(series.index, pd.PeriodIndex) else series.index
        if isinstance(stamps, pd.DatetimeIndex):
            if stamps.hasnans:
                raise KoopflowError(f"{name}: times must not be missing (row {int(stamps.isna().argmax())})")
            series, stamps = series.set_axis(stamps).sort_index(), stamps.sort_values()
            if stamps.has_duplicates:
                raise KoopflowError(f"{name}: times must be unique (got {stamps[stamps.duplicated()][0]} twice)")
            times = stamps.tz_localize(None).to_numpy()
        series = series.to_numpy()
    values = _numbers(series, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise KoopflowError(f"{name}: values must have the shape (time,) (got {values.shape}); forecast one channel")
    return times, np.where(np.isfinite(values), values, np.nan), label


def _numbers(given: Any, name: str) -> NDArray[np.float64]:
    """Return values as float64, NaN where an array masks them; raise a KoopflowError unless they are real
    numbers."""
    if isinstance(given, np.ma.MaskedArray):
        given = np.ma.filled(given.astype(np.float64), np.nan)
    try:
        if np.asarray(given).dtype.kind in "cmM":
            raise TypeError
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise KoopflowError(f"{name}: all values must be numbers") from None


def date_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns of a table that may hold its times; none if its index does."""
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        return []
    dates = [name for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name])]
    return dates or [name for name in frame.columns if str(name).lower() in TIME_NAMES]


def _refuse_many(frame: pd.DataFrame, dates: list[str]) -> None:
    """Raise a KoopflowError if a column of identifiers tells rows with the same time apart."""
    for name in ID_NAMES:
        if dates and name in frame.columns and frame[dates[0]].duplicated().any():
            count = len(frame[name].unique())
            if count > 1:
                raise KoopflowError(
                    f"series: need one series (got {count}, in column {name!r}); choose one, or call "
                    "koopflow.forecast, which takes them all"
                )


def _one_column(frame: pd.DataFrame) -> pd.Series:
    """Return the values of a table, with its times as the index where it has any."""
    dates = date_columns(frame)
    _refuse_many(frame, dates)
    if len(dates) == 1:
        written = frame[dates[0]]
        parsed = None if written.dtype.kind in "iuf" else pd.to_datetime(written, errors="coerce")
        if parsed is not None and parsed.isna().any():
            raise KoopflowError(f"series: column {dates[0]!r} must hold times (got {written[parsed.isna()].iloc[0]!r})")
        frame = frame.drop(columns=dates[0])
        frame = frame if parsed is None else frame.set_axis(pd.DatetimeIndex(parsed))
    numbers = frame.select_dtypes("number").columns
    if len(numbers) != 1:
        raise KoopflowError(
            f"series: the table must have one column of values (got {', '.join(map(str, numbers)) or 'none'}); choose "
            "one, as in table['name']"
        )
    return frame[numbers[0]]
