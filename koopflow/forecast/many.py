"""Forecasts of many series, one after another: what cannot be forecast is listed and left out."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable

import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.data.series.held import as_series
from koopflow.data.series.series import Series
from koopflow.data.series.several import Several

logger = logging.getLogger("koopflow")


def readable(given: Several, period: int | None) -> tuple[dict[str, Series], dict[str, str]]:
    """Return the series that can be read, and the reason for each other one.

    Series whose step differs from that of most are left out: one horizon would not mean the same.
    """
    series: dict[str, Series] = {}
    reasons: dict[str, str] = {}
    for name, reader in given.readers.items():
        try:
            series[name] = as_series(reader(), period=period, name=name)
        except KoopflowError as error:
            reasons[name] = str(error)
    steps = Counter(each.step for each in series.values())
    for name, each in list(series.items()):
        usual = steps.most_common(1)[0][0]
        if each.step != usual:
            reasons[name] = f"its step is a {each.step}, that of most series a {usual}"
            del series[name]
    return series, reasons


def forecast_each(given: Several, period: int | None, one: Callable[[Series], pd.DataFrame]) -> pd.DataFrame:
    """Return the forecasts of all series below each other.

    Parameters
    ----------
    given : Several
    period : int, optional
        Samples per season of every series; found for each by default.
    one : callable
        Returns the forecast of a series.

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
    series, reasons = readable(given, period)
    tables = []
    for name, each in series.items():
        try:
            tables.append(one(each).pipe(_named, given.id_name, name))
        except KoopflowError as error:
            reasons[name] = str(error)
    if not tables:
        raise KoopflowError(f"none of the {len(given.readers)} series can be forecast; {_first(reasons)}")
    if reasons:
        logger.warning(
            "%d of %d series are left out; %s; attrs['left_out'] has all",
            len(reasons),
            len(given.readers),
            _first(reasons),
        )
    found = pd.concat(tables, ignore_index=True)
    found.attrs["left_out"] = {name: reasons[name] for name in given.readers if name in reasons}
    return found


def _named(table: pd.DataFrame, id_name: str, name: str) -> pd.DataFrame:
    table.insert(0, id_name, name)
    return table


def _first(reasons: dict[str, str]) -> str:
    names: Iterable[str] = reasons
    name = next(iter(names))
    return f"the first is {name!r}: {reasons[name]}"
