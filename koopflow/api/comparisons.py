"""Test whether sets of runs have the same dynamics: `compare`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from koopflow.api.fitting import Data, fit
from koopflow.api.operators import Operator
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.alternatives import matrix_of
from koopflow.equivalence.tables import Distances, comparison_table
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
        significant.
    spectra : dict of str to list of complex arrays
        Eigenvalues of each run per optimizer step, by set.
    """

    table: pd.DataFrame
    spectra: dict[str, list[ComplexArray]] = field(repr=False)

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
                f"p = {row.p_adjusted:.3g}, n = {row.n})"
            )
        return "\n".join(lines)


def compare(
    sets: Mapping[str, Data],
    *,
    rank: float = 0,
    delays: int = 0,
    parameters: str | Sequence[str] | None = None,
    interval: int | Mapping[str, int] | None = None,
    distance: str = "wasserstein",
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
    slow and fast: different (excess 110 [38.1, 311]; p = 0.00216, n = 6)

    Parameters
    ----------
    sets : mapping of str to runs
        At least two sets of at least two runs each: an array (run, step, parameter), a trajectory
        file with several replicas, or a list of paths, matrices (step, parameter), data frames or
        operators.
    rank, delays, parameters
        As in `koopflow.fit`, for each run alone; a run of lower rank is fitted at full rank.
    interval : int or mapping of str to int, optional
        Optimizer steps between the states of arrays and data frames (default 1), for all sets or by
        set. Files say it themselves. Spectra are compared per optimizer step.
    distance : {"wasserstein", "reliability", "dsa"}
        Distance between runs, see `koopflow.equivalence.alternatives`.
    significance : float
        Level of the adjusted permutation tests in the column `significant`; it decides nothing.
    margin : float
        Largest excess (between / within - 1) of sets that count as equivalent.
    seed : int
        Seed of the relabellings.

    Returns
    -------
    SpectraComparison

    Raises
    ------
    KoopflowError
        For fewer than two sets or runs in a set, or runs that cannot be fitted.
    """
    steps = _steps(sets, interval)
    fitted = {name: _operators(name, runs, rank, delays, parameters, steps.get(name)) for name, runs in sets.items()}
    distances = _distances(fitted, distance)
    table = comparison_table(distances, {"compare": list(fitted)}, significance, margin, seed)
    dropped = ["comparison", "excluded_a", "excluded_b", "rank", "sensitivity"]
    spectra = {name: list(own.values()) for name, own in distances.spectra.items()}
    return SpectraComparison(table.drop(columns=dropped), spectra)


def _distances(fitted: Mapping[str, Sequence[Operator]], kind: str) -> Distances:
    """Return the distances between the operators of all runs."""
    steps = {one.interval for own in fitted.values() for one in own}
    if kind == "dsa" and len(steps) > 1:
        raise KoopflowError(f'distance "dsa" needs runs recorded at one interval (got {sorted(steps)} steps)')
    spectra = {name: [one.per_step for one in own] for name, own in fitted.items()}
    matrix = matrix_of(kind, spectra, {name: [one.fitted.operator for one in own] for name, own in fitted.items()})
    places, start = {}, 0
    for name, own in fitted.items():
        places[name] = {run: start + run for run in range(len(own))}
        start += len(own)
    return Distances(matrix, places, {name: dict(enumerate(own)) for name, own in spectra.items()})


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


def _operators(
    name: str, runs: Data, rank: float, delays: int, parameters: str | Sequence[str] | None, interval: int | None
) -> list[Operator]:
    """Return the operator of each run of the set called `name`."""
    try:
        found = [_operator(*run, rank, delays, parameters, interval) for run in _runs(runs)]
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


def _operator(
    data: Data,
    replicas: list[int] | None,
    rank: float,
    delays: int,
    parameters: str | Sequence[str] | None,
    interval: int | None,
) -> Operator:
    if isinstance(data, Operator):
        return data
    fitted = partial(fit, data, delays=delays, parameters=parameters, replicas=replicas, interval=interval)
    try:
        return fitted(rank=rank)
    except RankError:
        return fitted(rank=-1)
