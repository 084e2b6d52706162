"""The tables of a hub, read and checked: nothing that would be look-ahead gets past here."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from koopflow.core.errors import KoopflowError

logger = logging.getLogger("koopflow")

TRUTH = ("time", "location", "target", "value")
VINTAGES = ("reference_date", *TRUTH)
SUBMISSIONS = ("model", "reference_date", "target", "location", "horizon", "quantile", "value")
SUFFIXES = (".parquet", ".csv")
DATES = ("time", "reference_date")
NUMBERS = ("value", "quantile", "horizon")


@dataclass(frozen=True)
class HubData:
    """The tables of a hub.

    Attributes
    ----------
    name : str
    truth : DataFrame
        Final values: time, location, target, value.
    vintages : DataFrame
        reference_date, then as `truth`: the season's table as it stood at each reference date.
    submissions : DataFrame
        model, reference_date, target, location, horizon, quantile, value; empty if there are none.
    renamed : mapping of str to str
        Names of locations in the vintages, by their name in the truth where it differs.
    """

    name: str
    truth: pd.DataFrame
    vintages: pd.DataFrame
    submissions: pd.DataFrame
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def dates(self) -> list[pd.Timestamp]:
        """Return the reference dates, in order."""
        return sorted(self.vintages["reference_date"].unique())

    def only(self, dates: Sequence[pd.Timestamp]) -> "HubData":
        """Return the hub with these reference dates only."""
        return replace(self, vintages=self.vintages[self.vintages["reference_date"].isin(dates)])

    def known(self, date: pd.Timestamp) -> pd.DataFrame:
        """Return the values known at a reference date: its vintage, after earlier seasons' final
        values."""
        vintage = self.vintages[self.vintages["reference_date"] == date]
        return pd.concat([self.cut(vintage["time"].min()), vintage[list(TRUTH)]], ignore_index=True)

    def cut(self, date: pd.Timestamp) -> pd.DataFrame:
        """Return the final values of weeks before a date, under the vintages' names of
        locations."""
        earlier = self.truth[self.truth["time"] < date]
        return earlier.assign(location=earlier["location"].replace(dict(self.renamed)))


def files_of(folder: str | os.PathLike[str], name: str, key: str) -> dict[str, list[Path]]:
    """Return the files of a hub by table: truth, vintages, submissions (which may be none).

    Raises
    ------
    KoopflowError
        If the folder, the truth or the vintages are missing; the message begins with `key`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise KoopflowError(
            f"{key}: no folder {folder} with {name}_truth and {name}_vintages; set folder, or data_root"
        )
    found = {
        table: sorted(path for suffix in SUFFIXES for path in folder.glob(f"{name}_{table}*{suffix}"))
        for table in ("truth", "vintages", "submissions")
    }
    for table in ("truth", "vintages"):
        if not found[table]:
            raise KoopflowError(f"{key}: {folder} has no file {name}_{table}*.parquet or .csv")
    return found


def names_in(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names of the hubs whose tables are in `folder`."""
    found = {path.name.split("_truth")[0] for suffix in SUFFIXES for path in Path(folder).glob(f"*_truth*{suffix}")}
    return sorted(found)


def read_hub(
    folder: str | os.PathLike[str], name: str, key: str = "folder", renamed: Mapping[str, str] | None = None
) -> HubData:
    """Read and check the tables of a hub.

    Parameters
    ----------
    folder : path
        Holds ``NAME_truth``, ``NAME_vintages*`` and ``NAME_submissions*``, .parquet or .csv.
    name : str
    key : str
        The YAML key named in errors.
    renamed : mapping of str to str, optional
        Names of locations in the vintages, by their name in the truth where it differs.

    Raises
    ------
    KoopflowError
        If a file is missing, a column or value is wrong, a row is there twice, or a vintage holds a
        week that does not end before its reference date.
    """
    files = files_of(folder, name, key)
    truth = _joined(files["truth"], TRUTH)
    vintages = _joined(files["vintages"], VINTAGES)
    submissions = _joined(files["submissions"], SUBMISSIONS)
    late = vintages[vintages["time"] >= vintages["reference_date"]]
    if len(late):
        row = late.iloc[0]
        raise KoopflowError(
            f"{files['vintages'][0]}: the vintage of {row['reference_date']:%Y-%m-%d} must end before that date, or it "
            f"would be look-ahead (got the week of {row['time']:%Y-%m-%d} for {row['location']})"
        )
    wrong = submissions[~submissions["quantile"].between(0, 1, inclusive="neither")]
    if len(wrong):
        raise KoopflowError(
            f"{files['submissions'][0]}: quantile must be strictly between 0 and 1 (got {wrong['quantile'].iloc[0]:g})"
        )
    return HubData(name, truth, vintages, submissions, renamed or {})


def _joined(files: Sequence[Path], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows of all files; an empty table if there are none."""
    frames = [_read(path, columns) for path in files]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({name: [] for name in columns})


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=False)
    except Exception as error:  # pyarrow and pandas raise many types for a damaged file
        reason = str(error).strip().splitlines()
        raise KoopflowError(f"{path}: cannot be read as a table ({reason[0][:150] if reason else error!r})") from None
    missing = [name for name in columns if name not in frame]
    if missing:
        raise KoopflowError(f"{path}: column {missing[0]!r} is missing (got {', '.join(map(str, frame))})")
    frame = frame[list(columns)].copy()
    for name in columns:
        frame[name] = _column(frame[name], name, path)
    keys = [name for name in columns if name != "value"]
    twice = frame[frame.duplicated(keys)]
    if len(twice) and columns == SUBMISSIONS:  # of another team: its rows are averaged
        count, models = len(twice), ", ".join(sorted(twice["model"].unique()))
        logger.warning("%s: %d forecasts occur more than once, by %s; their mean is scored", path, count, models)
    elif len(twice):
        row = ", ".join(f"{name} {_said(twice[name].iloc[0])}" for name in keys)
        raise KoopflowError(f"{path}: each row must occur once (got two of {row})")
    return frame


def _column(values: pd.Series, name: str, path: Path) -> pd.Series:
    """Return a column of dates, numbers or text; raise an error if it holds anything else."""
    converted: pd.Series
    if name in DATES:
        converted, needed = pd.to_datetime(values, errors="coerce"), "a date"
    elif name in NUMBERS:
        converted, needed = pd.to_numeric(values, errors="coerce").astype(float), "a number"
    else:
        converted, needed = values.astype(str), "text"
    wrong = converted.isna() if name in (*DATES, *NUMBERS) else values.isna() | (converted == "")
    if wrong.any():
        place = int(wrong.to_numpy().argmax())
        raise KoopflowError(f"{path}: {name} must be {needed} (got {values.iloc[place]!r} in row {place + 1})")
    return converted


def _said(value: object) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)
