"""What a measure returns, the intervals it may use, and the tables it reads."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from koopflow.core import intervals
from koopflow.io.columns import CONTRACTS
from koopflow.io.tables import read_csv


class Undecided(Exception):
    """The tables do not hold what a measure needs; the message says why, for the reader of the claims."""


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval.

    Attributes
    ----------
    value, low, high : float
        The statistic and the ends of its interval.
    n : int
        How many independent units lie behind it.
    unit : str
        What a unit is: seeds, pairs of tasks, forecast origins …
    excluded : int
        How many units were left out because they diverged.
    """

    value: float
    low: float
    high: float
    n: int
    unit: str
    excluded: int = 0


@dataclass
class Tables:
    """The tables of a run, read when a measure asks for them.

    Attributes
    ----------
    folder : Path
        The results folder; paths are relative to it, as in the contract.
    given : dict
        Tables already in memory, by path; they come first.
    used : set of str
        Those that were read since it was last emptied.
    """

    folder: Path | None = None
    given: dict[str, pd.DataFrame] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def read(self, path: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the table at `path`, or raise `Undecided` when this run did not make it or it has no rows.

        Parameters
        ----------
        path : str
            Relative to the results folder.
        columns : sequence of str, optional
            The columns that it must have; by default those of `koopflow.io.columns.CONTRACTS`.

        Raises
        ------
        KoopflowError
            If the table is there but lacks one of `columns`.
        """
        if path not in self.given:
            if self.folder is None or not (self.folder / path).is_file():
                raise Undecided(f"this run made no table {path}")
            self.given[path] = read_csv(self.folder / path, CONTRACTS.get(path, ()) if columns is None else columns)
        if self.given[path].empty:
            raise Undecided(f"the table {path} has no rows")
        self.used.add(path)
        return self.given[path]

    def excluded(self, options: Mapping) -> int:
        """Return the most that any row of the tables `used`, of those that a claim's `options` name, goes without, as it diverged."""
        most = 0
        for path in self.used:
            frame = self.given[path]
            for key in {"study", "comparison", "task", "model", "series"} & set(frame) & set(options):
                wanted = options[key] if isinstance(options[key], list) else [options[key]]
                frame = frame[frame[key].astype(str).isin(map(str, wanted))]
            counts = [name for name in ("excluded", "excluded_a", "excluded_b") if name in frame]
            if counts and len(frame):
                most = max(most, int(frame[counts].max(axis=None)))
        return most


def pick(frame: pd.DataFrame, path: str, **wanted) -> pd.DataFrame:
    """Return the rows of `frame` whose columns have the `wanted` values (None: any; a list: one of these), or say
    which value is absent."""
    for column, value in wanted.items():
        if value is None:
            continue
        values = list(value) if isinstance(value, list | tuple) else [value]
        chosen = frame[frame[column].astype(str).isin([str(v) for v in values])]
        absent = [v for v in values if str(v) not in set(frame[column].astype(str))]
        if absent:
            raise Undecided(f"{path} has no {column} {absent[0]!r}")
        frame = chosen
    return frame


def over_units(values: Iterable[float], level: float, unit: str = "seeds", within=intervals.REALS) -> Estimate:
    """Return the mean over independent units with Student's interval, inside the range `within` that the quantity cannot leave.

    NaN units (diverged runs) are left out.

    Raises
    ------
    Undecided
        If fewer than two units are left.
    """
    given = np.asarray(list(values), dtype=float)
    values = given[np.isfinite(given)]
    if values.size < 2:
        raise Undecided(f"{values.size} of the {unit} can be used; an interval needs at least 2")
    return Estimate(*intervals.student(values, level, within), int(values.size), unit, int(given.size - values.size))


def jackknife(statistic: Callable[[list], float], units: Sequence, level: float, unit: str = "seeds") -> Estimate:
    """Return `statistic` of all units with the jackknife interval, for statistics that are no plain mean.

    One unit is left out at a time (Efron & Stein 1981), so pairs that share a seed are left out together.
    """
    units = list(units)
    if len(units) < 3:
        raise Undecided(f"{len(units)} {unit}; leaving one out at a time needs at least 3")
    value = statistic(units)
    without = np.array([statistic(units[:i] + units[i + 1 :]) for i in range(len(units))])
    if not np.isfinite([value, *without]).all():
        raise Undecided("the statistic is not finite; some runs diverged or a reference distance is zero")
    half = intervals.jackknife(without, level)
    return Estimate(float(value), float(value - half), float(value + half), len(units), unit)
