"""Chosen columns of a user's CSV file as text, read in bounded time and memory."""

import csv
import itertools
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import shown
from koopflow.core.suggest import nearest

SEPARATORS = (",", ";", "\t", "|")
LONGEST_LINE = 1 << 20
"""Most characters in a line; longer lines are not rows of a series."""
MOST_COLUMNS = 10_000
PREAMBLE = 100
"""Lines that may precede the header."""


@dataclass(frozen=True)
class Table:
    """Columns of a CSV file.

    Attributes
    ----------
    columns : list of pandas.Series of str
        One per requested column; texts without surrounding blanks.
    lines : (n,) int
        The line of each row in the file, from 1.
    separator : str
    """

    columns: list[pd.Series]
    lines: NDArray[np.int64]
    separator: str


def read_table(key: str, path: str, names: Sequence[tuple[str, str]], separator: str | None = None) -> Table:
    """Return the columns `names`, pairs of key and column, of the CSV file at `path`.

    The header is the first line that has all these columns; comments may precede it.

    Raises
    ------
    KoopflowError
        One line that begins with `key` and names the file, and the line of the file if there is
        one.
    """
    problem = "is not a readable CSV"
    try:
        _check_regular(key, path)
        with open(path, encoding=_encoding(path), newline="") as stream:
            return _read(key, path, names, separator, stream)
    except FileNotFoundError:
        raise KoopflowError(f"{key}.path: {path}: no such file") from None
    except UnicodeDecodeError as error:
        raise KoopflowError(
            f"{key}.path: {path} {problem}: not UTF-8 text ({error.reason} at byte {error.start}); save it as CSV UTF-8"
        ) from None
    except (OSError, csv.Error) as error:
        raise KoopflowError(f"{key}.path: {path} {problem}: {error}") from None


def _encoding(path: str) -> str:
    """Return UTF-16 for a file that begins with its mark, as spreadsheets save "Unicode text"; else
    UTF-8."""
    with open(path, "rb") as stream:
        return "utf-16" if stream.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _check_regular(key: str, path: str) -> None:
    mode = Path(path).stat().st_mode
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise KoopflowError(f"{key}.path: {path} is not a readable CSV: it is {what}")


def _read(key: str, path: str, names: Sequence[tuple[str, str]], separator: str | None, stream: TextIO) -> Table:
    lines = _lines(key, path, stream)
    first = list(itertools.islice(lines, PREAMBLE))
    if not any(line.strip() for line in first):
        raise KoopflowError(f"{key}.path: {path} is not a readable CSV: it is empty")
    start, mark, header = _header(key, path, names, separator, first)
    places = [header.index(normal(name)) for _, name in names]
    found: list[list[str]] = [[] for _ in places]
    numbers = []
    taken: list[str] = []
    reader = csv.reader(
        _noted(itertools.chain(first[start + 1 :], lines), taken), delimiter=mark, skipinitialspace=True
    )
    for row in reader:
        number = start + 1 + reader.line_num
        if len(taken) > 1 and _swallowed(taken, mark, places):
            raise KoopflowError(
                f"{key}.path: {path}: a quotation mark in line {number - len(taken) + 1} is closed in line {number}, "
                "or never; the rows between would be lost; close it"
            )
        taken.clear()
        row = _fields(row, mark)
        if not any(row) or row[0].startswith("#"):
            continue
        if (len(row) > len(header) and any(row[len(header) :])) or len(row) <= max(places):
            raise KoopflowError(
                f"{key}.path: {path}: line {number} has {len(row)} fields, the header {len(header)}; if "
                f"{mark!r} occurs inside"
                f" numbers, quote them or set {key}.separator and {key}.decimal"
            )
        numbers.append(number)
        for column, place in zip(found, places):
            column.append(row[place])
    if not numbers:
        raise KoopflowError(f"{key}.path: {path} has a header but no rows")
    return Table([pd.Series(column, dtype=object) for column in found], np.array(numbers), mark)


def _noted(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Yield lines, and append each to `taken`."""
    for line in lines:
        taken.append(line)
        yield line


def _swallowed(taken: Sequence[str], mark: str, places: Sequence[int]) -> bool:
    """Return whether the lines of one row, of which a quoted field holds all but the first, look like
    rows of their own: their fields at `places` have the digits of times or values."""
    for line in taken[1:]:
        fields = line.rstrip("\r\n").split(mark)
        if len(fields) > max(places) and all(any(c.isdigit() for c in fields[place]) for place in places):
            return True
    return sum(line.count('"') for line in taken) % 2 == 1


def normal(name: str) -> str:
    """Return a name in one of the two ways to write accented letters."""
    return unicodedata.normalize("NFC", name)


def _lines(key: str, path: str, stream: TextIO) -> Iterator[str]:
    """Yield the lines of a file, none of them longer than the limit."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise KoopflowError(
                f"{key}.path: {path} is not a readable CSV: line {number} has more than {LONGEST_LINE:,} characters"
            )
        yield line.replace("\0", "\ufffd")


def _header(
    key: str, path: str, names: Sequence[tuple[str, str]], separator: str | None, first: Sequence[str]
) -> tuple[int, str, list[str]]:
    """Return the index of the header among the `first` lines, the separator and the names of the
    columns."""
    marks = SEPARATORS if separator is None else (separator,)
    if separator is None:
        marks = (*marks, " ")
    for index, line in enumerate(first):
        for mark in marks:
            header = _fields(next(csv.reader([line.lstrip("#% ")], delimiter=mark, skipinitialspace=True), []), mark)
            header = [normal(field) for field in header]
            if all(normal(name) in header for _, name in names):
                twice = next((name for _, name in names if header.count(normal(name)) > 1), None)
                if twice is not None:
                    raise KoopflowError(f"{key}: {path} has two columns {twice!r}; give them different names")
                if len(header) > MOST_COLUMNS:
                    raise KoopflowError(
                        f"{key}.path: {path} has {len(header):,} columns; at most {MOST_COLUMNS:,} are accepted"
                    )
                return index, mark, header
    line = next((line for line in first if line.strip() and not line.startswith("#")), first[0])
    mark = max(marks[: len(SEPARATORS)], key=line.count)
    header = _fields(next(csv.reader([line], delimiter=mark, skipinitialspace=True), []), mark)
    wanted, name = next((pair for pair in names if pair[1] not in header), names[0])
    listed = shown([repr(column[:40]) for column in header])
    raise KoopflowError(f"{key}.{wanted}: {path} has no column {name!r}{nearest(name, header[:1000])}; it has {listed}")


def _fields(row: list[str], mark: str) -> list[str]:
    """Return the fields of a row without surrounding blanks; of columns separated by blanks,
    without empty ones."""
    fields = [field.strip() for field in row]
    return [field for field in fields if field] if mark == " " else fields
