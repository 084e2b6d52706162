"""Forecasts of all reference dates of a hub, each from its vintage alone."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from koopflow.config.hub import HubStudySettings, PanelSettings
from koopflow.core import progress
from koopflow.core.errors import KoopflowError
from koopflow.data.hub.tables import HubData
from koopflow.forecast.hub.revisions import corrected
from koopflow.forecast.panels.forecaster import PanelForecaster, forecasts_of
from koopflow.forecast.panels.panel import Floats, Panel, panel_of, season_of

logger = logging.getLogger("koopflow")

WEEK = pd.Timedelta(days=7)
# An earlier season is forecast from the weeks between these shares of it.
BUSY = (0.2, 0.7)
KEYS = ["model", "reference_date", "target", "location", "horizon"]


def forecasters(models: Mapping[str, PanelSettings], seed: int) -> dict[str, PanelForecaster]:
    """Return the forecasters of a study by name."""
    return {name: PanelForecaster(each.experts, float(each.power), seed=seed) for name, each in models.items()}


def forecast_dates(
    data: HubData, settings: HubStudySettings, seed: int = 0, maximum: float | None = None
) -> pd.DataFrame:
    """Return the forecasts of every reference date, from its vintage alone.

    Returns
    -------
    DataFrame
        `koopflow.io.columns.HUB_QUANTILES`; model names are prefixed by the team's.
    """
    frames = []
    for revises in (False, True):
        chosen = {name: each for name, each in settings.models.items() if each.revisions == revises}
        if chosen:
            known = replace(data, vintages=corrected(data.vintages)).known if revises else data.known
            some = settings.model_copy(update={"models": chosen})
            frames.append(_forecasts(data.dates, known, data.name, some, seed, maximum))
    return pd.concat(frames, ignore_index=True)


def forecast_seasons(
    data: HubData, seasons: Sequence[int], settings: HubStudySettings, seed: int = 0, maximum: float | None = None
) -> pd.DataFrame:
    """Return forecasts of earlier seasons, from the final values of the weeks before each date.

    Raises
    ------
    KoopflowError
        If a season has no values, or is not earlier than the vintages.
    """
    times = np.sort(data.truth["time"].unique())
    found, phase = season_of(times, settings.season_starts)
    first = data.vintages["time"].min()
    dates: list[pd.Timestamp] = []
    for season in seasons:
        at = pd.DatetimeIndex(times[(found == season) & (phase >= BUSY[0]) & (phase <= BUSY[1])])
        weekly = at[at.day_of_week == first.day_of_week][:: settings.every]
        if len(weekly) == 0 or weekly[-1] >= first:
            raise KoopflowError(
                f"hub.hubs.{data.name}.backtest: {season} must be a season of the truth before the vintages begin "
                f"({first:%Y-%m-%d})"
            )
        dates += list(weekly)
    return _forecasts(dates, data.cut, data.name, settings, seed, maximum)


def _forecasts(
    dates: Sequence[pd.Timestamp],
    known: Callable[[pd.Timestamp], pd.DataFrame],
    name: str,
    settings: HubStudySettings,
    seed: int,
    maximum: float | None,
) -> pd.DataFrame:
    """Return the forecasts of several reference dates, as `forecast_dates` does."""
    models, frames = forecasters(settings.models, seed), []
    for date in progress.bar(dates, f"forecasting {name}", "date"):
        panel = panel_of(known(date), settings.season_starts)
        behind = (date - pd.Timestamp(panel.times[-1])) / WEEK
        if behind != round(behind):
            logger.warning("%s: %s is not the end of a week of the data; no forecasts", name, f"{date:%Y-%m-%d}")
            continue
        steps = [round(behind) + horizon for horizon in settings.horizons]
        made = forecasts_of(models, panel, max(steps), settings.levels)
        for model, quantiles in made.items():
            values = np.minimum(quantiles, np.inf if maximum is None else maximum)
            chosen = values[:, [step - 1 for step in steps]]
            frames.append(_long(chosen, panel, date, f"{settings.team}-{model}", settings))
    if not frames:
        raise KoopflowError(f"{name}: no reference date is the end of a week of the data; nothing can be forecast")
    return pd.concat(frames, ignore_index=True)


def _long(values: Floats, panel: Panel, date: pd.Timestamp, model: str, settings: HubStudySettings) -> pd.DataFrame:
    """Return quantiles (series, horizon, levels) as rows; series without a forecast are left
    out."""
    count, horizons, levels = values.shape
    targets, locations = zip(*panel.keys)
    each = horizons * levels
    frame = pd.DataFrame(
        {
            "model": model,
            "reference_date": date,
            "target": np.repeat(np.array(targets), each),
            "location": np.repeat(np.array(locations), each),
            "horizon": np.tile(np.repeat(np.array(settings.horizons), levels), count),
            "quantile": np.tile(np.array(settings.levels, dtype=float), count * horizons),
            "value": values.ravel(),
        }
    )
    return frame[np.isfinite(frame["value"])]
