"""Columns that the dates of a series give, known as far ahead as one likes: the calendar and public
holidays."""

from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.series.series import Times

Floats = NDArray[np.float64]
DAY = np.timedelta64(1, "D")


def calendar_columns(times: Times) -> Floats:
    """Return columns (time, n) that describe the dates of a series; none for stamps that are no
    dates, and for steps of a quarter or longer.

    Steps of up to a day: the day of the week (seven columns) and, below a day, the time of day. Steps
    of a month: the share of its days that are Monday to Friday, and its length. All: the time of the
    year, as sines and cosines.
    """
    if times.dtype.kind != "M" or len(times) < 2:
        return np.empty((len(times), 0))
    step = np.median(np.diff(times))
    days = times.astype("datetime64[D]")
    columns: list[Floats] = []
    if step <= 3 * DAY:
        weekday = (days.astype(np.int64) - 4) % 7  # 1970-01-01 was a Thursday
        columns += list((weekday == np.arange(7)[:, None]).astype(float))
    if step < DAY:
        columns += _waves((times - days) / DAY, 2)
    if 27 * DAY <= step <= 32 * DAY:
        later = (times.astype("datetime64[M]") + np.timedelta64(1, "M")).astype("datetime64[D]")
        first = times.astype("datetime64[M]").astype("datetime64[D]")
        length = (later - first) / DAY
        columns += [np.busday_count(first, later) / length, length / 30.0]
    if step < 80 * DAY:
        columns += _waves((times - times.astype("datetime64[Y]")) / (365.25 * DAY), 2)
    return np.stack(columns, axis=1) if columns else np.empty((len(times), 0))


def _waves(share: Floats, harmonics: int) -> list[Floats]:
    """Return sines and cosines of a share of a cycle."""
    angles = 2 * np.pi * np.asarray(share, dtype=float)
    return [wave(order * angles) for order in range(1, harmonics + 1) for wave in (np.sin, np.cos)]


def holiday_columns(times: Times, place: str, key: str = "holidays") -> Floats:
    """Return columns (time, n) of the public holidays of a country, from the package holidays.

    Steps of up to a day: whether the day is one, and whether the day before and the day after are.
    Longer steps: the number of holidays in each that are no Saturday or Sunday.

    Parameters
    ----------
    times : (time,)
        The stamps of a series and of the steps after its last.
    place : str
        ISO code of a country, such as US, or of a part of one, such as US-CA or DE-BY.
    key : str
        The key named in errors.

    Raises
    ------
    KoopflowError
        If the stamps are no dates, the package is not installed, or it has no such place.
    """
    if times.dtype.kind != "M":
        raise KoopflowError(f"{key}: needs dates; the stamps of this series are numbers")
    try:
        holidays = import_module("holidays")  # optional: most series need none
    except ImportError:
        raise KoopflowError(f"{key}: needs the package holidays; install it: pip install holidays") from None
    country, _, part = place.partition("-")
    days = times.astype("datetime64[D]")
    years = range(int(days[0].astype(object).year), int(days[-1].astype(object).year) + 2)
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=years)
    except NotImplementedError:
        raise KoopflowError(f"{key}: must be a country's code, such as US, or US-CA (got {place!r})") from None
    free = np.sort(np.array([np.datetime64(each, "D") for each in found], dtype="datetime64[D]"))
    if len(times) > 1 and np.median(np.diff(times)) > 3 * DAY:
        free = free[np.is_busday(free)]
        edges = np.append(days, days[-1] + np.median(np.diff(days)).astype("timedelta64[D]"))
        return np.diff(np.searchsorted(free, edges)).astype(float)[:, None]
    return np.stack([np.isin(days + np.timedelta64(shift, "D"), free) for shift in (0, -1, 1)], axis=1).astype(float)
