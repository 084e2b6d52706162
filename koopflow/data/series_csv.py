"""A user's CSV as a series: reading, checking, and putting it on a regular grid."""

import numpy as np
import pandas as pd

from koopflow.data.series import source
from koopflow.errors import KoopflowError

MISSING = ("", "na", "nan", "null", "none", "n/a", "?", "-")
DAY = np.timedelta64(1, "D").astype("timedelta64[ns]").astype(np.int64)
FIXED = {"week": 7 * DAY, "day": DAY, "hour": DAY // 24, "half-hour": DAY // 48, "15 minutes": DAY // 96, "minute": DAY // 1440}
MOST_SLOTS = 20


@source
def csv(name, spec, seed):
    """Read columns ``time`` (one, or a date and an hour) and ``value`` of the CSV at ``path``."""
    path = spec.get("path")
    for key in ("path", "time", "value"):
        if not spec.get(key):
            raise KoopflowError(f"series.{name}.{key}: absent; a CSV needs path, time and value")
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
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
    return times, _numbers(name, path, frame[spec["value"]]), str(spec["value"])


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
    text = frame[columns[0]].str.strip()
    if len(text) == 0:
        raise KoopflowError(f"series.{name}.path: {path} has a header but no rows")
    numbers = pd.to_numeric(text, errors="coerce")
    if numbers.notna().all() and len(columns) == 1 and not (text.str.fullmatch(r"\d{8}").all()):
        return numbers.to_numpy(float)
    options = {"format": "%Y%m%d"} if text.str.fullmatch(r"\d{8}").all() else {"format": "ISO8601"}
    stamps = pd.to_datetime(text, errors="coerce", utc=True, **options)
    if stamps.isna().any():
        stamps = pd.to_datetime(text, errors="coerce", utc=True, format="mixed")
    if len(columns) > 1:
        hours = pd.to_numeric(frame[columns[1]], errors="coerce")
        stamps = stamps + pd.to_timedelta(hours, unit="h")
    if stamps.isna().any():
        row = int(np.argmax(stamps.isna().to_numpy()))
        found = " ".join(frame[column].iloc[row] for column in columns)
        raise KoopflowError(
            f"series.{name}.time: {path}: {found!r} in line {row + 2} is not a date or number; write dates like 2024-01-31"
        )
    return stamps.dt.tz_localize(None).to_numpy().astype("datetime64[ns]")


def regular(name: str, times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Return times and values on a regular grid (missing slots NaN, several values in a slot averaged) and the name of a step.

    Dates about a month, quarter or year apart are put on calendar months, quarters or years; other stamps on multiples of the
    median step, each in its nearest slot.
    """
    if len(times) < 3:
        raise KoopflowError(f"series.{name}: {len(times)} rows are too few to forecast from")
    if times.dtype.kind == "M":
        stamps = pd.DatetimeIndex(times)
        step = np.median(np.diff(stamps.asi8)) / (stamps.unit == "ns" or {"us": 1e-3, "ms": 1e-6, "s": 1e-9}[stamps.unit])
        for name_of_step, code, low, high in (("month", "M", 27.9, 31.1), ("quarter", "Q", 89, 92.1), ("year", "Y", 364.9, 366.1)):
            if low * DAY <= step <= high * DAY:
                slots = stamps.to_period(code)
                slots, label = slots.astype("int64"), name_of_step
                break
        else:
            label = next((each for each, size in FIXED.items() if abs(step - size) < 0.02 * size), "step")
            since = (stamps - stamps[0]) / pd.Timedelta(int(step), unit="ns")
            slots, code = np.floor(np.asarray(since) + 0.5).astype(np.int64), None
    else:
        step, label, code = float(np.median(np.diff(times))), "step", None
        slots = np.floor((times - times[0]) / step + 0.5).astype(np.int64)
    slots = np.asarray(slots) - int(slots[0])
    count = int(slots[-1]) + 1
    if count > MOST_SLOTS * len(times):
        raise KoopflowError(
            f"series.{name}.time: gaps make {count} steps of {len(times)} rows; at most {MOST_SLOTS} steps per row are accepted"
        )
    known = np.isfinite(values)
    total = np.bincount(slots[known], weights=values[known], minlength=count)
    number = np.bincount(slots[known], minlength=count)
    result = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    if times.dtype.kind != "M":
        grid = times[0] + step * np.arange(count)
    elif code is not None:
        grid = pd.period_range(stamps[0].to_period(code), periods=count).to_timestamp().to_numpy()
    else:
        grid = (stamps[0] + pd.to_timedelta(np.arange(count) * int(step), unit="ns")).to_numpy()
    return grid, result, label
