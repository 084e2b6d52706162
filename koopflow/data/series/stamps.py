"""Time stamps from the text of one or two columns: dates in any usual form, calendar codes,
numbers, a date and a clock."""

import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.series.calendar_codes import Whole, coded_numbers, of_year_and, of_year_and_number, written_codes
from koopflow.data.series.clocks import clock_of, one_day_later_at_24, unfold
from koopflow.data.series.series import Times

logger = logging.getLogger("koopflow")

LATEST = 1e15
"""Differences between larger numbers lose their digits."""

_OFFSET = r"\s*(?:Z|[+-]\d{2}:?\d{2})$"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([AaPp]\.?\s?[Mm]\.?)?"
EARLIEST_YEAR = 100
"""Parsers give text without a year the year 1."""
EVEN = 1.2
"""Dates whose largest gap is at most this many times their smallest are evenly spaced."""
_MONTH_AND_YEAR = (
    r"[A-Za-z]{3,9}[-/ ']\d{2}",
    r"[A-Za-z]{3,9}[-/ ]\d{4}",
    r"\d{2}-[A-Za-z]{3,9}",
    r"\d{4}[- /]?[A-Za-z]{3,9}",
)


class Place:
    """The place of an error about stamps: the series, the file and the line.

    Parameters
    ----------
    name : str
        The series.
    path : str
        The file.
    lines : (n,) int
        The line of each row.
    """

    def __init__(self, name: str, path: str, lines: NDArray[np.int64]):
        self.name, self.path, self.lines = name, path, lines

    def error(self, row: int, text: str, problem: str) -> KoopflowError:
        """Return the error of a row."""
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        return KoopflowError(f"series.{self.name}.time: {self.path}: {shown!r} in line {self.lines[row]} {problem}")


def read_stamps(columns: list[pd.Series], place: Place) -> Times:
    """Return increasing stamps (n,), datetime64 or float, from columns of text.

    One column holds dates or numbers. Of two, the first holds dates and the second clock times or
    hours, or the first holds years and the second quarters, months, weeks or days of the year.

    Raises
    ------
    KoopflowError
        For the first row that is not a stamp, or is not later than the one before it.
    """
    text = columns[0].str.strip()
    times = _one_column(text, place) if len(columns) == 1 else _two_columns(text, columns[1].str.strip(), place)
    if times.dtype.kind == "M":
        times = unfold(times.astype("datetime64[us]"))
    later = np.diff(times) > (np.timedelta64(0, "ns") if times.dtype.kind == "M" else 0)
    if not later.all():
        row = int(np.argmin(later)) + 1
        what = "is a duplicate" if times[row] == times[row - 1] else "is unsorted"
        advice = "each stamp must be later than the last"
        if (times[1:] < times[:-1]).all():
            advice += ", and the newest is first; reverse the rows"
        raise place.error(row, " ".join(column.iloc[row] for column in columns), f"{what}; {advice}")
    return times


def _one_column(text: pd.Series, place: Place) -> Times:
    codes = coded_numbers(text)
    if codes is None:
        codes = written_codes(text)
    if codes is not None:
        return codes
    numbers = pd.to_numeric(text, errors="coerce")
    if not numbers.notna().all():
        return _dates(text, place)
    stamps: NDArray[np.float64] = numbers.to_numpy(float)
    wrong = ~(np.abs(stamps) <= LATEST)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise place.error(row, text.iloc[row], f"is too large; numbers must be at most {LATEST:g}")
    return stamps


def _two_columns(first: pd.Series, second: pd.Series, place: Place) -> Times:
    if first.str.fullmatch(r"\d{4}").all():
        return _year_and(first.astype(int).to_numpy(), second, place)
    clock = clock_of(second)
    if clock.isna().any():
        row = int(np.argmax(clock.isna().to_numpy()))
        raise place.error(
            row,
            f"{first.iloc[row]} {second.iloc[row]}",
            "is not a date with a clock time, such as 2024-01-31 and 18:00",
        )
    codes = coded_numbers(first)
    days = _dates(first, place) if codes is None else codes
    stamps: Times = days.astype("datetime64[us]") + clock.to_numpy().astype("timedelta64[us]")
    return stamps


def _year_and(years: Whole, second: pd.Series, place: Place) -> Times:
    """Return the stamps of years and the halves, quarters, months, weeks or days in `second`."""
    named = pd.to_datetime(second.str[:3], errors="coerce", format="%b")
    quarters = second.str.extract(r"^[Qq]([1-4])$")[0]
    numbers = pd.to_numeric(quarters if quarters.notna().all() else second, errors="coerce")
    if named.notna().all():
        numbers = named.dt.month
    if numbers.isna().any() or (numbers != np.round(numbers)).any():
        row = int(np.argmax(numbers.isna() | (numbers != np.round(numbers))))
        raise place.error(row, second.iloc[row], "is not a month, week, quarter, half or day of a year")
    parts = numbers.to_numpy().astype(np.int64)
    stamps = of_year_and(years, parts, "quarter") if quarters.notna().all() else of_year_and_number(years, parts)
    if stamps is not None:
        return stamps
    row = int(np.argmax((parts < 1) | (parts > 53)))
    problem = "is out of range; beside a year, quarters 1-4, months 1-12, weeks 1-53 and days 1-366 are accepted"
    raise place.error(row, second.iloc[row], problem)


def _dates(text: pd.Series, place: Place) -> Times:
    """Return the dates in `text` (datetime64[us]); local ones where all have the same clock time or
    offset, else UTC."""
    if text.str.fullmatch(_CLOCK).all():
        key = f"series.{place.name}.time" if place.path else "date and time"
        raise place.error(0, text.iloc[0], f"has a clock time but no date; name both columns, the date first ({key})")
    text, late = one_day_later_at_24(text)
    months = _months_and_years(text)
    if months is not None:
        return months
    offset = text.str.extract(f"({_OFFSET})")[0]
    if offset.notna().all():
        local = _parsed(text.str.replace(_OFFSET, "", regex=True), late, place)
        clocks = (local - local.dt.normalize()).unique()
        if local.notna().all() and (len(clocks) == 1 or len(offset.unique()) == 1):
            return _shifted(local, late)
    stamps = _parsed(text, late, place)
    if stamps.isna().any():
        row = int(np.argmax(stamps.isna().to_numpy()))
        raise place.error(row, text.iloc[row], "is not a date or number; write dates like 2024-01-31")
    if stamps.dt.year.min() < EARLIEST_YEAR:
        row = int(stamps.dt.year.argmin())
        raise place.error(row, text.iloc[row], "has no year; write dates like 2024-01-31")
    return _shifted(stamps, late)


def _shifted(stamps: pd.Series, late: NDArray[np.bool_]) -> Times:
    found: Times = stamps.to_numpy().astype("datetime64[us]")
    found[late] += np.timedelta64(1, "D")
    return found


def _parsed(text: pd.Series, late: NDArray[np.bool_], place: Place) -> pd.Series:
    """Return the stamps of dates, without time zones; `_either_way` reads ambiguous ones, such as
    1/2/2024. Those of `late` are a day later than written."""
    stamps = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    if stamps.isna().any():
        stamps = _either_way(text, late, place)
    return stamps.dt.tz_localize(None)


def _either_way(text: pd.Series, late: NDArray[np.bool_], place: Place) -> pd.Series:
    """Return the reading, month or day first, that puts the stamps in order; of two such, the one
    with the evener steps. Warn if both are even."""
    readings = [
        pd.to_datetime(text, errors="coerce", utc=True, format="mixed", dayfirst=first) for first in (False, True)
    ]
    days = pd.to_timedelta(late.astype(int), unit="D")
    new = (text != text.shift()).to_numpy()  # in a column beside clock times, dates repeat
    gaps = [(reading + days)[new].diff().iloc[1:] for reading in readings]
    ordered = [bool((gap > pd.Timedelta(0)).all()) for gap in gaps]
    if len(gaps[0]) and all(ordered):
        uneven = [gap.max() / gap.min() for gap in gaps]
        dayfirst = int(uneven[1] < uneven[0])
        if max(uneven) < EVEN and not readings[0].equals(readings[1]):
            logger.warning(
                "%s: stamps such as %r may have the month or the day first; they are read as %s; if that is wrong, "
                "write dates like 2024-01-31",
                *(place.name, text.iloc[-1], readings[dayfirst].iloc[-1].date()),
            )
        return readings[dayfirst]
    if not any(ordered):  # one hour in autumn may occur twice
        ordered = [
            bool((gap >= pd.Timedelta(0)).mean() > 0.9) and bool((gap > -pd.Timedelta("2h")).all()) for gap in gaps
        ]
    return readings[1] if ordered[1] and not ordered[0] else readings[0]


def _months_and_years(text: pd.Series) -> Times | None:
    """Return the months of stamps such as Jan-10 (January 2010); None for any other text, or if
    they are not in order."""
    if not any(text.str.fullmatch(pattern).all() for pattern in _MONTH_AND_YEAR):
        return None
    names = text.str.extract(r"([A-Za-z]{3})")[0]
    months = pd.to_datetime(names, errors="coerce", format="%b").dt.month
    digits = text.str.extract(r"(\d{2,4})")[0]
    if months.isna().any() or not digits.str.len().isin([2, 4]).all():
        return None
    years = digits.astype(int).to_numpy()
    if digits.str.len().max() == 2:
        years = years + np.where(years < 69, 2000, 1900)
    count = (years - 1970) * 12 + months.to_numpy().astype(int) - 1
    drops = np.flatnonzero(np.diff(count) < -1000)
    if len(drops) == 1:  # 68 is followed by 69: the earlier stamps belong to the century before
        count[: drops[0] + 1] -= 1200
    if (np.diff(count) <= 0).any():
        return None
    found: Times = count.astype("datetime64[M]")
    return found
