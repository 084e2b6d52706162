"""Forecasts of many series, one after another: what cannot be forecast is listed and left out."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import pandas as pd

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.groups import Group, collected
from koopflow.data.series.held import Given
from koopflow.data.series.series import Series
from koopflow.data.series.several import Several
from koopflow.forecast.choices import default_horizon
from koopflow.forecast.combined import Combined
from koopflow.forecast.company.methods import PooledBoosting
from koopflow.forecast.company.pool import pool_of
from koopflow.forecast.evaluate import Evaluation, evaluate
from koopflow.forecast.protocol import Floats, Forecaster

logger = logging.getLogger("koopflow")


def forecast_each(
    given: Several,
    prepare: Callable[..., Series],
    one: Callable[[Series, Floats | None], pd.DataFrame],
    pool: Callable[[Mapping[str, Series]], Mapping[str, Floats]],
) -> pd.DataFrame:
    """Return the forecasts of all series below each other.

    Parameters
    ----------
    given : Several
    prepare : callable
        Returns the samples of one identifier, given as ``name``, as a regular series.
    one : callable
        Returns the forecast of a series, with what a model of many series forecasts if there is one.
    pool : callable
        Returns what a model of many series forecasts, by name.

    Returns
    -------
    DataFrame
        The identifier, then the columns of `one`. ``attrs["left_out"]`` has the reason for each
        series without a forecast.

    Raises
    ------
    KoopflowError
        If no series can be forecast.
    """
    held = collected({name: partial(_read, prepare, name, reader) for name, reader in given.readers.items()})
    series, reasons = held.series, held.left_out
    tables, pooled = [], pool(series)
    for name, each in series.items():
        try:
            tables.append(one(each, pooled.get(name)).pipe(_named, given.id_name, name))
        except KoopflowError as error:
            reasons[name] = str(error)
    _say(reasons, len(given.readers), "attrs['left_out']")
    found = pd.concat(tables, ignore_index=True)
    found.attrs["left_out"] = {name: reasons[name] for name in given.readers if name in reasons}
    return found


def evaluate_each(
    group: Group,
    settings: SeriesSettings,
    forecasters: Mapping[str, Forecaster],
    *,
    coverage: float = 0.9,
    estimates: int = 3,
    quantiles: bool = False,
) -> tuple[Evaluation, Series]:
    """Return the evaluations of all series of a group as one, and the series that figures show: the
    first.

    ``choices`` and ``windows`` are those of the series shown; ``choices`` also has its name
    (shown), the MASE scale of each series (scales), and the reason for each one without a forecast
    (left_out).

    Raises
    ------
    KoopflowError
        If no series can be forecast.
    """
    reasons, found = dict(group.left_out), {}
    pooled = pool_for(forecasters.values(), settings.horizon, group.series)
    for name, series in group.series.items():
        try:
            found[name] = evaluate(
                series,
                settings,
                forecasters,
                coverage=coverage,
                estimates=estimates,
                quantiles=quantiles,
                pooled=pooled.get(name),
            )
        except KoopflowError as error:
            if len(group.series) + len(reasons) == 1:
                raise
            reasons[name] = str(error)
    _say(reasons, len(group.series) + len(group.left_out), "choices.json")
    shown = next(iter(found))
    about = {"shown": shown, "left_out": reasons}
    about["scales"] = {name: each.choices["mase_scale"] for name, each in found.items()}
    whole = found[shown]._replace(choices=found[shown].choices | about)
    if len(found) > 1:
        joined = {part: [getattr(each, part) for each in found.values()] for part in ("predictions", "future")}
        joined["recalled"] = [each.recalled for each in found.values() if len(each.recalled)] or [whole.recalled]
        whole = whole._replace(**{part: pd.concat(tables, ignore_index=True) for part, tables in joined.items()})
    return whole, group.series[shown]


def pool_for(forecasters: Iterable[Forecaster], horizon: int | None, series: Mapping[str, Series]) -> dict[str, Floats]:
    """Return what a model of many series forecasts, by name, if one of `forecasters` uses it.

    Without a horizon, it is the longest of the series' default ones.
    """
    if not any(isinstance(each, Combined | PooledBoosting) for each in forecasters):
        return {}
    usual = max((default_horizon(each.period, len(each.values)) for each in series.values()), default=1)
    return pool_of(series, horizon or usual)


def _read(prepare: Callable[..., Series], name: str, reader: Callable[[], Given]) -> Series:
    return prepare(reader(), name=name)


def _say(reasons: Mapping[str, str], count: int, where: str) -> None:
    """Warn of series that are left out; raise a KoopflowError if none is left."""
    if not reasons:
        return
    name = next(iter(reasons))
    first = f"the first is {name!r}: {reasons[name]}"
    if len(reasons) == count:
        raise KoopflowError(f"none of the {count} series can be forecast; {first}")
    logger.warning("%d of %d series are left out; %s; %s has all", len(reasons), count, first, where)


def _named(table: pd.DataFrame, id_name: str, name: str) -> pd.DataFrame:
    table.insert(0, id_name, name)
    return table
