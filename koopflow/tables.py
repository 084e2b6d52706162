"""Tables on disk: the contract's columns first, every digit kept, whole or not at all."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from koopflow.errors import KoopflowError


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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        ordered.to_csv(partial, index=False, float_format="%.17g", lineterminator="\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
