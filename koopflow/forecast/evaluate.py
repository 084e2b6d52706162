"""Rolling-origin evaluation of every method on one series, from equal origins that all lie behind the early stretch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.data.series.registry import Series
from koopflow.forecast import baselines, classical
from koopflow.forecast.choices import Choices, choose
from koopflow.forecast.index import embed
from koopflow.forecast.intervals import conformal_intervals
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.sliding import rolling_from
from koopflow.io.columns import FORECAST_RECALLED
from koopflow.koopman.windows import WindowModels, fit_some, fit_windows

METHODS: dict[str, Callable] = {}
PLAIN: set[str] = set()
MOST_WINDOWS = 300
# Origins just before the scored ones, forecast from as well so that intervals have errors to learn from at the first scored one.
WARM = 200
WITHOUT_MEMORY = ("persistence", "sliding", "seasonal")


@dataclass(frozen=True)
class Task:
    """What a method gets: the series transformed pointwise and wholly (time, 1), settings, the first scored origin in the latter, and
    a place to leave fitted models."""

    points: np.ndarray
    moved: np.ndarray
    choices: Choices
    first: int
    estimates: int
    fitted: dict


def method(function: Callable) -> Callable:
    """Register ``f(task, origins) -> (n, horizon, 1)`` on the transformed scale; origins count in the transformed series."""
    METHODS[function.__name__] = function
    return function


def _memory(task: Task, **options) -> EpisodicKoopman:
    c = task.choices
    options = {"period": c.period, "recalled": c.recalled, "matches": c.matches} | options
    # Of differences the series' own units are not to be had step by step: there errors are those of the differences.
    options["measure"] = None if c.transform.lags else c.transform.unpoint
    return EpisodicKoopman(c.window, c.delays, c.rank, c.horizon, **options).fit(task.moved, _windows_of(task))


def _windows_of(task: Task) -> WindowModels:
    """Return the models of all windows, fitted once for all methods."""
    if "windows" not in task.fitted:
        task.fitted["windows"] = fit_windows(task.moved, task.choices.window, task.choices.delays, task.choices.rank)
    return task.fitted["windows"]


def _plain(function: Callable) -> Callable:
    """Register a forecaster that works on the series before any differences: it returns forecasts on the pointwise scale."""
    PLAIN.add(function.__name__)
    return method(function)


@_plain
def persistence(task, origins):
    """The last value."""
    return baselines.persistence(task.points, origins, task.choices.horizon)


@_plain
def seasonal_naive(task, origins):
    """The value one season earlier."""
    return baselines.seasonal_naive(task.points, origins, task.choices.horizon, task.choices.period)


@_plain
def drift(task, origins):
    """The straight line from the first sample to the last."""
    return baselines.drift(task.points, origins, task.choices.horizon)


@method
def ets(task, origins):
    c = task.choices
    return classical.exponential_smoothing(task.moved[:, 0], origins, c.horizon, c.period, task.estimates, task.first)[..., None]


@method
def arima(task, origins):
    c = task.choices
    return classical.arima(task.moved[:, 0], origins, c.horizon, c.period, task.estimates, task.first)[..., None]


@method
def ridge(task, origins):
    c = task.choices
    return baselines.ridge_autoregression(task.moved, origins, c.horizon, c.window, c.delays)


@method
def sliding(task, origins):
    c = task.choices
    return rolling_from(_windows_of(task), task.moved, c.window, c.delays, c.horizon)[origins]


@method
def episodic(task, origins):
    """The paper's basic scheme: recall if near enough, else the ordinary forecast."""
    task.fitted["episodic"] = _memory(task, scheme="basic")
    return task.fitted["episodic"].forecasts_[origins]


@method
def gated(task, origins):
    """Recollection, ordinary and plain forecasts weighed by their remembered errors."""
    task.fitted["gated"] = _memory(task, scheme="gated")
    return task.fitted["gated"].forecasts_[origins]


@method
def gated_without_memory(task, origins):
    """The same gate without anything recalled: what gating alone brings."""
    experts = [name for name in WITHOUT_MEMORY if name != "seasonal" or task.choices.period > 1]
    return _memory(task, scheme="gated", experts=experts).forecasts_[origins]


def evaluate(
    series: Series, spec: Mapping, methods: Sequence[str], *, coverage: float = 0.9, estimates: int = 3, every: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame, dict, dict]:
    """Forecast `series` with every method from every (every `every`-th) origin behind the early stretch.

    Returns
    -------
    predictions : DataFrame
        `koopflow.io.columns.FORECAST_PREDICTIONS`, lower, upper: origin is the index of the last known sample, horizon counts steps from it. After the
        scored origins come those at the end of the series, whose truth is not known yet (NaN).
    recalled : DataFrame
        series, method, origin, match, recalled_origin, distance, continuation: the horizon's values that followed recalled_origin.
    choices : dict
        The settings used, and the scale of MASE.
    windows : dict
        ``ends`` (m,) and ``points`` (m, coordinates) of at most MOST_WINDOWS windows: coordinates of their spectra, whose L1 distance
        is a tight lower bound of the distance between spectra (`koopflow.forecast.index.embed`).
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise KoopflowError(f"forecast.methods: {unknown[0]!r} is unknown; accepted are {', '.join(METHODS)}")
    choices = choose(series, spec)
    values = series.values[:, None]  # noqa: PD011 - a Series of ours, not of pandas
    transform, lost = choices.transform, choices.transform.lost
    first = max(choices.early, choices.window + lost)
    origins = np.arange(first, len(values), every)
    if origins[-1] != len(values) - 1:
        origins = np.append(origins, len(values) - 1)
    warm = np.arange(first - every, max(choices.window + lost - 1, first - 5 * WARM), -every)[:WARM][::-1]
    origins = np.concatenate([warm, origins])
    origins = origins[series.observed[origins]]
    scored = origins >= first
    padded = np.concatenate([np.where(series.observed, series.values, np.nan), np.full(choices.horizon, np.nan)])
    truth = padded[origins[:, None] + np.arange(1, choices.horizon + 1)]
    task = Task(transform.point(values), transform.apply(values), choices, first - lost, estimates, {})
    frames = []
    for name in methods:
        if name in PLAIN:
            point = METHODS[name](task, origins)[..., 0]
        else:
            point = transform.undo(values, origins, METHODS[name](task, origins - lost))[..., 0]
        # Intervals live on the pointwise scale: behind a root or log they are as lopsided as the series.
        known = transform.point(truth)
        low, high = conformal_intervals(point, known, origins, coverage)
        if transform.pointwise == "root" and values[: choices.early].min() >= 0:
            low = np.maximum(low, 0.0)
        columns = [transform.unpoint(each)[scored] for each in (point, low, high)]
        frames.append(_frame(series.name, name, origins[scored], truth[scored], *columns))
    origins = origins[scored]
    scale_lag = choices.period
    scale = float(np.mean(np.abs(values[scale_lag : choices.early] - values[: choices.early - scale_lag])))
    record = choices.record() | {"samples": len(values), "mase_scale": max(scale, 1e-300), "origins": len(origins)}
    record |= {"label": series.label, "step": series.step, "filled": int((~series.observed).sum())}
    return pd.concat(frames, ignore_index=True), _recollections(series, task, origins, lost), record, _windows(task)


def _windows(task: Task) -> dict:
    c = task.choices
    ends = np.unique(np.linspace(c.window - 1, len(task.moved) - 1, MOST_WINDOWS).astype(int))
    windows = task.moved[ends[:, None] + np.arange(1 - c.window, 1)]
    models = fit_some(windows, c.delays, c.rank)
    return {"ends": ends + c.transform.lost, "points": embed(models.eigenvalues)}


def _frame(series, name, origins, truth, point, low, high) -> pd.DataFrame:
    count, horizon = point.shape
    return pd.DataFrame(
        {
            "series": series,
            "method": name,
            "origin": np.repeat(origins, horizon),
            "horizon": np.tile(np.arange(1, horizon + 1), count),
            "prediction": point.ravel(),
            "truth": truth.ravel(),
            "lower": low.ravel(),
            "upper": high.ravel(),
        }
    )


def _recollections(series: Series, task: Task, origins: np.ndarray, lost: int) -> pd.DataFrame:
    frames = []
    for name in [each for each in ("episodic", "gated") if each in task.fitted]:
        memory = task.fitted[name]
        rows, gaps = memory.recalled_[origins - lost], memory.distances_[origins - lost]
        count, matches = rows.shape
        frame = pd.DataFrame(
            {
                "series": series.name,
                "method": name,
                "origin": np.repeat(origins, matches),
                "match": np.tile(np.arange(1, matches + 1), count),
                "recalled_origin": np.where(rows >= 0, rows + lost, -1).ravel(),
                "distance": gaps.ravel(),
            }
        )
        frame = frame[frame["recalled_origin"] >= 0]
        after = frame["recalled_origin"].to_numpy()[:, None] + np.arange(1, task.choices.horizon + 1)
        frames.append(frame.assign(continuation=list(series.values[after].astype(np.float32))))  # noqa: PD011 - a Series of ours
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=FORECAST_RECALLED)
