"""A user's CSV file as times and values."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.numbers import Marks, read_numbers
from koopflow.data.series.series import Times
from koopflow.data.series.stamps import Place, read_stamps
from koopflow.data.series.table import Table, read_table

Samples = tuple[Times, NDArray[np.float64], dict[str, NDArray[np.float64]]]
"""Times, values, and regressors by name, of equal length."""


def csv(name: str, settings: SeriesSettings, seed: int) -> tuple[Times, NDArray[np.float64], str]:
    """Read the columns ``time`` (one or two) and ``value`` of the CSV file at ``path``.

    Raises
    ------
    KoopflowError
        One line that names the series, the file, and the line of the file.
    """
    times, values, _ = csv_whole(name, settings.model_copy(update={"regressors": None}))
    return times, values, str(settings.value)


def csv_whole(name: str, settings: SeriesSettings) -> Samples:
    """Read the columns ``time``, ``value`` and ``regressors`` of the CSV file at ``path``.

    Raises
    ------
    KoopflowError
        As in `csv`.
    """
    return _samples(name, settings, _read(name, settings, []))


def csv_parts(name: str, settings: SeriesSettings) -> dict[str, Callable[[], Samples]]:
    """Return, for each identifier in the column ``id`` of the CSV file, in order, a function that
    reads its times, values and regressors.

    Raises
    ------
    KoopflowError
        As in `csv`; or if an identifier is empty.
    """
    table = _read(name, settings, [("id", str(settings.id))])
    *columns, ids = table.columns
    if (ids == "").any():
        line = int(table.lines[int(np.argmax(ids == ""))])
        raise KoopflowError(f"series.{name}.id: {settings.path}: line {line} has no identifier")
    codes, distinct = pd.factorize(ids)
    order = np.argsort(codes, kind="stable")
    parts: dict[str, Callable[[], Samples]] = {}
    for each, places in zip(distinct, np.split(order, np.cumsum(np.bincount(codes))[:-1])):
        rows = [column.iloc[places].reset_index(drop=True) for column in columns]
        parts[str(each)] = partial(_samples, name, settings, Table(rows, table.lines[places], table.separator))
    return parts


def _read(name: str, settings: SeriesSettings, further: list[tuple[str, str]]) -> Table:
    """Return the columns of times, values, regressors and `further` ones as text."""
    key = f"series.{name}"
    if not (settings.path and settings.time and settings.value):
        absent = next(option for option in ("path", "time", "value") if not getattr(settings, option))
        raise KoopflowError(f"{key}.{absent}: this key is missing; a CSV file needs path, time and value")
    columns = [settings.time] if isinstance(settings.time, str) else list(settings.time)
    regressors = [("regressors", column) for column in settings.regressors or ()]
    wanted = [*(("time", column) for column in columns), ("value", settings.value), *regressors, *further]
    return read_table(key, settings.path, wanted, settings.separator)


def _samples(name: str, settings: SeriesSettings, table: Table) -> Samples:
    """Return the times, values and regressors in a table with these columns, in this order."""
    path, names = str(settings.path), settings.regressors or ()
    count = len(table.columns) - len(names)
    times = read_stamps(table.columns[: count - 1], Place(name, path, table.lines))
    marks = Marks(settings.decimal, settings.thousands, settings.missing)
    own = Marks(settings.decimal, settings.thousands, [])

    def numbers(column: pd.Series, marks: Marks) -> NDArray[np.float64]:
        return read_numbers(f"series.{name}", path, column, table.lines, marks, table.separator)

    regressors = {each: numbers(column, own) for each, column in zip(names, table.columns[count:])}
    return times, numbers(table.columns[count - 1], marks), regressors
