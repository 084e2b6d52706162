"""The tables of a run, as measures read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from koopflow.claims.estimate import Undecided
from koopflow.io.columns import CONTRACTS
from koopflow.io.tables import read_csv

Choice = str | list[str] | None
"""An option that selects rows: one name, several, or None for all."""

PICKING = ("study", "comparison", "task", "model", "series")
"""Columns by which a measure's options select rows."""
EXCLUDED = ("excluded", "excluded_a", "excluded_b")
"""Columns that count diverged runs."""


@dataclass
class Tables:
    """The tables of a run, read when a measure asks for them.

    Attributes
    ----------
    folder : Path, optional
        The results folder; paths of tables are relative to it.
    given : dict of str to DataFrame
        Tables in memory, by path; they take precedence over files.
    used : set of str
        Tables read since the set was last cleared.
    """

    folder: Path | None = None
    given: dict[str, pd.DataFrame] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def read(self, path: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the table at `path`.

        Parameters
        ----------
        path : str
            Relative to the results folder.
        columns : sequence of str, optional
            Columns that the file must have; by default those of `koopflow.io.columns.CONTRACTS`.

        Raises
        ------
        Undecided
            If this run did not make the table, or it has no rows.
        KoopflowError
            If the file lacks one of `columns`.
        """
        if path not in self.given:
            if self.folder is None or not (self.folder / path).is_file():
                raise Undecided(f"this run made no table {path}")
            self.given[path] = read_csv(self.folder / path, CONTRACTS.get(path, ()) if columns is None else columns)
        if self.given[path].empty:
            raise Undecided(f"the table {path} has no rows")
        self.used.add(path)
        return self.given[path]

    def excluded(self, options: Mapping[str, object]) -> int:
        """Return the largest number of diverged runs left out of a row behind a claim.

        Parameters
        ----------
        options : mapping of str to object
            The claim's options, which select rows of the tables `used`.
        """
        most = 0
        for path in self.used:
            frame = self.given[path]
            for key in (name for name in PICKING if name in frame and options.get(name) is not None):
                frame = frame[frame[key].astype(str).isin(_names(options[key]))]
            counts = [name for name in EXCLUDED if name in frame]
            if counts and len(frame):
                most = max(most, int(frame[counts].to_numpy().max()))
        return most


def pick(frame: pd.DataFrame, path: str, **wanted: object) -> pd.DataFrame:
    """Return the rows of `frame` with the `wanted` values.

    Parameters
    ----------
    frame : DataFrame
    path : str
        Path of the table, for the message.
    **wanted
        For each column, a value, a list of values, or None for any.

    Raises
    ------
    Undecided
        If a value is in no row.
    """
    for column, value in wanted.items():
        if value is None:
            continue
        texts, names = frame[column].astype(str), _names(value)
        absent = [name for name in names if name not in set(texts)]
        if absent:
            raise Undecided(f"{path} has no {column} {absent[0]!r}")
        frame = frame[texts.isin(names)]
    return frame


def _names(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
