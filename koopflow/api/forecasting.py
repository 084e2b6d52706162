"""Forecast a series, and compare forecasters on it."""

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from koopflow.config.series import SeriesSettings
from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.data.series.held import Given, as_series
from koopflow.data.series.series import Series
from koopflow.data.series.several import Several, opened
from koopflow.forecast.combined import Combined
from koopflow.forecast.estimator import coverages_of, table_of
from koopflow.forecast.evaluate import evaluate as evaluate_forecasters
from koopflow.forecast.many import forecast_each, pool_for
from koopflow.forecast.methods import Episodic, Gated, Sliding
from koopflow.forecast.protocol import Floats, Forecaster, as_forecaster, named
from koopflow.forecast.skill import NAIVE, skill_table
from koopflow.forecast.state import State

__all__ = ["Combined", "Episodic", "Gated", "Sliding", "evaluate", "forecast"]

SKILL = ["method", "horizon", "n", "mae", "rmse", "mase", "skill", "ci_low", "ci_high", "coverage"]


def forecast(
    series: Given | str | os.PathLike[str],
    horizon: int = 12,
    *,
    forecaster: Forecaster | str | None = None,
    period: int | None = None,
    coverage: float = 0.9,
    levels: Sequence[float] | None = None,
    quantiles: Sequence[float] | None = None,
    regressors: Sequence[str] = (),
    holidays: str | None = None,
    beside: Sequence[str] = (),
) -> pd.DataFrame:
    """Return forecasts of one or many series; options are chosen on the first 40 %.

    Parameters
    ----------
    series : array, list, pandas Series or DataFrame, koopflow Series, or path
        Values (time,), NaN where missing; in any order if an index or columns hold times. Many: a
        table with a column of identifiers (unique_id, id) or a column each, or a file or folder.
    horizon, period : int
        Steps ahead, and samples per season, found by default.
    forecaster : forecaster or str, optional
        A name such as "ets", or an object. By default `Gated`; `Combined` with regressors or
        holidays, `Episodic` with `beside`.
    coverage, levels, quantiles
        Nominal coverage of the interval; of several in percent, such as [50, 90]; levels in (0, 1).
    regressors, holidays, beside
        Columns of a table that are known ahead, whose future is in rows after the last value; ISO
        code of a country with public holidays; columns that make one state with one series.

    Returns
    -------
    DataFrame
        One row per step: step, time, prediction, and the interval's ends low and high, or low_50,
        high_50, ... for each level; then q0.1, ... for each quantile. Of many series, after the
        column of identifiers; ``attrs["left_out"]`` says which have no forecast, and why.

    Raises
    ------
    KoopflowError
        If the series cannot be read, is constant, or is too short.

    Examples
    --------
    >>> import numpy as np
    >>> import koopflow as kf
    >>> table = kf.forecast(10 + np.cos(2 * np.pi * np.arange(200) / 10), horizon=3)
    >>> table["prediction"].round(2).tolist()
    [11.0, 10.81, 10.31]
    """
    regressors, beside = arguments.names(regressors, "regressors"), arguments.names(beside, "beside")
    steps = _settings("forecast", horizon=horizon).horizon or 12
    chosen = _chosen(forecaster, _checked(coverage, levels, quantiles, regressors, holidays), bool(beside))
    one = partial(_one, chosen, steps, levels, quantiles, coverage)
    prepare = partial(as_series, period=period, regressors=regressors, holidays=holidays)
    found = _opened(series, regressors, beside)
    if not isinstance(found, Several):
        return one(prepare(found, beside=beside))
    return forecast_each(found, prepare, one, partial(pool_for, [chosen], steps))


def _opened(
    series: Given | str | os.PathLike[str], regressors: Sequence[str], beside: Sequence[str]
) -> Several | Given:
    """Return one or many series; raise a KoopflowError if many cannot make one state."""
    found = opened(series, [*regressors, *beside])
    if beside and isinstance(found, Several):
        raise KoopflowError(f"beside: need one series (got {len(found.readers)}); forecast each by a call of its own")
    return found


def _chosen(forecaster: Forecaster | str | None, ahead: bool, beside: bool) -> Forecaster:
    """Return the forecaster, or the default one; raise a KoopflowError if it cannot observe what is
    beside."""
    usual = Episodic() if beside else Combined() if ahead else Gated()
    chosen = chosen_forecaster(forecaster, usual)
    if beside and not getattr(chosen, "joint", False):
        raise KoopflowError(f"beside: {chosen!r} observes one series; use Sliding or Episodic")
    return chosen


def _checked(
    coverage: float,
    levels: Sequence[float] | None,
    quantiles: Sequence[float] | None,
    regressors: Sequence[str],
    holidays: str | None,
) -> bool:
    """Return whether anything beside the series is given; raise a KoopflowError for a coverage,
    level or quantile out of range."""
    arguments.share(coverage, "coverage")
    coverages_of(() if levels is None else levels, () if quantiles is None else quantiles)
    return bool(regressors or holidays)


def _one(
    forecaster: Forecaster,
    horizon: int,
    levels: Sequence[float] | None,
    quantiles: Sequence[float] | None,
    coverage: float,
    series: Series,
    pooled: Floats | None = None,
) -> pd.DataFrame:
    """Return the forecast of one series."""
    return table_of(State.fit(forecaster, series, horizon, pooled), levels, quantiles, coverage)


def evaluate(
    series: Given,
    forecasters: Forecaster | str | Sequence[Forecaster | str],
    horizon: int | None = None,
    *,
    period: int | None = None,
    every: int = 1,
    coverage: float = 0.9,
    regressors: Sequence[str] = (),
    holidays: str | None = None,
    beside: Sequence[str] = (),
) -> pd.DataFrame:
    """Return errors and skill of forecasters, from every sample after the first 40 % of a series.

    Parameters
    ----------
    series, period, coverage, regressors, holidays, beside
        As for `forecast`; methods that do not use a column leave it aside.
    forecasters : forecaster, or a sequence of them
        Forecasters such as `Gated()` and `Sliding(window=40)`, names such as "ets", or your own:
        objects with a method ``forecast(values, origins, horizon)`` or functions of these three.
    horizon, every : int, optional
        Steps ahead, by default those that suit the season; forecast from every n-th sample.

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
    regular = as_series(series, period=period, regressors=regressors, holidays=holidays, beside=beside)
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


def _settings(key: str, **given: int | None) -> SeriesSettings:
    """Return the given settings; NumPy integers count as Python integers."""
    return SeriesSettings.load({name: value for name, value in given.items() if value is not None}, key)


def chosen_forecaster(given: Forecaster | str | None, usual: Forecaster) -> Forecaster:
    """Return a forecaster that is given by name or as an object; `usual` for None."""
    if given is None:
        return usual
    return named(given, "forecaster") if isinstance(given, str) else as_forecaster(given)


def _by_name(forecasters: Forecaster | str | Sequence[Forecaster | str]) -> dict[str, Forecaster]:
    """Return forecasters by their names in tables."""
    several = forecasters if isinstance(forecasters, Sequence) and not isinstance(forecasters, str) else [forecasters]
    found: dict[str, Forecaster] = {}
    for each in several:
        forecaster = chosen_forecaster(each, Gated())
        name = each if isinstance(each, str) else repr(forecaster)
        if name in found:
            raise KoopflowError(f"evaluate: forecasters must be unique (got {name} twice)")
        found[name] = forecaster
    if not found:
        raise KoopflowError("evaluate: forecasters must not be empty")
    return found
