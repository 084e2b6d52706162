"""Other columns of a table beside a series: several series as one state."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.csv import csv
from koopflow.data.series.grid import regular
from koopflow.data.series.loading import filled
from koopflow.data.series.series import Series, Times


def columns_beside(series: Series, settings: SeriesSettings) -> NDArray[np.float64] | None:
    """Return the columns `settings.beside` at the times of `series`, (n, columns); None if there
    are none.

    A missing value is held from the sample before, so that nothing looks ahead.

    Raises
    ------
    KoopflowError
        If the series is not one of a CSV file, a column cannot be read, or has no value before the
        series ends.
    """
    if settings.beside is None:
        return None
    key = f"series.{series.name}.beside"
    if settings.kind != "csv" or settings.id is not None:
        raise KoopflowError(f"{key}: needs path, a CSV file without id, whose columns stand beside the value")
    if settings.value in settings.beside:
        raise KoopflowError(f"{key}: {settings.value!r} is the value, which needs nothing of itself beside it")
    return np.stack([_column(series, settings, key, name) for name in settings.beside], axis=1)


def _column(series: Series, settings: SeriesSettings, key: str, name: str) -> NDArray[np.float64]:
    chosen: dict[str, Any] = settings.dump() | {"value": name}
    try:
        times, values, _ = csv(series.name, SeriesSettings.load(chosen, f"series.{series.name}"), 0)
        return held_at(series, times[: settings.length], values[: settings.length], key, name, settings.step)
    except KoopflowError as error:
        raise KoopflowError(str(error).replace(f"series.{series.name}.value", key)) from None


def held_at(
    series: Series, times: Times, values: NDArray[np.float64], key: str, name: str, step: str | None = None
) -> NDArray[np.float64]:
    """Return other values (n,) at the times of a series; a missing one is held from the sample
    before.

    Raises
    ------
    KoopflowError
        If there are none that change; the message begins with `key` and names the column `name`.
    """
    times, values, _ = regular(series.name, times, values, step)
    found = _at(series.time, times, values)
    present = np.flatnonzero(np.isfinite(found))
    if len(present) == 0 or np.ptp(found[present]) == 0:
        raise KoopflowError(f"{key}: column {name} has no values that change at the times of the series; leave it out")
    # Before its first value a column says nothing.
    found[: present[0]] = found[present[0]]
    return filled(found, "hold")


def _at(wanted: Times, times: Times, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values at the `wanted` times; NaN where there are none."""
    places = np.minimum(np.searchsorted(times, wanted), len(times) - 1)
    return np.where(times[places] == wanted, values[places], np.nan)
