"""Many series at once: one long table, a table with a column each, or a folder of CSV files."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import shown
from koopflow.data.series.held import Given, refuse_text
from koopflow.data.series.held_times import ID_NAMES, TIME_NAMES, time_columns

VALUE_NAMES = ("y", "value")
"""Names of the column of values, where there are several columns of numbers."""


@dataclass(frozen=True)
class Several:
    """Series that a user holds together.

    Attributes
    ----------
    id_name : str
        Name of the column of identifiers.
    readers : dict of str to callable
        For each identifier, in order, a function that returns its samples as `as_series` takes
        them.
    """

    id_name: str
    readers: dict[str, Callable[[], Given]]


def opened(given: Given | str | os.PathLike[str], others: Sequence[str] = ()) -> Several | Given:
    """Return the series of a long or wide table, or of a folder or file of tables; one series as it
    is.

    Parameters
    ----------
    given : array, list, pandas Series or DataFrame, koopflow Series, or path
    others : sequence of str
        Columns that are no series of their own, such as regressors.

    Raises
    ------
    KoopflowError
        If a file cannot be read, a column is missing, or the column of values is ambiguous.
    """
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        if path.is_dir():
            files = sorted(path.glob("*.csv"))
            if not files:
                raise KoopflowError(f"series: {path} must hold CSV files, one per series (found none)")
            return Several("id", {file.stem: partial(read, file) for file in files})
        given = read(path)
    if not isinstance(given, pd.DataFrame):
        return given
    dates = time_columns(given, others)
    refuse_text(given, [*dates, *others])
    numbers = [name for name in given.select_dtypes("number").columns if name not in (*dates, *others)]
    found = next((name for name in ID_NAMES if name in given.columns and numbers != [name]), None)
    if found is not None:
        return _long(given, found, others)
    return given if len(numbers) < 2 or others else _wide(given, dates, numbers)


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a table from a CSV or parquet file; raise a KoopflowError if it cannot be read."""
    try:
        return pd.read_parquet(path) if str(path).endswith(".parquet") else pd.read_csv(path)
    except FileNotFoundError:
        raise KoopflowError(f"series: {path}: no such file") from None
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise KoopflowError(f"series: {path} is not a readable table: {str(error).splitlines()[0]}") from None


def _long(table: pd.DataFrame, id_name: str, others: Sequence[str]) -> Several:
    """Return the series of a table with a column of identifiers."""
    whole = table.select_dtypes("number").columns
    absent = [name for name in others if name not in whole]
    if absent:
        raise KoopflowError(f"series: the table must have a column of numbers {absent[0]!r}")
    dates = time_columns(table, others)
    numbers = [name for name in whole if name not in (id_name, *TIME_NAMES, *dates, *others)]
    values = [name for name in VALUE_NAMES if name in numbers] or numbers
    if len(values) != 1 and not set(values) & set(VALUE_NAMES):
        raise KoopflowError(
            f"series: a table with a column {id_name!r} must have one column of values, such as y or value (got "
            f"{shown([repr(str(name)) for name in values]) or 'none'})"
        )
    if table[id_name].isna().any():
        raise KoopflowError(f"series: column {id_name!r} must not be empty (row {int(table[id_name].isna().argmax())})")
    kept = [*dates, values[0], *others]
    return Several(id_name, {str(name): part[kept].copy for name, part in table.groupby(id_name, sort=False)})


def _wide(table: pd.DataFrame, dates: Sequence[str], numbers: Sequence[str]) -> Several:
    """Return the series of a table with a column each."""
    return Several("id", {str(name): table[[*dates, name]].copy for name in numbers})
