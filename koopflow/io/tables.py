"""Tables on disk, CSV and parquet: contract columns first, full precision, written atomically."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import shown
from koopflow.io.atomic import atomic_write
from koopflow.io.paths import check_regular

PARQUET_VERSION = 2
LONGEST_HEADER = 1 << 20
"""Most bytes in the first line of a CSV table."""
REMEDY = "remove it and run the same command again to recreate it"


def write_csv(
    frame: pd.DataFrame, path: str | os.PathLike[str], columns: Sequence[str], sort: bool | Sequence[str] = False
) -> None:
    """Write `frame` to `path` as CSV: `columns` first, in this order, then the frame's other
    columns.

    Floats keep full precision (``%.17g`` reads back to the same number); lines end in LF.

    Parameters
    ----------
    frame : DataFrame
    path : path
    columns : sequence of str
        The table's contract (`koopflow.io.columns`).
    sort : bool or sequence of str
        Sort the rows by these columns; True means by `columns`. False keeps the frame's order.

    Raises
    ------
    KoopflowError
        If one of `columns` is missing from the frame.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise KoopflowError(
            f"{path}: column {missing[0]!r} is missing; needed are {', '.join(columns)} (got "
            f"{', '.join(map(str, frame))})"
        )
    ordered = frame[[*columns, *(name for name in frame.columns if name not in set(columns))]]
    if sort is not False:
        ordered = ordered.sort_values(list(columns if sort is True else sort), kind="stable")
    with atomic_write(path) as partial:
        ordered.to_csv(partial, index=False, float_format="%.17g", lineterminator="\n", encoding="utf-8")


def read_csv(path: str | os.PathLike[str], columns: Iterable[str] = (), **options: Any) -> pd.DataFrame:
    """Read a CSV table and check that it has `columns`.

    Numbers come back exactly as `write_csv` wrote them. In a column of names, "null", "NA" and
    "nan" stay text. An empty cell is a missing value.

    Parameters
    ----------
    path : path
    columns : iterable of str
    **options
        Passed to `pandas.read_csv`.

    Raises
    ------
    KoopflowError
        If the file is missing, empty, not CSV, or lacks one of `columns`; the message names file
        and column.
    """
    check_regular(path)
    _check_header(path)
    settings: dict[str, Any] = {"keep_default_na": False, "na_values": [""]} | options
    try:
        frame: pd.DataFrame = pd.read_csv(path, **settings)
    except FileNotFoundError:
        raise KoopflowError(f"{path}: no such table") from None
    except pd.errors.EmptyDataError:
        raise KoopflowError(f"{path}: the table is empty and has no header line") from None
    except (pd.errors.ParserError, OSError, UnicodeDecodeError) as error:
        raise KoopflowError(f"{path}: not a CSV table ({error})") from None
    return _with_columns(_with_numbers(frame), path, columns)


def _check_header(path: str | os.PathLike[str]) -> None:
    """Raise a KoopflowError if the first line is too long for a table."""
    if Path(path).is_file():
        with open(path, "rb") as stream:
            if len(stream.readline(LONGEST_HEADER + 1)) > LONGEST_HEADER:
                raise KoopflowError(f"{path}: not a CSV table (its first line is longer than {LONGEST_HEADER:,} bytes)")


def joined(paths: Sequence[str | os.PathLike[str]], columns: Sequence[str], names: str) -> pd.DataFrame:
    """Return the rows of several tables of the same `columns`; the column `names` holds text.

    Raises
    ------
    KoopflowError
        As in `read_csv`.
    """
    tables = [read_csv(path, columns, dtype={names: str}) for path in paths]
    full = [table for table in tables if len(table)]
    return pd.concat(full, ignore_index=True) if full else pd.DataFrame(columns=list(columns))


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write `frame`, without its index, to `path` as parquet with a checksum of its content."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    about = {"version": PARQUET_VERSION, "checksum": _checksum(table.to_pandas())}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"koopflow": json.dumps(about).encode()})
    with atomic_write(path) as partial:
        parquet.write_table(table, partial)


def read_parquet(path: str | os.PathLike[str], columns: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table written by `write_parquet`, verify its checksum, and check that it has
    `columns`.

    Raises
    ------
    KoopflowError
        If the file is missing, damaged, of another format version, or lacks one of `columns`; the
        message gives the remedy.
    """
    from pyarrow import parquet

    if not Path(path).is_file():
        raise KoopflowError(f"{path}: no such table; rerun the command that creates it")
    try:
        table = parquet.read_table(path)
        frame = table.to_pandas()
        about = json.loads((table.schema.metadata or {}).get(b"koopflow", b"{}"))
        version, checksum = about.get("version", 0), about.get("checksum")
    except Exception as error:  # pyarrow raises many exception types for a damaged file
        reason = str(error).strip().splitlines()
        raise KoopflowError(
            f"{path}: damaged or not a parquet file ({reason[0][:200] if reason else type(error).__name__}); {REMEDY}"
        ) from None
    if version != PARQUET_VERSION:
        raise KoopflowError(f"{path}: format version must be {PARQUET_VERSION} (got {version}); {REMEDY}")
    if checksum != _checksum(frame):
        raise KoopflowError(f"{path}: damaged, the content does not match its checksum; {REMEDY}")
    return _with_columns(frame, path, columns)


def _with_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with columns of numbers and "nan" as floats; columns of names keep "nan" as
    text."""
    for name in frame.columns:
        column = frame[name]
        if not pd.api.types.is_numeric_dtype(column) and column.isin(["nan", "NaN"]).any():
            numbers = pd.to_numeric(column.where(~column.isin(["nan", "NaN"])), errors="coerce")
            words = column.notna() & ~column.isin(["nan", "NaN"])
            if words.any() and numbers[words].notna().all():
                frame[name] = numbers
    return frame


def _with_columns(frame: pd.DataFrame, path: str | os.PathLike[str], columns: Iterable[str]) -> pd.DataFrame:
    """Return `frame`; raise a KoopflowError if it lacks one of `columns`."""
    for name in columns:
        if name not in frame.columns:
            found = shown([str(column)[:80] for column in frame.columns])
            raise KoopflowError(f"{path}: column {name!r} is missing; found {found}")
    return frame


def _checksum(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of the names, types and values of a table's columns."""
    digest = hashlib.sha256()
    for name, column in frame.items():
        digest.update(f"{name}\x1f{column.dtype}\x1f{len(column)}\x1e".encode())
        for piece in _pieces(column):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(column: pd.Series) -> Iterable[bytes]:
    """Yield a column's values as bytes: numbers as stored, text as codes and distinct values,
    arrays concatenated."""
    if column.dtype.kind in "biufcmM":
        yield column.to_numpy().tobytes()
    elif len(column) and all(isinstance(value, np.ndarray) and value.dtype.kind in "biuf" for value in column):
        yield np.array([value.size for value in column], dtype=np.int64).tobytes()
        yield np.concatenate(list(column)).tobytes()
    else:
        # repr distinguishes objects that compare equal (1 == True); text needs no repr
        texts = isinstance(column.dtype, pd.StringDtype)
        codes, distinct = pd.factorize(column if texts else column.map(repr), use_na_sentinel=False)
        yield codes.astype(np.int64).tobytes()
        yield "\x1f".join(map(repr, distinct) if texts else distinct).encode()
