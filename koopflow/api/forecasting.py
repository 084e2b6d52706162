"""Forecast a series, and compare forecasters on it."""

from collections.abc import Sequence
from dataclasses import replace
from operator import index
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.loading import prepared
from koopflow.data.series.series import Series
from koopflow.forecast.evaluate import evaluate as evaluate_forecasters
from koopflow.forecast.methods import Episodic, Gated, Sliding
from koopflow.forecast.protocol import Forecaster, as_forecaster, named
from koopflow.forecast.skill import NAIVE, skill_table

__all__ = ["Episodic", "Gated", "Sliding", "evaluate", "forecast"]

Given = Series | pd.Series | pd.DataFrame | ArrayLike
SKILL = ["method", "horizon", "n", "mae", "rmse", "mase", "skill", "ci_low", "ci_high", "coverage"]


def forecast(
    series: Given,
    horizon: int = 12,
    *,
    forecaster: Forecaster | str | None = None,
    period: int | None = None,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Return forecasts of a series beyond its last sample, with prediction intervals.

    Intervals are learned from the errors of forecasts from every sample after the first 40 %
    (adaptive conformal inference, Gibbs and Candes 2021). Open options are chosen on the first 40
    %.

    Parameters
    ----------
    series : array, list, pandas Series or DataFrame, or koopflow Series
        Values (time,) in order of time; NaN where missing. Times come from a DatetimeIndex, a
        PeriodIndex, or a column of dates next to the column of values.
    horizon : int
        Steps ahead.
    forecaster : forecaster or str, optional
        A name such as "ets", an object with a method ``forecast(values, origins, horizon)``, or a
        function of these three. Default: `Gated`, Koopman forecasts with memory.
    period : int, optional
        Samples per season; estimated from the first 40 % of the series by default.
    coverage : float
        Nominal coverage of the prediction intervals.

    Returns
    -------
    DataFrame
        One row per step: step (1 ... horizon), time, prediction, and the interval's ends low and
        high.

    Raises
    ------
    KoopflowError
        If the series cannot be read, is constant, or is too short.

    Examples
    --------
    >>> import numpy as np
    >>> import koopflow as kf
    >>> table = kf.forecast(10 + np.cos(2 * np.pi * np.arange(200) / 10), horizon=5)
    >>> table[["step", "time", "prediction"]].round(2)
       step  time  prediction
    0     1   200       11.00
    1     2   201       10.81
    2     3   202       10.31
    3     4   203        9.69
    4     5   204        9.19
    """
    regular = as_koopflow_series(series, period=period)
    chosen = Gated() if forecaster is None else _forecaster(forecaster)
    settings = _settings("forecast", horizon=horizon)
    table = evaluate_forecasters(regular, settings, {"forecast": chosen}, coverage=coverage).predictions
    last = table[table["origin"] == len(regular.values) - 1].reset_index(drop=True)
    last = last.rename(columns={"horizon": "step", "lower": "low", "upper": "high"})
    return last.assign(time=regular.later(horizon))[["step", "time", "prediction", "low", "high"]]


def evaluate(
    series: Given,
    forecasters: Forecaster | str | Sequence[Forecaster | str],
    horizon: int | None = None,
    *,
    period: int | None = None,
    every: int = 1,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Return errors and skill of forecasters, from every sample after the first 40 % of a series.

    Parameters
    ----------
    series, period, coverage
        As for `forecast`.
    forecasters : forecaster, or a sequence of them
        Forecasters such as `Gated()` and `Sliding(window=40)`, names such as "ets", or your own:
        objects with a method ``forecast(values, origins, horizon)`` or functions of these three.
        Open options are chosen on the first 40 %.
    horizon : int, optional
        Steps ahead; the default depends on the season.
    every : int
        Forecast from every n-th sample.

    Returns
    -------
    DataFrame
        One row per method and horizon: method, horizon, n (origins), mae and rmse (in units of the
        series), mase (mae / mae of the seasonal naive forecast on the first 40 %), skill (1
        - mae / mae of the better of persistence and seasonal naive) with its 95 % interval ci_low,
        ci_high (block bootstrap), and coverage of the prediction intervals.

    Raises
    ------
    KoopflowError
        If the series cannot be read, is constant or too short, or a forecaster cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> import koopflow as kf
    >>> def last_value(values, origins, horizon):
    ...     return np.repeat(values[origins][:, None], horizon, axis=1)
    >>> wave = np.cos(2 * np.pi * np.arange(200) / 10)
    >>> table = kf.evaluate(wave, [kf.Sliding(window=40), last_value], horizon=2, period=1)
    >>> table[["method", "horizon", "mae", "skill"]].round(2)
                   method  horizon   mae  skill
    0  Sliding(window=40)        1  0.00    1.0
    1          last_value        1  0.40    0.0
    2  Sliding(window=40)        2  0.00    1.0
    3          last_value        2  0.73    0.0
    """
    regular = as_koopflow_series(series, period=period)
    settings = _settings("evaluate", horizon=horizon, every=every)
    asked = _by_name(forecasters)
    compared = asked | {name: named(name) for name in NAIVE if name not in asked}
    result = evaluate_forecasters(regular, settings, compared, coverage=coverage)
    skill = skill_table(result.predictions, {regular.name: result.choices["mase_scale"]}, seed=0)
    return _ordered(skill, list(asked))


def _ordered(skill: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """Return the rows of `methods`, in this order, with skill against the better naive forecast."""
    skill = skill[skill["method"].isin(methods)].drop(columns=["ci_low", "ci_high"])
    skill = skill.rename(columns={"skill_vs_naive": "skill", "naive_ci_low": "ci_low", "naive_ci_high": "ci_high"})
    order = np.lexsort((skill["method"].map(methods.index), skill["horizon"]))
    return skill[SKILL].iloc[order].reset_index(drop=True)


def as_koopflow_series(series: Given, *, period: int | None = None, name: str = "series") -> Series:
    """Return the input of `forecast` as a regular series without missing values.

    Raises
    ------
    KoopflowError
        If the values are not one-dimensional numbers, or the column of values is ambiguous.
    """
    if period is not None and period < 1:
        raise KoopflowError(f"period must be at least 1 (got {period})")
    if isinstance(series, Series):
        return series if period is None else replace(series, period=period)
    if isinstance(series, pd.DataFrame):
        series = _one_column(series)
    label = "value"
    times: NDArray[Any] | None = None
    if isinstance(series, pd.Series):
        label = str(series.name) if series.name is not None else label
        stamps = series.index.to_timestamp() if isinstance(series.index, pd.PeriodIndex) else series.index
        if isinstance(stamps, pd.DatetimeIndex):
            series, stamps = series.set_axis(stamps).sort_index(), stamps.sort_values()
            if stamps.has_duplicates:
                raise KoopflowError(f"{name}: times must be unique (got {stamps[stamps.duplicated()][0]} twice)")
            times = stamps.tz_localize(None).to_numpy()
        series = series.to_numpy()
    try:
        values = np.asarray(series, dtype=np.float64)
    except (TypeError, ValueError):
        raise KoopflowError(f"{name}: all values must be numbers") from None
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise KoopflowError(f"{name}: values must have the shape (time,) (got {values.shape}); forecast one channel")
    values = np.where(np.isfinite(values), values, np.nan)
    return prepared(name, np.arange(len(values)) if times is None else times, values, label, period=period)


def _one_column(frame: pd.DataFrame) -> pd.Series:
    """Return the values of a table, with its times as the index where it has any."""
    if not isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        dates = [name for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name])]
        dates = dates or [name for name in frame.columns if str(name).lower() in ("time", "date", "ds")]
        if len(dates) == 1:
            written = frame[dates[0]]
            parsed = None if written.dtype.kind in "iuf" else pd.to_datetime(written, errors="coerce")
            if parsed is not None and parsed.isna().any():
                raise KoopflowError(
                    f"series: column {dates[0]!r} must hold times (got {written[parsed.isna()].iloc[0]!r})"
                )
            frame = frame.drop(columns=dates[0])
            frame = frame if parsed is None else frame.set_axis(pd.DatetimeIndex(parsed))
    numbers = frame.select_dtypes("number").columns
    if len(numbers) != 1:
        raise KoopflowError(
            f"series: the table must have one column of values (got {', '.join(map(str, numbers)) or 'none'}); choose "
            "one, as in table['name']"
        )
    return frame[numbers[0]]


def _settings(key: str, **given: int | None) -> SeriesSettings:
    """Return the given settings; NumPy integers count as Python integers."""
    return SeriesSettings.load({name: index(value) for name, value in given.items() if value is not None}, key)


def _forecaster(given: Forecaster | str) -> Forecaster:
    return named(given, "forecaster") if isinstance(given, str) else as_forecaster(given)


def _by_name(forecasters: Forecaster | str | Sequence[Forecaster | str]) -> dict[str, Forecaster]:
    """Return forecasters by their names in tables."""
    several = forecasters if isinstance(forecasters, Sequence) and not isinstance(forecasters, str) else [forecasters]
    found: dict[str, Forecaster] = {}
    for each in several:
        forecaster = _forecaster(each)
        name = each if isinstance(each, str) else repr(forecaster)
        if name in found:
            raise KoopflowError(f"evaluate: forecasters must be unique (got {name} twice)")
        found[name] = forecaster
    if not found:
        raise KoopflowError("evaluate: forecasters must not be empty")
    return found
