"""A series that a user holds in Python - an array, a list, a pandas Series or table - as a regular
series."""

import logging
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
from koopflow.data.series.held_times import ID_NAMES, in_time, index_in_time, time_columns
from koopflow.data.series.loading import prepared
from koopflow.data.series.numbers import suspect_code
from koopflow.data.series.series import Series

logger = logging.getLogger("koopflow")

Given = Series | pd.Series | pd.DataFrame | ArrayLike


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
        given = _with_columns(_with_columns(series, regressors, "regressors"), beside, "beside")
        dates = time_columns(given, [*regressors, *beside])
        _refuse_many(given, dates)
        table, _ = in_time(given, name, [*regressors, *beside])
        columns = {str(each): table[each].to_numpy(dtype=np.float64) for each in regressors}
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
    label = "value"
    times: NDArray[Any] | None = None
    if isinstance(series, pd.DataFrame):
        dates = time_columns(series)
        _refuse_many(series, dates)
        chosen = _value_column(series, dates)
        table, times = in_time(series, name)
        series, label = table[chosen].to_numpy(), str(chosen)
    elif isinstance(series, pd.Series):
        label = str(series.name) if series.name is not None else label
        order, times = index_in_time(series.index, name)
        series = series.to_numpy()[order]
    values = _numbers(series, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise KoopflowError(f"{name}: values must have the shape (time,) (got {values.shape}); forecast one channel")
    return times, np.where(np.isfinite(values), values, np.nan), label


def _numbers(given: Any, name: str) -> NDArray[np.float64]:
    """Return values as float64, NaN where an array masks them; raise a KoopflowError unless they are real
    numbers. Warn of one that looks like a code for a missing value."""
    given = given.detach().cpu().double() if hasattr(given, "detach") else given
    if isinstance(given, np.ma.MaskedArray):
        given = np.ma.filled(given.astype(np.float64), np.nan)
    try:
        if np.asarray(given).dtype.kind in "cmM":
            raise TypeError
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise KoopflowError(f"{name}: all values must be numbers") from None
    if values.ndim == 1 and (found := suspect_code(values)):
        code, times, low, high = found
        logger.warning(
            "%s: %s occurs %d time(s), far from all other values (%g to %g); if it means missing, put NaN in its place",
            *(name, code, times, low, high),
        )
    return values


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


def _value_column(frame: pd.DataFrame, dates: Sequence[str]) -> str:
    """Return the name of the one column of values of a table."""
    numbers = [each for each in frame.select_dtypes("number").columns if each not in dates]
    if len(numbers) != 1:
        refuse_text(frame, dates)
        raise KoopflowError(
            f"series: the table must have one column of values (got {', '.join(map(str, numbers)) or 'none'}); choose "
            "one, as in table['name']"
        )
    return numbers[0]


def refuse_text(frame: pd.DataFrame, others: Sequence[str]) -> None:
    """Raise a KoopflowError for a column of text, beside `others`, that mostly holds numbers."""
    for name in frame.columns:
        texts = frame[name].dropna()
        if name in others or name in ID_NAMES or frame[name].dtype.kind in "biufcmM" or not len(texts):
            continue
        wrong = pd.to_numeric(texts, errors="coerce").isna()
        if wrong.mean() < 0.5:
            shown = f"{texts[wrong].iloc[0]!r}" if wrong.any() else f"the text {texts.iloc[0]!r}"
            raise KoopflowError(
                f"series: column {str(name)!r} must hold numbers (got {shown}); convert it, or leave it out"
            )
