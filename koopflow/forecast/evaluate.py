"""Rolling-origin evaluation of several forecasters on one series, from equal origins."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.series import Series
from koopflow.forecast.choices import Choices, choose, early_stretch
from koopflow.forecast.index import embed
from koopflow.forecast.intervals import conformal_intervals
from koopflow.forecast.protocol import Configured, Floats, Forecaster, Integers, Recalling, Recollection, Situation
from koopflow.io.columns import FORECAST_RECALLED
from koopflow.koopman.windows import fit_some

MOST_WINDOWS = 300
# Warm-up origins before the scored ones: their errors set the intervals at the first scored origin.
WARM = 200


class Evaluation(NamedTuple):
    """Result of `evaluate`.

    Attributes
    ----------
    predictions : DataFrame
        `koopflow.io.columns.FORECAST_PREDICTIONS`, lower, upper. `origin` is the index of the last
        known sample, `horizon` counts steps from it. The last origins have no truth (NaN).
    recalled : DataFrame
        `koopflow.io.columns.FORECAST_RECALLED`; `continuation` holds one horizon of values after
        recalled_origin.
    choices : dict
        Settings used, and the MASE scale, as plain values for a report.
    windows : dict of arrays
        ``ends`` (m,) and ``points`` (m, coordinates) of at most MOST_WINDOWS windows. The L1
        distance between points is a tight lower bound on the distance between spectra
        (`koopflow.forecast.index.embed`).
    """

    predictions: pd.DataFrame
    recalled: pd.DataFrame
    choices: dict[str, Any]
    windows: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Stretch:
    """A series with its settings, and the origins shared by all forecasters.

    Attributes
    ----------
    samples : (time, 1)
    origins : (n,)
        Warm-up origins, then scored ones; origins with a missing value are left out.
    scored : (n,) bool
    truth : (n, horizon)
        NaN where not observed, or not yet known.
    situation : Situation
        Settings for forecasters of the undifferenced series.
    """

    series: Series
    choices: Choices
    samples: Floats
    origins: Integers
    scored: NDArray[np.bool_]
    truth: Floats
    situation: Situation


def evaluate(
    series: Series,
    settings: SeriesSettings,
    forecasters: Mapping[str, Forecaster],
    *,
    coverage: float = 0.9,
    estimates: int = 3,
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

    Raises
    ------
    KoopflowError
        If the series is too short, settings are incompatible, or a forecaster returns the wrong
        shape.
    """
    if not 0 < coverage < 1:
        raise KoopflowError(f"coverage must be strictly between 0 and 1 (got {coverage})")
    stretch = _stretch(series, choose(series, settings), estimates, settings)
    frames, recalled = [], []
    for name, forecaster in forecasters.items():
        point, found = _forecast(name, forecaster, stretch)
        frames.append(_scored(name, point, stretch, coverage))
        if found is not None:
            recalled.append(_recalled(name, found, stretch))
    recalled = [frame for frame in recalled if len(frame)]
    recollections = pd.concat(recalled, ignore_index=True) if recalled else pd.DataFrame(columns=FORECAST_RECALLED)
    return Evaluation(pd.concat(frames, ignore_index=True), recollections, _record(stretch), _windows(stretch))


def _stretch(series: Series, choices: Choices, estimates: int, settings: SeriesSettings) -> Stretch:
    values = series.values[:, None]  # noqa: PD011 - a koopflow Series, not pandas
    lost, transform, every = choices.transform.lost, choices.transform, settings.every
    first = max(choices.early, choices.window + lost)
    origins = np.arange(first, len(values), every)
    if origins[-1] != len(values) - 1:
        origins = np.append(origins, len(values) - 1)
    warm = np.arange(first - every, max(choices.window + lost - 1, first - 5 * WARM), -every)[:WARM][::-1]
    origins = np.concatenate([warm, origins])
    origins = origins[series.observed[origins]]
    padded = np.concatenate([np.where(series.observed, series.values, np.nan), np.full(choices.horizon, np.nan)])
    truth = padded[origins[:, None] + np.arange(1, choices.horizon + 1)]
    # Differences cannot be undone step by step, so errors of a differenced series stay in units of
    # the differences.
    measure = None if transform.lags else transform.unpoint
    situation = Situation(
        period=choices.period,
        window=choices.window,
        delays=choices.delays,
        rank=choices.rank,
        recalled=choices.recalled,
        matches=choices.matches,
        first=first,
        exclusion=settings.exclusion,
        estimates=estimates,
        measure=measure,
        sizes=partial(early_stretch(series, choices.horizon).sizes, transform),
    )
    return Stretch(series, choices, values, origins, origins >= first, truth, situation)


def _forecast(name: str, forecaster: Forecaster, stretch: Stretch) -> tuple[Floats, Recollection | None]:
    """Return forecasts (n, horizon) on the pointwise scale, and the recollection, if any."""
    transform, horizon = stretch.choices.transform, stretch.choices.horizon
    differenced = bool(getattr(forecaster, "differenced", False))
    lost = transform.lost if differenced else 0
    values = (transform.apply if differenced else transform.point)(stretch.samples)[:, 0].copy()
    if isinstance(forecaster, Configured):
        forecaster = forecaster.for_series(stretch.situation.shifted(lost))
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


def _scored(name: str, point: Floats, stretch: Stretch, coverage: float) -> pd.DataFrame:
    """Return predictions with intervals at the scored origins, in the series' own units."""
    transform, scored = stretch.choices.transform, stretch.scored
    # Intervals are computed on the pointwise scale: undoing a root or log makes them as skewed as
    # the series.
    low, high = conformal_intervals(point, transform.point(stretch.truth), stretch.origins, coverage)
    if transform.pointwise == "root" and stretch.samples[: stretch.choices.early].min() >= 0:
        low = np.maximum(low, 0.0)
    columns = [transform.unpoint(each)[scored] for each in (point, low, high)]
    return _frame(stretch.series.name, name, stretch.origins[scored], stretch.truth[scored], *columns)


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


def _frame(
    series: str, method: str, origins: Integers, truth: Floats, point: Floats, low: Floats, high: Floats
) -> pd.DataFrame:
    count, horizon = point.shape
    return pd.DataFrame(
        {
            "series": series,
            "method": method,
            "origin": np.repeat(origins, horizon),
            "horizon": np.tile(np.arange(1, horizon + 1), count),
            "prediction": point.ravel(),
            "truth": truth.ravel(),
            "lower": low.ravel(),
            "upper": high.ravel(),
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
