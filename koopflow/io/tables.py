"""Tables on disk, CSV and parquet: the contract's columns first, every digit kept, whole or not at all."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import whole

PARQUET_VERSION = 2
REMEDY = "remove it and run the same command again: it is made anew"


def write_csv(frame: pd.DataFrame, path: str | os.PathLike, columns: Sequence[str], sort: bool | Sequence[str] = False) -> None:
    """Write `frame` to `path` as CSV: `columns` first and in this order, then whatever else the frame has.

    Floats keep all their digits (``%.17g`` reads back to the same number), lines end in LF, and the file appears only
    when complete.

    Parameters
    ----------
    frame : DataFrame
    path : path
    columns : sequence of str
        The columns promised to readers (DESIGN's table of doors).
    sort : bool or sequence of str
        Sort rows by these columns first; True means by `columns`. False keeps the order of the frame.

    Raises
    ------
    KoopflowError
        If one of `columns` is missing from the frame.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise KoopflowError(
            f"{path}: column {missing[0]!r} is missing; this table has {', '.join(columns)}, got {', '.join(map(str, frame))}"
        )
    ordered = frame[[*columns, *(name for name in frame.columns if name not in set(columns))]]
    if sort is not False:
        ordered = ordered.sort_values(list(columns if sort is True else sort), kind="stable")
    with whole(path) as partial:
        ordered.to_csv(partial, index=False, float_format="%.17g", lineterminator="\n", encoding="utf-8")


def read_csv(path: str | os.PathLike, columns: Iterable[str] = (), **options) -> pd.DataFrame:
    """Read a table written by `write_csv` (or by anyone), checking that it has `columns`.

    Numbers come back exactly as they were written. The word "null" or "NA" in a text column stays text; an empty cell is missing.

    Raises
    ------
    KoopflowError
        If the file is absent, empty, not CSV, or lacks one of `columns`; the message names the file and the column.
    """
    options = {"keep_default_na": False, "na_values": ["", "nan", "NaN"]} | options
    try:
        frame = pd.read_csv(path, **options)
    except FileNotFoundError:
        raise KoopflowError(f"{path}: no such table") from None
    except pd.errors.EmptyDataError:
        raise KoopflowError(f"{path}: the table is empty, not even a header line") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise KoopflowError(f"{path}: not a CSV table ({error})") from None
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise KoopflowError(f"{path}: column {missing[0]!r} is missing; found {', '.join(map(str, frame.columns))}")
    return frame


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write `frame` (without its index) to `path` as parquet with a checksum of its content; the file appears only when complete."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    about = {"version": PARQUET_VERSION, "checksum": _checksum(table.to_pandas())}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"koopflow": json.dumps(about).encode()})
    with whole(path) as partial:
        parquet.write_table(table, partial)


def read_parquet(path: str | os.PathLike, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table written by `write_parquet`, comparing its checksum and checking that it has `columns`.

    Raises
    ------
    KoopflowError
        If the file is absent, damaged, of another format version, or lacks one of `columns`; one line with file and remedy.
    """
    from pyarrow import parquet

    if not Path(path).is_file():
        raise KoopflowError(f"{path}: no such table; run the command that makes it again")
    try:
        table = parquet.read_table(path)
        frame = table.to_pandas()
        about = json.loads((table.schema.metadata or {}).get(b"koopflow", b"{}"))
        version, checksum = about.get("version", 0), about.get("checksum")
    except Exception as error:  # pyarrow raises many kinds for a damaged file
        reason = str(error).strip().splitlines()
        raise KoopflowError(
            f"{path}: damaged or no parquet file ({reason[0][:200] if reason else type(error).__name__}); {REMEDY}"
        ) from None
    if version != PARQUET_VERSION:
        raise KoopflowError(f"{path}: format version {version}, this koopflow reads {PARQUET_VERSION}; {REMEDY}")
    if checksum != _checksum(frame):
        raise KoopflowError(f"{path}: damaged, its content does not match its checksum; {REMEDY}")
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise KoopflowError(f"{path}: column {missing[0]!r} is missing; found {', '.join(map(str, frame.columns))}")
    return frame


def _checksum(frame: pd.DataFrame) -> str:
    """Return a checksum of the names, types and values of a table's columns."""
    digest = hashlib.sha256()
    for name, column in frame.items():
        digest.update(f"{name}\x1f{column.dtype}\x1f{len(column)}\x1e".encode())
        for piece in _pieces(column):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(column: pd.Series) -> Iterable[bytes]:
    """Give the values of a column as bytes: numbers as they are, texts by their code among the distinct ones, arrays end to end."""
    if column.dtype.kind in "biufcmM":
        yield column.to_numpy().tobytes()
    elif len(column) and all(isinstance(value, np.ndarray) and value.dtype.kind in "biuf" for value in column):
        yield np.array([value.size for value in column], dtype=np.int64).tobytes()
        yield np.concatenate(list(column)).tobytes()
    else:
        # Texts are equal or not as their representations are; other objects need not be (1 == True).
        texts = isinstance(column.dtype, pd.StringDtype)
        codes, distinct = pd.factorize(column if texts else column.map(repr), use_na_sentinel=False)
        yield codes.astype(np.int64).tobytes()
        yield "\x1f".join(map(repr, distinct) if texts else distinct).encode()
