"""Compact calendar codes, as 202401 or 2024-W05, and the serial numbers of spreadsheets and
computers, as dates.

Codes of digits alone could also be plain numbers. They are read as dates if that makes the steps
even: 200012 and 200101 are 89 apart as numbers and one month apart as dates.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.data.series.series import Times

Whole = NDArray[np.integer[Any]]
Dates = NDArray[np.datetime64]

YEARS = (1000, 3000)
"""Years that a code of digits may name."""

_MARK = r"[-/ :._]?"
_WEEK = r"(?:[Ww]|[Kk][Ww]|[Ww][Kk]|[Ww]eek) ?"
WRITTEN: tuple[tuple[str, str], ...] = (
    (rf"(?P<year>\d{{4}}){_MARK}[Qq]0?(?P<quarter>[1-4])", "quarter"),
    (rf"[Qq]0?(?P<quarter>[1-4]){_MARK}(?P<year>\d{{4}})", "quarter"),
    (rf"(?P<quarter>[1-4]){_MARK}[Qq]{_MARK}(?P<year>\d{{4}})", "quarter"),
    (rf"(?P<year>\d{{4}}){_MARK}{_WEEK}(?P<week>\d{{1,2}})(?:-?1)?", "week"),
    (rf"{_WEEK}(?P<week>\d{{1,2}}){_MARK}(?P<year>\d{{4}})", "week"),
    (rf"(?P<year>\d{{4}}){_MARK}[Mm](?P<month>\d{{1,2}})", "month"),
    (rf"[Mm](?P<month>\d{{1,2}}){_MARK}(?P<year>\d{{4}})", "month"),
    (r"(?P<year>\d{4})_(?P<month>\d{1,2})", "month"),
    (rf"(?P<year>\d{{4}}){_MARK}[HhSs](?P<half>[12])", "half"),
    (rf"[HhSs](?P<half>[12]){_MARK}(?P<year>\d{{4}})", "half"),
    (r"(?P<year>\d{4})-(?P<day>\d{3})", "day"),
)
"""Codes with a letter or a dash, and the part of the year beside the year."""

_PARTS = {"half": 2, "quarter": 4, "month": 12, "week": 53, "day": 366}


def written_codes(text: pd.Series) -> Times | None:
    """Return the dates of codes such as 2024Q1, 2024-W05, 2024M01, 2024H1, 2024:1 and 2024-031
    (ordinal days); None for any other text."""
    seasons = text.str.extract(r"^(?:FY ?)?(\d{4})(?:[-/](\d{4}|\d{2}))?$")
    if (fiscal := _fiscal_years(text, seasons)) is not None:
        return fiscal
    for pattern, places in ((r"^(\d{4}):(\d{1,2})$", (0, 1)), (r"^(\d{1,2})[./](\d{4})$", (1, 0))):
        found = text.str.extract(pattern)
        if found.notna().all(axis=None):
            years, parts = (found[place].astype(int).to_numpy() for place in places)
            dates = of_year_and_number(years, parts) if _plausible(years) else None
            if dates is not None and (_steps(dates) > 0).all():
                return dates
    for pattern, part in WRITTEN:
        found = text.str.extract(rf"^(?:{pattern})$")
        if found.notna().all(axis=None):
            return of_year_and(found["year"].astype(int).to_numpy(), found[part].astype(int).to_numpy(), part)
    return None


def _fiscal_years(text: pd.Series, found: pd.DataFrame) -> Times | None:
    """Return the first years of FY2023 or of 2023/24, January 1st of each; None for other text.

    2000-01, 2001-02, ... to 2011-12 might be months, but those would be 13 months apart.
    """
    if found[0].isna().any() or not (found[1].notna().all() or text.str.startswith("FY").all()):
        return None
    years = found[0].astype(int).to_numpy()
    if found[1].notna().all():
        second = found[1].astype(int).to_numpy()
        if not ((second == years + 1) | (second == (years + 1) % 100)).all() or (len(years) > 1 and np.ptp(years) == 0):
            return None
    return (years - 1970).astype("datetime64[Y]").astype("datetime64[D]")


def of_year_and_number(years: Whole, parts: Whole) -> Times | None:
    """Return the dates of numbered parts of years: halves if years end after the second, quarters
    if they end after the fourth, else months, weeks or days; None if there is no such part."""
    for kind, most in _PARTS.items():
        if parts.max() <= most and (kind not in ("half", "quarter") or _end_at(most, years, parts)):
            stamps = of_year_and(years, parts, kind)
            if stamps is not None:
                return stamps
    return None


def _end_at(last: int, years: Whole, parts: Whole) -> bool:
    """Return whether most years end with the part `last`, and begin with the first."""
    ends = np.flatnonzero(np.diff(years) > 0)
    return len(ends) > 0 and bool(np.mean(parts[ends] == last) > 0.5) and bool(np.mean(parts[ends + 1] == 1) > 0.5)


def of_year_and(years: Whole, parts: Whole, kind: str) -> Times | None:
    """Return the dates of halves, quarters, months, weeks or days of years; None if there is no
    such part of a year.

    Week 1 holds January 4th, both in ISO weeks, which begin on Mondays, and in those of
    epidemiology (MMWR), which begin on Sundays. Years with 53 weeks tell them apart.
    """
    if parts.min() < 1 or parts.max() > _PARTS[kind]:
        return None
    if kind in ("half", "quarter", "month"):
        return ((years - 1970) * 12 + 12 // _PARTS[kind] * (parts - 1)).astype("datetime64[M]")
    starts = (years - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    if kind == "day":
        lengths = ((years - 1969).astype("datetime64[Y]").astype("datetime64[D]") - starts).astype(np.int64)
        return starts + _days(parts - 1) if (parts <= lengths).all() else None
    fourth = starts + np.timedelta64(3, "D")
    for first in (0, 6):
        weekday = ((fourth.astype(np.int64) + 3 - first) % 7).astype(np.int64)  # 1970-01-01 was a Thursday
        stamps: Times = fourth + _days(7 * (parts - 1) - weekday)
        if (np.diff(stamps) > np.timedelta64(0, "D")).all():
            break
    return stamps


def coded_numbers(text: pd.Series) -> Times | None:
    """Return the dates of a column of digits if they are calendar codes or serial numbers of dates;
    None for plain numbers.

    A decimal point may separate the parts of a code (2024.01, 20240131.1800), or follow all of it
    (202401.0).
    """
    text = text.str.replace(r"\.0*$", "", regex=True) if text.str.fullmatch(r"-?\d+\.0*").all() else text
    if text.str.fullmatch(r"\d{4}\.\d{1,2}").all():
        return _dotted(text)
    if text.str.fullmatch(r"\d{8}\.\d{2}(\d{2}){0,2}").all():
        text = text.str.replace(".", "")
    if not text.str.fullmatch(r"-?\d+").all() or len(text) < 3 or text.str.len().max() > 19:
        return None
    try:
        whole = text.astype("int64").to_numpy()
    except (OverflowError, ValueError):
        return None
    widths = text.str.len().unique()
    if len(widths) == 1 and whole.min() > 0:
        for read, certain in _CODES.get(int(widths[0]), ()):
            dates = read(text)
            if dates is not None and (certain or _evener(_steps(dates), whole)):
                return dates
    return _serials(whole)


def _dotted(text: pd.Series) -> Times | None:
    """Return the dates of years and months (2024.1 or 2024.10: October) or quarters (2024.1), if
    they are more even than the numbers."""
    years, parts = text.str[:4].astype(int).to_numpy(), text.str[5:]
    if not _plausible(years) or len(text) < 3:
        return None
    short = bool((parts.str.len() == 1).all())
    months = parts.astype(int) if short else parts.str.ljust(2, "0").astype(int)
    dates = of_year_and_number(years, months.to_numpy())
    numbers = np.round(100 * text.astype(float).to_numpy()).astype(np.int64)
    return dates if dates is not None and _evener(_steps(dates), numbers) else None


def _digits(*ends: int) -> Callable[[pd.Series], list[Whole]]:
    """Return a function that cuts texts of digits at `ends`."""
    return lambda text: [text.str[a:b].astype(int).to_numpy() for a, b in zip((0, *ends[:-1]), ends)]


def _year_and(kind: str, width: int) -> Callable[[pd.Series], Times | None]:
    def read(text: pd.Series) -> Times | None:
        years, parts = _digits(4, 4 + width)(text)
        return of_year_and(years, parts, kind) if _plausible(years) else None

    return read


def _ordinal(width: int, hours: bool) -> Callable[[pd.Series], Times | None]:
    """Return a reader of years of `width` digits, days of the year, and hours."""

    def read(text: pd.Series) -> Times | None:
        years, days = _digits(width, width + 3)(text)
        years = np.where(years < 69, 2000, 1900) + years if width == 2 else years
        dates = of_year_and(years, days, "day") if _plausible(years) else None
        if dates is None or not hours:
            return dates
        clock = text.str[-2:].astype(int).to_numpy()
        return dates.astype("datetime64[h]") + clock.astype("timedelta64[h]") if clock.max() < 24 else None

    return read


def _moment(form: str) -> Callable[[pd.Series], Times | None]:
    def read(text: pd.Series) -> Times | None:
        if form.startswith("%Y") and not _plausible(text.str[:4].astype(int).to_numpy()):
            return None
        hours = form == "%Y%m%d%H"  # pandas takes no hours without minutes
        stamps = pd.to_datetime(text + "00" if hours else text, errors="coerce", format=f"{form}%M" if hours else form)
        return None if stamps.isna().any() else stamps.to_numpy().astype("datetime64[us]")

    return read


_CODES: dict[int, Sequence[tuple[Callable[[pd.Series], Times | None], bool]]] = {
    5: ((_year_and("quarter", 1), False), (_ordinal(2, hours=False), False)),
    6: ((_year_and("month", 2), False), (_year_and("week", 2), False), (_moment("%y%m%d"), False)),
    7: ((_year_and("day", 3), False),),
    8: ((_moment("%Y%m%d"), True),),
    9: ((_ordinal(4, hours=True), False),),
    10: ((_moment("%Y%m%d%H"), False),),
    12: ((_moment("%Y%m%d%H%M"), True),),
    14: ((_moment("%Y%m%d%H%M%S"), True),),
}
"""Readings of a code by its number of digits, and whether it is certain: else it must make the
steps more even."""


def _plausible(years: Whole) -> bool:
    return bool(YEARS[0] <= years.min() and years.max() <= YEARS[1])


def _steps(dates: Times) -> NDArray[np.float64]:
    """Return gaps between dates, in months for months and in their own unit otherwise."""
    return np.diff(dates.astype(np.int64)).astype(np.float64)


def _evener(gaps: NDArray[np.float64], numbers: Whole) -> bool:
    """Return whether `gaps` are more even than those of the plain numbers, and all of them
    forward."""
    return bool((gaps > 0).all()) and _uneven(gaps) < _uneven(np.diff(numbers).astype(np.float64))


def _uneven(gaps: NDArray[np.float64]) -> float:
    """Return the share of gaps that are not the most frequent one."""
    _, counts = np.unique(gaps, return_counts=True)
    return 1.0 - float(counts.max()) / len(gaps)


def _serials(numbers: Whole) -> Times | None:
    """Return numbers as dates if they count days or seconds and are business days or equal days of
    months only when read as dates; larger ones, which lose digits as numbers, always."""
    if numbers.min() > 10**15:
        return numbers.astype("datetime64[us]" if numbers.max() < 10**17 else "datetime64[ns]")
    if (np.diff(numbers) <= 0).any() or _uneven(np.diff(numbers).astype(float)) == 0:
        return None
    size = int(np.abs(numbers).max())
    if numbers.min() >= 10_000 and size < 200_000:
        dates = np.datetime64("1899-12-30", "D") + _days(numbers)  # the spreadsheet's day 0
    elif 10**6 < size < 10**11:
        dates = numbers.astype("datetime64[s]")
    elif 10**11 <= size < 10**14:
        dates = numbers.astype("datetime64[ms]")
    else:
        return None
    days = dates.astype("datetime64[D]")
    if (dates != days).any():
        return None
    return dates if _of_months(days) or _of_business(days) else None


def _of_months(days: Dates) -> bool:
    """Return whether dates fall on one day of the month, or on its last, in steps of equally many
    months."""
    months = days.astype("datetime64[M]")
    month, day = np.timedelta64(1, "M"), np.timedelta64(1, "D")
    lasts = ((months + month).astype("datetime64[D]") - day == days).all()
    same = len(np.unique(days - months.astype("datetime64[D]"))) == 1
    return bool(lasts or same) and _uneven(np.diff(months).astype(np.int64).astype(float)) < 0.5


def _of_business(days: Dates) -> bool:
    return len(days) >= 10 and bool(np.is_busday(days).all()) and bool(np.median(np.diff(days).astype(int)) == 1)


def _days(counts: Whole) -> NDArray[np.timedelta64]:
    return counts.astype("timedelta64[D]")
