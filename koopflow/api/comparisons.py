"""Test whether sets of runs have the same dynamics: `compare`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from koopflow.api.fitting import Data, fit
from koopflow.api.operators import Operator
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.ranks import STABLE, RankedSpectra, rank_rows, ranked, ranked_fit
from koopflow.equivalence.sensitivity import rank_tests, with_sensitivity
from koopflow.equivalence.tables import comparison_table
from koopflow.koopman.dmd import Koopman
from koopflow.koopman.memory import arrays_of
from koopflow.koopman.rank import RankError
from koopflow.koopman.runs import ComplexArray
from koopflow.koopman.user_files import open_trajectory
from koopflow.trajectory import Trajectory


@dataclass(frozen=True, eq=False)
class SpectraComparison:
    """The comparison of two or more sets of runs.

    Attributes
    ----------
    table : DataFrame
        One row per pair of sets: a, b, between and within (geometric mean distances between spectra
        of the two sets, and between runs of one set), p_permutation, p_adjusted (Holm), verdict,
        excess (between / within - 1) with ci_low and ci_high (95 %), n (runs in the smaller set),
        significant, rank (0 if it is no whole number), and sensitivity: the verdicts at the ranks below
        and above. A verdict that is the opposite there is inconclusive.
    stability : DataFrame
        For ``rank="stable"``, why this rank: setting (the set), rank, scatter (distance between runs of
        one set), spacing (between neighbouring eigenvalues), ratio, chosen. Otherwise empty.
    spectra : dict of str to list of complex arrays
        Eigenvalues of each run per optimizer step, by set.
    """

    table: pd.DataFrame
    spectra: dict[str, list[ComplexArray]] = field(repr=False)
    stability: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)

    @property
    def verdict(self) -> str:
        """The verdict on two sets: "different", "equivalent" or "inconclusive".

        Raises
        ------
        KoopflowError
            For more than two sets, since each pair has its own verdict in `table`.
        """
        if len(self.table) != 1:
            raise KoopflowError(f"verdict needs exactly two sets (got {len(self.table)} pairs); use table['verdict']")
        return str(self.table["verdict"].iloc[0])

    def __repr__(self) -> str:
        lines = []
        for row in self.table.itertuples():
            lines.append(
                f"{row.a} and {row.b}: {row.verdict} (excess {row.excess:.3g} [{row.ci_low:.3g}, {row.ci_high:.3g}]; "
                f"p = {row.p_adjusted:.3g}, n = {row.n})" + (f"; {row.sensitivity!s}" if row.sensitivity else "")
            )
        return "\n".join(lines)


def compare(
    sets: Mapping[str, Data],
    *,
    rank: float | str = 0,
    delays: int = 0,
    parameters: str | Sequence[str] | None = None,
    interval: int | Mapping[str, int] | None = None,
    distance: str = "wasserstein",
    stability: float = 0.33,
    largest_rank: int = 12,
    significance: float = 0.05,
    margin: float = 0.25,
    seed: int = 0,
) -> SpectraComparison:
    """Test whether sets of runs have the same dynamics (arXiv 2302.09160).

    Sets are different if the 95 % interval of the excess lies above `margin`, equivalent if below.

    >>> import numpy as np
    >>> import koopflow as kf
    >>> def runs(rate, seed):
    ...     rates = rate + 0.002 * np.random.default_rng(seed).normal(size=6)
    ...     return rates[:, None, None] ** np.arange(30)[:, None] * [1.0, 2.0]
    >>> kf.compare({"slow": runs(0.99, 0), "fast": runs(0.9, 1)}, rank=1)
    slow and fast: different (excess 110 [38.1, 312]; p = 0.00216, n = 6)

    Parameters
    ----------
    sets : mapping of str to runs
        At least two sets of at least two runs each: an array (run, step, parameter), a trajectory
        file with several replicas, or a list of paths, matrices (step, parameter), data frames or
        operators.
    rank, delays, parameters
        As in `koopflow.fit`, for each run alone; a run of lower rank is fitted at full rank. The rank
        "stable" is the largest, one for all sets, up to which eigenvalues are stable over the runs of
        a set (`koopflow.equivalence.ranks`). Operators are cut to the rank.
    interval : int or mapping of str to int, optional
        Optimizer steps between the states of arrays and data frames (default 1), for all sets or by
        set. Files say it themselves. Spectra are compared per optimizer step.
    distance : {"wasserstein", "reliability", "dsa"}
        Distance between runs, see `koopflow.equivalence.alternatives`.
    stability, largest_rank
        For the rank "stable": largest distance between runs of one set as a share of the distance
        between neighbouring eigenvalues, averaged over sets; and the largest rank.
    significance, seed
        Level and seed of the permutation tests in the column `significant`; they decide nothing.
    margin : float
        Largest excess (between / within - 1) of sets that count as equivalent.

    Raises
    ------
    KoopflowError
        For fewer than two sets or runs in a set, or runs that cannot be fitted.
    """
    _check_rank(rank, largest_rank)
    steps, options = _steps(sets, interval), _Options(rank, largest_rank, delays, parameters)
    fitted = {name: _operators(name, runs, options, steps.get(name)) for name, runs in sets.items()}
    return _judged(_ranked(fitted, rank, stability, distance), significance, margin, seed)


def _judged(found: RankedSpectra, significance: float, margin: float, seed: int) -> SpectraComparison:
    """Return the tests of all pairs of sets, with their verdicts at the neighbouring ranks."""
    distances, compared = found.distances(), {"compare": list(found.ranks)}
    table = comparison_table(distances, compared, significance, margin, seed)
    table = with_sensitivity(table, rank_tests(found, compared, margin))
    spectra = {name: list(own.values()) for name, own in distances.spectra.items()}
    return SpectraComparison(table.drop(columns=["comparison", "excluded_a", "excluded_b"]), spectra, found.stability)


def _check_rank(rank: float | str, largest: int) -> None:
    if isinstance(rank, str) and rank != STABLE:
        raise KoopflowError(f'rank must be a number or "{STABLE}" (got {rank!r})')
    if isinstance(rank, str) and largest < 2:
        raise KoopflowError(f"largest_rank must be at least 2 (got {largest})")


def _ranked(fitted: Mapping[str, Sequence[Operator]], rank: float | str, share: float, kind: str) -> RankedSpectra:
    """Return the spectra of all runs at every rank that is needed."""
    steps = {one.interval for own in fitted.values() for one in own}
    if kind == "dsa" and len(steps) > 1:
        raise KoopflowError(f'distance "dsa" needs runs recorded at one interval (got {sorted(steps)} steps)')
    rows = [
        row
        for name, own in fitted.items()
        for run, one in enumerate(own)
        for row in rank_rows(one.fitted, rank, setting=name, seed=run)
    ]
    operators = {name: {run: one.fitted.operator for run, one in enumerate(own)} for name, own in fitted.items()}
    return ranked(pd.DataFrame(rows), dict.fromkeys(fitted, rank), share, kind, operators)


def _steps(sets: Mapping[str, Data], interval: int | Mapping[str, int] | None) -> Mapping[str, int | None]:
    """Return the optimizer steps between states, by set; refuse what is not a mapping of sets."""
    if not isinstance(sets, Mapping) or len(sets) < 2:
        raise KoopflowError(
            'sets must be a mapping of at least two sets of runs, such as {"small": runs_a, "large": runs_b}'
        )
    if not isinstance(interval, Mapping):
        return dict.fromkeys(sets, interval)
    for name in (name for name in interval if name not in sets):
        raise KoopflowError(f"interval names {name!r}, which is not one of the sets {', '.join(map(str, sets))}")
    return interval


@dataclass(frozen=True)
class _Options:
    """How each run is fitted."""

    rank: float | str
    largest_rank: int
    delays: int
    parameters: str | Sequence[str] | None


def _operators(name: str, runs: Data, options: _Options, interval: int | None) -> list[Operator]:
    """Return the operator of each run of the set called `name`."""
    try:
        found = [_operator(*run, options, interval) for run in _runs(runs)]
    except KoopflowError as error:
        raise KoopflowError(f"{name}: {error}") from None
    if len(found) < 2:
        raise KoopflowError(
            f"{name}: must have at least two runs (got {len(found)}), to measure the spread within the set"
        )
    return found


def _runs(data: Data) -> Iterator[tuple[Data, list[int] | None]]:
    """Yield each run of a set: the data that contain it, and its index in them (None for all)."""
    if isinstance(data, str | os.PathLike | Trajectory):
        file = data if isinstance(data, Trajectory) else open_trajectory(data)
        yield from ((file, [replica]) for replica in range(file.replicas))
    elif isinstance(data, list | tuple) and any(isinstance(one, str | os.PathLike | Trajectory) for one in data):
        for one in data:
            yield from _runs(one)
    elif isinstance(data, list | tuple) and any(isinstance(one, Operator | pd.DataFrame) for one in data):
        yield from ((one, None) for one in data)
    else:
        yield from ((run, None) for run in arrays_of(data))


def _operator(data: Data, replicas: list[int] | None, options: _Options, interval: int | None) -> Operator:
    if isinstance(data, Operator):
        return data
    found: list[Operator] = []

    def fitted(rank: float) -> Koopman:
        delays, parameters = options.delays, options.parameters
        one = fit(data, rank=rank, delays=delays, parameters=parameters, replicas=replicas, interval=interval)
        found.append(one)
        return one.fitted

    try:
        ranked_fit(fitted, options.rank, options.largest_rank)
    except RankError:
        fitted(-1)
    return found[-1]
