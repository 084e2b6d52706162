"""The hubverse format: one file of quantile forecasts per reference date and model, and its
checker.

See https://hubverse.io, "model output".
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write

COLUMNS = (
    "reference_date",
    "target",
    "horizon",
    "target_end_date",
    "location",
    "output_type",
    "output_type_id",
    "value",
)
NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)\.csv")
TASK = ["target", "horizon", "location"]


def write_files(quantiles: pd.DataFrame, folder: str | os.PathLike[str]) -> list[Path]:
    """Write ``MODEL/DATE-MODEL.csv`` for each model and reference date, and check each file.

    Parameters
    ----------
    quantiles : DataFrame
        `koopflow.io.columns.HUB_QUANTILES`.
    folder : path

    Returns
    -------
    list of Path
    """
    written = []
    for (model, date), rows in quantiles.groupby(["model", "reference_date"], sort=True):
        path = Path(folder) / str(model) / f"{date:%Y-%m-%d}-{model}.csv"
        ends = rows["reference_date"] + pd.to_timedelta(7 * rows["horizon"], unit="D")
        frame = rows.rename(columns={"quantile": "output_type_id"}).assign(
            target_end_date=ends.dt.strftime("%Y-%m-%d"),
            reference_date=rows["reference_date"].dt.strftime("%Y-%m-%d"),
            output_type="quantile",
        )
        with atomic_write(path) as partial:
            frame[list(COLUMNS)].to_csv(partial, index=False, float_format="%.6g", lineterminator="\n")
        check_file(path, frame["output_type_id"].unique())
        written.append(path)
    return written


def check_file(path: str | os.PathLike[str], levels: Iterable[float] | None = None) -> pd.DataFrame:
    """Return the content of a file in the hubverse format.

    Parameters
    ----------
    path : path
        ``YYYY-MM-DD-MODEL.csv``.
    levels : iterable of float, optional
        Quantile levels that every task must have.

    Raises
    ------
    KoopflowError
        In one line, for the first rule that the file breaks: its name, columns, dates, levels,
        values, order of quantiles, or rows that occur twice.
    """
    path = Path(path)
    named = NAME.fullmatch(path.name)
    if named is None:
        raise KoopflowError(f"{path}: a file must be named YYYY-MM-DD-MODEL.csv")
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise KoopflowError(f"{path}: cannot be read as CSV ({str(error).splitlines()[0][:150]})") from None
    if tuple(frame.columns) != COLUMNS:
        raise KoopflowError(f"{path}: columns must be {', '.join(COLUMNS)} (got {', '.join(frame.columns)})")
    _refuse(path, frame, frame["output_type"] != "quantile", "output_type", "must be quantile")
    for name in ("reference_date", "target_end_date"):
        dates = pd.to_datetime(frame[name], format="%Y-%m-%d", errors="coerce")
        _refuse(path, frame, dates.isna(), name, "must be a date as 2025-01-31")
    for name in ("horizon", "output_type_id", "value"):
        _refuse(path, frame, ~np.isfinite(pd.to_numeric(frame[name], errors="coerce")), name, "must be a number")
    return _checked(path, frame, named[1], levels)


def _checked(path: Path, text: pd.DataFrame, date: str, levels: Iterable[float] | None) -> pd.DataFrame:
    """Return the typed content of a file whose columns hold dates and numbers."""
    frame = text.assign(**{name: pd.to_datetime(text[name]) for name in ("reference_date", "target_end_date")})
    frame = frame.assign(**{name: pd.to_numeric(text[name]) for name in ("horizon", "output_type_id", "value")})
    _refuse(path, text, text["reference_date"] != date, "reference_date", f"must be the date of the file, {date}")
    _refuse(path, text, frame["horizon"] % 1 != 0, "horizon", "must be a whole number of weeks")
    ends = frame["reference_date"] + pd.to_timedelta(7 * frame["horizon"], unit="D")
    _refuse(
        path, text, frame["target_end_date"] != ends, "target_end_date", "must be reference_date + 7 x horizon days"
    )
    inside = frame["output_type_id"].between(0, 1, inclusive="neither")
    _refuse(path, text, ~inside, "output_type_id", "must be strictly between 0 and 1")
    _refuse(path, text, frame["value"] < 0, "value", "must be non-negative")
    for name in ("target", "location"):
        _refuse(path, text, text[name] == "", name, "must not be empty")
    _refuse(path, text, frame.duplicated([*TASK, "output_type_id"]), "output_type_id", "must occur once per task")
    ordered = frame.sort_values([*TASK, "output_type_id"])
    falls = ordered.groupby(TASK)["value"].diff() < 0
    _refuse(path, text, falls.reindex(text.index), "value", "must not fall as output_type_id grows")
    if levels is not None:
        wanted = len(set(levels))
        counts = frame.groupby(TASK)["output_type_id"].transform("size")
        _refuse(path, text, counts != wanted, "location", f"must have all {wanted} quantile levels")
    return frame


def _refuse(path: Path, frame: pd.DataFrame, wrong: "pd.Series[bool]", column: str, rule: str) -> None:
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        raise KoopflowError(f"{path}: {column} {rule} (got {frame[column].iloc[place]!r} in line {place + 2})")
