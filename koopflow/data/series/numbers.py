"""Numbers from text: decimal marks, marks that group thousands, and codes for missing values.

The meaning of a mark is inferred from the whole column, and refused if it is ambiguous.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError

logger = logging.getLogger("koopflow")

MISSING = ("", "na", "nan", "null", "none", "n/a", "?", "-", ".", "..", "missing", "nd", "n.a.", "#n/a")
GROUPING = " '_\u00a0\u202f\u2009\u2019"
"""Marks that group thousands and nothing else."""

SIZES = (
    *(99, 999, 9999, 99999, 999999, 9999999, 99.9, 999.9, 9999.9, 99.99, 999.99, 9999.99),
    *(888, 8888, 777, 7777, 32767, 32768, 65535, 2147483647, 2147483648),
    *(1e20, 1e30, 1e31, 1e34, 1e36, 9.96921e36, 9.969209968386869e36),
)
CODES = tuple(sign * size for size in SIZES for sign in (-1, 1))
"""Numbers that often stand for a missing value."""

FAR = 3.0
"""A number farther from the other values than this many times their range is a code, not a
measurement."""

FAR_BELOW = 0.5
"""The same, for a negative number among values of which none is negative."""


@dataclass(frozen=True)
class Marks:
    """The format of numbers; None means that it is inferred.

    Attributes
    ----------
    decimal, thousands : str, optional
    missing : sequence of float, optional
        Numbers that mean a missing value; an empty sequence means none.
    """

    decimal: str | None = None
    thousands: str | None = None
    missing: Sequence[float] | None = None


def read_numbers(
    key: str, path: str, text: pd.Series, lines: NDArray[np.int64], marks: Marks, separator: str = ","
) -> NDArray[np.float64]:
    """Return the numbers (n,) in a column of text; NaN where one is missing.

    Parameters
    ----------
    key : str
        The series' key, such as "series.sales", with which errors begin.
    path : str
    text : (n,) str
    lines : (n,) int
        The line of each text in the file.
    marks : Marks
    separator : str
        Column separator of the file.

    Raises
    ------
    KoopflowError
        For text that is no number, a number too large for a float, or ambiguous marks or codes.
    """
    clean = text.str.replace("\u2212", "-", regex=False)
    absent = clean.str.lower().isin(MISSING).to_numpy()
    plain = clean.where(~absent, "nan")
    values = _as_floats(_normalized(key, path, plain[~absent], marks, separator).reindex(plain.index, fill_value="nan"))
    wrong = ~np.isfinite(values) & ~absent
    if wrong.any():
        row = int(np.argmax(wrong))
        found = str(text.iloc[row])
        shown = repr(found if len(found) <= 40 else f"{found[:40]}…")
        if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE]\+?\d+|[+-]?inf(inity)?", found.strip(), re.IGNORECASE):
            raise KoopflowError(f"{key}.value: {path}: {shown} in line {lines[row]} is not a finite number")
        raise KoopflowError(
            f"{key}.value: {path}: {shown} in line {lines[row]} is not a number; leave missing ones empty"
        )
    return _without_codes(key, path, values, marks.missing)


def _as_floats(text: pd.Series) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = pd.to_numeric(text, errors="coerce").to_numpy(float)
    return numbers


def _normalized(key: str, path: str, text: pd.Series, marks: Marks, separator: str) -> pd.Series:
    """Return numbers with a point as the decimal mark and no other mark."""
    grouped = text.str.fullmatch(rf"[+-]?\d{{1,3}}(?:[{GROUPING}]\d{{3}})+(?:[.,]\d+)?")
    text = text.where(~grouped, text.str.replace(f"[{GROUPING}]", "", regex=True))
    decimal, thousands = marks.decimal, marks.thousands
    if decimal is None and thousands is None:
        decimal, thousands = _marks_of(key, path, text, separator)
    elif decimal is None:
        decimal = "," if thousands == "." else "."
    if thousands and thousands != decimal:
        text = text.str.replace(thousands, "", regex=False)
    return text.str.replace(decimal, ".", regex=False) if decimal not in (None, ".") else text


def _marks_of(key: str, path: str, text: pd.Series, separator: str) -> tuple[str, str | None]:
    """Return the decimal mark of a column and the mark of its thousands, if any."""
    comma, point = text.str.contains(",", regex=False), text.str.contains(".", regex=False)
    if (comma & point).any():
        one = str(text[comma & point].iloc[0])
        decimal, thousands = (",", ".") if one.rfind(",") > one.rfind(".") else (".", ",")
        whole = text[comma | point]
        form = rf"[+-]?\d{{1,3}}(?:\{thousands}\d{{3}})*(?:\{decimal}\d+)?|[+-]?\d+(?:\{decimal}\d+)?"
        if not whole.str.fullmatch(form).all():
            raise KoopflowError(
                f"{key}.value: {path}: numbers such as {one!r} use comma and point in two ways; set "
                f"{key}.decimal and {key}.thousands"
            )
        return decimal, thousands
    if not comma.any() and not point.any():
        return ".", None
    mark = "," if comma.any() else "."
    other = "." if mark == "," else ","
    marked = text[comma | point]
    in_groups = marked.str.fullmatch(rf"[+-]?[1-9]\d{{0,2}}(?:\{mark}\d{{3}})+").all()
    if not in_groups:
        return mark, None
    if (marked.str.count(re.escape(mark)) > 1).any():
        return other, mark
    unmarked = text[~(comma | point)]
    if len(unmarked) and unmarked.str.fullmatch(r"[+-]?\d{1,3}").all():
        return (other, mark) if _smoother_in_thousands(text, mark) else (mark, None)
    if mark == "," and separator == ",":
        raise KoopflowError(
            f"{key}.value: {path}: {marked.iloc[0]!r} may be a thousand and more or a fraction; set "
            f"{key}.decimal or {key}.thousands"
        )
    if mark == "," or separator == ";":
        logger.warning(
            "%s.value: %s: numbers such as %r are read with %r as the decimal mark; set %s.thousands if "
            "it groups thousands",
            *(key, path, marked.iloc[0], mark, key),
        )
    return mark, None


def _smoother_in_thousands(text: pd.Series, mark: str) -> bool:
    """Return whether the numbers vary less, for their range, if `mark` groups thousands than if it
    is the decimal mark."""
    readings = [_as_floats(text.str.replace(mark, sign, regex=False)) for sign in ("", ".")]
    rough = [float(np.abs(np.diff(values)).sum() / max(np.ptp(values), 1e-300)) for values in readings]
    return rough[0] < rough[1]


def _without_codes(
    key: str, path: str, values: NDArray[np.float64], missing: Sequence[float] | None
) -> NDArray[np.float64]:
    """Return `values` with NaN for the numbers `missing`; refuse a number that looks like a code if
    none are given."""
    if missing is not None:
        return np.where(np.isin(values, list(missing)), np.nan, values)
    if found := suspect_code(values):
        code, times, low, high = found
        shown = _in_yaml(code)
        raise KoopflowError(
            f"{key}.value: {path}: {shown} occurs {times} {'time' if times == 1 else 'times'}, far from all other "
            f"values ({low:g} to {high:g}); if it means missing, set {key}.missing: [{shown}], else set "
            f"{key}.missing: []"
        )
    return values


def suspect_code(values: NDArray[np.float64]) -> tuple[float, int, float, float] | None:
    """Return a number that looks like a code for a missing value, how often it occurs, and the range
    of the other values; None if there is none."""
    for code in CODES:
        times = int(np.sum(values == code))
        if not times:
            continue
        rest = values[np.isfinite(values) & ~np.isin(values, CODES)]
        if len(rest) < 3:
            continue
        low, high = float(rest.min()), float(rest.max())
        away = low - code if code < 0 else code - high
        far = FAR_BELOW if code < 0 <= low else FAR
        if away > far * max(high - low, 1e-300) and (times > 1 or code < min(low, 0)):
            return code, times, low, high
    return None


def _in_yaml(number: float) -> str:
    """Return a number as YAML reads it: 1e+20 without a point would be text."""
    text = f"{number:.16g}"
    return text if "e" not in text or "." in text else text.replace("e", ".0e")
