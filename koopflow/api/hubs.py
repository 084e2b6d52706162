"""Forecasts for a hub, in the hubverse format: `hub`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from koopflow.config.hub import HubSettings, HubStudySettings
from koopflow.core.errors import KoopflowError
from koopflow.data.hub.tables import HubData, names_in, read_hub
from koopflow.forecast.hub.evaluation import scored
from koopflow.forecast.hub.hubverse import write_files
from koopflow.forecast.hub.run import forecast_dates

__all__ = ["HubForecasts", "hub"]


@dataclass(frozen=True, repr=False)
class HubForecasts:
    """Forecasts of every reference date of a hub, and their scores.

    Attributes
    ----------
    name : str
        The hub.
    quantiles : DataFrame
        model, reference_date, target, location, horizon, quantile, value.
    leaderboard : DataFrame
        One row per target and model, best first: scores, coverage, relative skill, and the ratio to
        the reference with its interval, on shared forecasts.
    pairs : DataFrame
        Each model's ratio to each other one.
    """

    name: str
    quantiles: pd.DataFrame
    leaderboard: pd.DataFrame
    pairs: pd.DataFrame

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write one file per model and reference date in the hubverse format; return their
        paths."""
        return write_files(self.quantiles, folder)

    def __repr__(self) -> str:
        dates = self.quantiles["reference_date"].nunique()
        return f"HubForecasts({self.name}: {len(self.quantiles)} quantiles, {dates} reference dates)"


def hub(
    folder: str | os.PathLike[str],
    name: str | None = None,
    *,
    dates: Sequence[str] | None = None,
    reference: str | None = None,
    maximum: float | None = None,
    renamed: Mapping[str, str] | None = None,
    seed: int = 0,
) -> HubForecasts:
    """Forecast every reference date of a hub from its vintage alone, and score the forecasts.

    Parameters
    ----------
    folder : path
        Holds the tables NAME_truth (time, location, target, value), NAME_vintages*
        (reference_date, then as truth: the season's table as it stood then) and, if any,
        NAME_submissions* (model, reference_date, target, location, horizon, quantile, value), each
        .parquet or .csv.
    name : str, optional
        The hub; needed if the folder holds several.
    dates, reference : sequence of str, and str, optional
        Reference dates to forecast, all by default; and the model against which errors are
        reported, the first submitted one by default.
    maximum : float, optional
        Largest possible value, such as 100 for percent.
    renamed : mapping of str to str, optional
        Locations whose name in the truth differs from that in the vintages, to the latter.
    seed : int

    Raises
    ------
    KoopflowError
        If a table is missing or wrong, or a vintage holds a week that does not end before its
        reference date.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import koopflow as kf
    >>> time = pd.date_range("2021-09-04", periods=200, freq="7D")
    >>> level = 10 + 8 * np.cos(2 * np.pi * np.arange(200) / 52)
    >>> truth = pd.DataFrame({"time": time, "location": "north", "target": "beds", "value": level})
    >>> dates = time[180:182]
    >>> vintages = pd.concat([truth[truth["time"] < date].tail(20).assign(reference_date=date) for date in dates])
    >>> truth.to_csv("toy_truth.csv", index=False)
    >>> vintages.to_csv("toy_vintages.csv", index=False)
    >>> found = kf.hub(".")
    >>> found
    HubForecasts(toy: 216 quantiles, 2 reference dates)
    >>> found.write("model-output")[0].name
    '2025-02-15-koopflow-panel.csv'
    """
    data = _data(folder, name, dates, renamed or {})
    about = {"folder": str(folder)} | ({} if reference is None else {"reference": reference})
    settings = HubStudySettings(hubs={data.name: HubSettings.load(about, "hub")})
    quantiles = forecast_dates(data, settings, seed, maximum)
    board, pairs, _ = scored(data, settings, quantiles, quantiles[:0], seed)
    return HubForecasts(data.name, quantiles, board, pairs)


def _data(
    folder: str | os.PathLike[str], name: str | None, dates: Sequence[str] | None, renamed: Mapping[str, str]
) -> HubData:
    """Return the tables of a hub, with the reference dates asked for."""
    names = names_in(folder) if name is None else [name]
    if len(names) != 1:
        raise KoopflowError(
            f"hub: {folder} must hold one NAME_truth table, or give name (got {', '.join(names) or 'none'})"
        )
    data = read_hub(folder, names[0], renamed=renamed)
    if dates is not None:
        chosen = [pd.Timestamp(date) for date in dates]
        absent = [date for date in chosen if date not in set(data.dates)]
        if absent:
            raise KoopflowError(f"hub: dates must be reference dates of the vintages (got {absent[0]:%Y-%m-%d})")
        data = data.only(chosen)
    return data
