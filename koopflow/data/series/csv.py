"""A user's CSV as times and values: reading and checking."""

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.data.series.registry import source

MISSING = ("", "na", "nan", "null", "none", "n/a", "?", "-")
LATEST = 1e15
"""Beyond it the differences of two numbers lose their digits."""


@source
def csv(name, spec, seed):
    """Read columns ``time`` (one; or two: a date and an hour, a year and a week, a year and a month) and ``value`` of the CSV at
    ``path``, whose separator is a comma, or a semicolon or tab where the header has no comma."""
    path = spec.get("path")
    for key in ("path", "time", "value"):
        if not spec.get(key):
            raise KoopflowError(f"series.{name}.{key}: absent; a CSV needs path, time and value")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            header = stream.readline()
        separator = next((each for each in (";", "\t") if each in header and "," not in header), ",")
        options = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig", "skipinitialspace": True}
        frame = pd.read_csv(path, sep=separator, **options)
    except FileNotFoundError:
        raise KoopflowError(f"series.{name}.path: {path}: no such file") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
        raise KoopflowError(f"series.{name}.path: {path}: not a readable CSV ({error})") from None
    columns = [spec["time"]] if isinstance(spec["time"], str) else list(spec["time"])
    for key, column in [*(("time", column) for column in columns), ("value", spec["value"])]:
        if column not in frame.columns:
            raise KoopflowError(
                f"series.{name}.{key}: {path} has no column {column!r}; it has {', '.join(map(repr, frame.columns))}"
            )
    times = _times(name, path, frame, columns)
    order = np.diff(times) <= (np.timedelta64(0) if times.dtype.kind == "M" else 0)
    if order.any():
        row = int(np.argmax(order)) + 1
        what = "duplicate" if times[row] == times[row - 1] else "unsorted"
        raise KoopflowError(
            f"series.{name}.time: {path}: {what} stamp {frame[columns[0]].iloc[row]!r} in line {row + 2}; each must be later"
        )
    column = frame[spec["value"]]
    if separator == ";":  # as written where the comma is the decimal point
        column = column.str.replace(",", ".", regex=False)
    return times, _numbers(name, path, column), str(spec["value"])


def _numbers(name: str, path: str, column: pd.Series) -> np.ndarray:
    text = column.str.strip()
    values = pd.to_numeric(text, errors="coerce")
    wrong = values.isna() & ~text.str.lower().isin(MISSING)
    if wrong.any():
        row = int(np.argmax(wrong.to_numpy()))
        raise KoopflowError(
            f"series.{name}.value: {path}: {column.iloc[row]!r} in line {row + 2} is not a number; leave missing ones empty"
        )
    values = values.to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)


def _times(name: str, path: str, frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    if len(frame) == 0:
        raise KoopflowError(f"series.{name}.path: {path} has a header but no rows")
    text = frame[columns[0]].str.strip()
    numbers = pd.to_numeric(text, errors="coerce")
    compact = bool(text.str.fullmatch(r"\d{8}").all())
    if numbers.notna().all() and len(columns) == 1 and not compact:
        stamps = numbers.to_numpy(float)
        if not (np.abs(stamps) <= LATEST).all():
            row = int(np.argmax(~(np.abs(stamps) <= LATEST)))
            found = f"{text.iloc[row]!r} in line {row + 2}"
            raise KoopflowError(f"series.{name}.time: {path}: {found}; accepted are numbers up to {LATEST:g}")
        return stamps
    if len(columns) > 1:
        second = pd.to_numeric(frame[columns[1]], errors="coerce")
        if text.str.fullmatch(r"\d{4}").all() and second.notna().all():
            return _years_and(name, path, columns[1], numbers.to_numpy(int), second.to_numpy(int))
    stamps = pd.to_datetime(text, errors="coerce", utc=True, format="%Y%m%d" if compact else "ISO8601")
    if stamps.isna().any():
        stamps = _written_otherwise(text)
    if len(columns) > 1:
        stamps = stamps + pd.to_timedelta(second, unit="h")
    if stamps.isna().any():
        row = int(np.argmax(stamps.isna().to_numpy()))
        found = " ".join(frame[column].iloc[row] for column in columns)
        raise KoopflowError(
            f"series.{name}.time: {path}: {found!r} in line {row + 2} is not a date or number; write dates like 2024-01-31"
        )
    return stamps.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")


def _written_otherwise(text: pd.Series) -> pd.Series:
    """Return the stamps of dates that are not ISO's; of 1/2/2024, January or February, the reading that puts them in order, and of
    two such the one with the steadier steps."""
    readings = [pd.to_datetime(text, errors="coerce", utc=True, format="mixed", dayfirst=first) for first in (False, True)]
    gaps = [reading.diff().iloc[1:] for reading in readings]
    ordered = [bool((gap > pd.Timedelta(0)).all()) for gap in gaps]
    if all(ordered):
        return readings[int(gaps[1].max() / gaps[1].min() < gaps[0].max() / gaps[0].min())]
    return readings[1] if ordered[1] else readings[0]


def _years_and(name: str, path: str, column: str, years: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return stamps of years and their months (parts up to 12) or weeks (up to 53).

    Week 1 holds January 4th in ISO weeks, which begin on Mondays, and in those of epidemiology (MMWR), which begin on Sundays; which
    of the two a file means shows where a year has 53 of them.
    """
    wrong = np.flatnonzero((parts < 1) | (parts > 53))
    if len(wrong):
        row = int(wrong[0])
        raise KoopflowError(
            f"series.{name}.time: {path}: {column} {parts[row]} in line {row + 2}; beside a year months 1-12 or weeks 1-53 are accepted"
        )
    if parts.max() <= 12:
        return ((years - 1970) * 12 + parts - 1).astype("datetime64[M]").astype("datetime64[ns]")
    fourth = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]") + 3
    for first in ("Mon", "Sun"):
        weekday = np.array([0, 1, 2, 3, 4, 5, 6]) if first == "Mon" else np.array([1, 2, 3, 4, 5, 6, 0])
        day = weekday[(fourth.astype(np.int64) + 3) % 7]  # 1970-01-01 was a Thursday
        stamps = fourth - day + 7 * (parts - 1)
        if (np.diff(stamps) > np.timedelta64(0)).all():
            break
    return stamps.astype("datetime64[ns]")
