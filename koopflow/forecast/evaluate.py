"""Rolling-origin evaluation of several forecasters on one series, from equal origins."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core import arguments, progress
from koopflow.core.errors import KoopflowError
from koopflow.data.series.series import Series, written
from koopflow.forecast.choices import choose
from koopflow.forecast.index import embed
from koopflow.forecast.intervals import RollingIntervals
from koopflow.forecast.protocol import Floats, Forecaster, Recalling, Recollection, settled
from koopflow.forecast.stretch import Stretch, stretch_of
from koopflow.io.columns import FORECAST_QUANTILES, FORECAST_RECALLED
from koopflow.koopman.windows import fit_some

MOST_WINDOWS = 300
BANDS = (0.5, 0.8, 0.9, 0.95)
"""Nominal coverages of the intervals beyond the last sample."""


class Evaluation(NamedTuple):
    """Result of `evaluate`.

    Attributes
    ----------
    predictions : DataFrame
        `koopflow.io.columns.FORECAST_PREDICTIONS`, lower, upper, origin_time, band. `origin` is the
        index of the last known sample and origin_time its stamp as text; `horizon` counts steps
        from it; band is the nominal coverage of the smallest interval that holds the truth, of
        BANDS and `coverage`, 1 if none does. The last origins have no truth (NaN). Where asked for,
        also the quantiles behind all intervals, q0.025, q0.05, ....
    recalled : DataFrame
        `koopflow.io.columns.FORECAST_RECALLED`; `continuation` holds one horizon of values after
        recalled_origin.
    choices : dict
        Settings used, and the MASE scale, as plain values for a report.
    windows : dict of arrays
        ``ends`` (m,) and ``points`` (m, coordinates) of at most MOST_WINDOWS windows. The L1
        distance between points is a tight lower bound on the distance between spectra
        (`koopflow.forecast.index.embed`).
    future : DataFrame
        `koopflow.io.columns.FORECAST_QUANTILES`, time: quantiles beyond the last sample, of the
        intervals with the coverages BANDS and `coverage`; origin and time are stamps as text.
    """

    predictions: pd.DataFrame
    recalled: pd.DataFrame
    choices: dict[str, Any]
    windows: dict[str, NDArray[Any]]
    future: pd.DataFrame


def evaluate(
    series: Series,
    settings: SeriesSettings,
    forecasters: Mapping[str, Forecaster],
    *,
    coverage: float = 0.9,
    estimates: int = 3,
    quantiles: bool = False,
    pooled: Floats | None = None,
) -> Evaluation:
    """Return the forecasts of a series by several forecasters from every scored origin.

    Parameters
    ----------
    series : Series
    settings : SeriesSettings
        Open settings are chosen on the early stretch, see `koopflow.forecast.choices.choose`.
    forecasters : mapping of str to Forecaster
        Forecasters by their names in tables (`koopflow.forecast.protocol.named`).
    coverage : float
        Nominal coverage of the prediction intervals.
    estimates : int
        Number of times that statsmodels forecasters estimate their parameters.
    quantiles : bool
        Whether the predictions have quantiles as well.
    pooled : (time, horizon) float, optional
        Forecasts from every sample by a model of many series
        (`koopflow.forecast.company.pool`).

    Raises
    ------
    KoopflowError
        If the series is too short, settings are incompatible, or a forecaster returns the wrong
        shape.
    """
    arguments.share(coverage, "coverage")
    stretch = stretch_of(series, choose(series, settings), estimates, settings, pooled)
    bands = sorted({*BANDS, coverage})
    frames, recalled, futures = [], [], []
    for name, forecaster in progress.bar(forecasters.items(), f"forecasting {series.name}", "method"):
        point, found = _forecast(name, forecaster, stretch)
        scored, future = _with_intervals(name, point, stretch, bands, coverage, quantiles)
        frames.append(scored)
        futures.append(future)
        if found is not None:
            recalled.append(_recalled(name, found, stretch))
    recalled = [frame for frame in recalled if len(frame)]
    return Evaluation(
        pd.concat(frames, ignore_index=True),
        pd.concat(recalled, ignore_index=True) if recalled else pd.DataFrame(columns=FORECAST_RECALLED),
        _record(stretch) | {"coverage": coverage},
        _windows(stretch),
        pd.concat(futures, ignore_index=True),
    )


def _forecast(name: str, forecaster: Forecaster, stretch: Stretch) -> tuple[Floats, Recollection | None]:
    """Return forecasts (n, horizon) on the pointwise scale, and the recollection, if any."""
    transform, horizon = stretch.choices.transform, stretch.choices.horizon
    differenced = bool(getattr(forecaster, "differenced", False))
    lost = transform.lost if differenced else 0
    values = (transform.apply if differenced else transform.point)(stretch.samples)[:, 0].copy()
    forecaster = settled(forecaster, stretch.situation.shifted(lost))
    origins, found = stretch.origins - lost, None
    if isinstance(forecaster, Recalling):
        found = forecaster.recall(values, origins, horizon)
        found = Recollection(found.forecasts, np.where(found.origins >= 0, found.origins + lost, -1), found.distances)
    point = np.asarray(found.forecasts if found else forecaster.forecast(values, origins, horizon), dtype=np.float64)
    if point.shape != (len(origins), horizon):
        raise KoopflowError(
            f"forecaster {name} must return an array of shape (origins, horizon) = "
            f"{(len(origins), horizon)} (got {point.shape})"
        )
    if differenced:
        point = transform.undo(stretch.samples, stretch.origins, point[..., None])[..., 0]
    return point, found


def _with_intervals(
    name: str, point: Floats, stretch: Stretch, bands: Sequence[float], coverage: float, quantiles: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return predictions at the scored origins, and the future, with intervals learned from the
    errors of `point` (n, horizon)."""
    truth = stretch.choices.transform.point(stretch.truth)
    errors = np.abs(truth - point)
    learned = RollingIntervals(bands, point.shape[1]).extend(errors, stretch.origins)
    halves = learned.halves if stretch.locked else learned.bands
    inside = np.where(np.isfinite(errors) & np.isfinite(halves[..., 0]), _smallest(bands, errors, halves), np.nan)
    scored = _scored(name, point, halves[..., bands.index(coverage)], stretch)
    scored = scored.assign(band=inside[stretch.scored].ravel())
    if quantiles:
        levels = _levels(point, dict(zip(bands, np.moveaxis(halves, -1, 0))), stretch)
        scored = scored.assign(**{f"q{level:g}": levels[level][stretch.scored].ravel() for level in sorted(levels)})
    return scored, _future(name, point[-1], dict(zip(bands, halves[-1].T)), stretch)


def _smallest(bands: Sequence[float], errors: Floats, halves: Floats) -> Floats:
    """Return the nominal coverage of the smallest interval that holds the truth, 1 if none does."""
    held = errors[..., None] <= halves
    return np.where(held.any(axis=-1), np.asarray(bands)[np.argmax(held, axis=-1)], 1.0)


def _scored(name: str, point: Floats, half: Floats, stretch: Stretch) -> pd.DataFrame:
    """Return predictions with intervals at the scored origins, in the series' own units."""
    upper, lower = stretch.units(point + half, point - half)
    ends = (stretch.choices.transform.unpoint(point), lower, upper)
    return _frame(stretch, name, *(each[stretch.scored] for each in ends))


def _future(name: str, point: Floats, halves: Mapping[float, Floats], stretch: Stretch) -> pd.DataFrame:
    """Return quantiles of the forecast (horizon,) beyond the last sample, in the series' own
    units."""
    values = _levels(point, halves, stretch)
    levels, horizon = sorted(values), len(point)
    found = np.stack([values[level] for level in levels], axis=1)
    steps = np.repeat(np.arange(1, horizon + 1), len(levels))
    columns = (stretch.series.name, name, stretch.stamps[-1], steps, np.tile(levels, horizon), found.ravel())
    times = np.repeat(written(stretch.series.later(horizon)), len(levels))
    frame = pd.DataFrame(dict(zip(FORECAST_QUANTILES, columns))).assign(time=times)
    return frame[frame["value"].notna()]


def _levels(point: Floats, halves: Mapping[float, Floats], stretch: Stretch) -> dict[float, Floats]:
    """Return the quantiles around `point` by their level, in the series' own units."""
    values = {0.5: stretch.choices.transform.unpoint(point)}
    for coverage, half in halves.items():
        upper, lower = stretch.units(point + half, point - half)
        values |= {round((1 - coverage) / 2, 9): lower, round((1 + coverage) / 2, 9): upper}
    return values


def apart(predictions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return predictions without their quantiles, and the quantiles with a row for each.

    Returns
    -------
    predictions : DataFrame
    quantiles : DataFrame
        `koopflow.io.columns.FORECAST_QUANTILES`, origin_time. Early origins, with too few errors
        for an interval, have the median alone.
    """
    names = [name for name in map(str, predictions) if name.startswith("q0.")]
    about = [name for name in (*FORECAST_QUANTILES, "origin_time") if name in predictions]
    long = predictions.melt(id_vars=about, value_vars=names, var_name="quantile", value_name="value")
    long = long[long["value"].notna()].assign(quantile=lambda rows: rows["quantile"].str[1:].astype(float))
    ordered = long.sort_values(list(FORECAST_QUANTILES[:-1]), ignore_index=True)
    return predictions.drop(columns=names), ordered[[*FORECAST_QUANTILES, "origin_time"]]


def _record(stretch: Stretch) -> dict[str, Any]:
    values, choices, series = stretch.samples, stretch.choices, stretch.series
    lag, early = choices.period, choices.early
    scale = float(np.mean(np.abs(values[lag:early] - values[: early - lag])))
    record = choices.record() | {"samples": len(values), "mase_scale": max(scale, 1e-300)}
    record |= {"origins": int(stretch.scored.sum()), "label": series.label, "step": series.step}
    return record | {"filled": int((~series.observed).sum())}


def _windows(stretch: Stretch) -> dict[str, NDArray[Any]]:
    choices = stretch.choices
    moved = choices.transform.apply(stretch.samples)
    ends = np.unique(np.linspace(choices.window - 1, len(moved) - 1, MOST_WINDOWS).astype(int))
    windows = moved[ends[:, None] + np.arange(1 - choices.window, 1)]
    models = fit_some(windows, choices.delays, choices.rank)
    return {"ends": ends + choices.transform.lost, "points": embed(models.eigenvalues)}


def _frame(stretch: Stretch, method: str, point: Floats, low: Floats, high: Floats) -> pd.DataFrame:
    count, horizon = point.shape
    return pd.DataFrame(
        {
            "series": stretch.series.name,
            "method": method,
            "origin": np.repeat(stretch.origins[stretch.scored], horizon),
            "horizon": np.tile(np.arange(1, horizon + 1), count),
            "prediction": point.ravel(),
            "truth": stretch.truth[stretch.scored].ravel(),
            "lower": low.ravel(),
            "upper": high.ravel(),
            "origin_time": np.repeat(stretch.stamps[stretch.scored], horizon),
        }
    )


def _recalled(method: str, found: Recollection, stretch: Stretch) -> pd.DataFrame:
    """Return one row per match recalled at a scored origin, with the values that followed it."""
    origins, rows, gaps = (
        stretch.origins[stretch.scored],
        found.origins[stretch.scored],
        found.distances[stretch.scored],
    )
    count, matches = rows.shape
    frame = pd.DataFrame(
        {
            "series": stretch.series.name,
            "method": method,
            "origin": np.repeat(origins, matches),
            "match": np.tile(np.arange(1, matches + 1), count),
            "recalled_origin": rows.ravel(),
            "distance": gaps.ravel(),
        }
    )
    frame = frame[frame["recalled_origin"] >= 0]
    after = frame["recalled_origin"].to_numpy()[:, None] + np.arange(1, stretch.choices.horizon + 1)
    return frame.assign(continuation=list(stretch.series.values[after].astype(np.float32)))  # noqa: PD011 - a koopflow Series
