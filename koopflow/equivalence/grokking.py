"""Spectra of the first steps of networks that may grok (Redman et al., NeurIPS 2024, Fig. 5).

Of each network, the observed weights are projected on their leading principal directions over the
first steps, and a Koopman operator is fitted to the delayed projections. A network may be several
copies that start from perturbed weights: they share directions and operator, as in the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core import progress
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.spectra import Row, eigenvalue_rows
from koopflow.io.columns import GROKKING_DISTANCES, GROKKING_EIGENVALUES, GROKKING_RANK_DISTANCES
from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.spectrum import distance
from koopflow.trajectory import Trajectory

Spectra = dict[tuple[str, int], ComplexArray]
"""Eigenvalues by setting and seed."""


@dataclass(frozen=True)
class Observation:
    """How the spectrum of a network is taken.

    Attributes
    ----------
    directions, delays, rank : int
        Principal directions, time delays, and rank of the fit.
    centred : bool
        Whether the mean state is subtracted before the projection.
    """

    directions: int
    delays: int
    rank: int
    centred: bool = True


def principal(states: NDArray[np.floating], directions: int, centred: bool = True) -> Array:
    """Return states in their leading principal directions, float64 (..., state, direction).

    Parameters
    ----------
    states : float (..., state, parameter)
        States of one network, or of copies of it, which then share the directions.
    directions : int
        Number of directions; at most the number of states minus 1.
    centred : bool
        Whether the mean of all states is subtracted from the projections. It never bears on the
        directions, which are those of the deviations from the mean.
    """
    deviations = np.array(states, float).reshape(-1, np.shape(states)[-1])
    mean = deviations.mean(axis=0)
    deviations -= mean
    # The smaller side: there are few states of many parameters.
    squares, vectors = np.linalg.eigh(deviations @ deviations.T)
    order = np.argsort(squares)[::-1][:directions]
    sizes, vectors = np.sqrt(np.maximum(squares[order], 0.0)), vectors[:, order]
    found = vectors * sizes
    if not centred:
        found = found + (deviations @ mean) @ vectors / np.where(sizes > 0, sizes, 1.0)
    return found.reshape(*np.shape(states)[:-1], -1)


def first_steps(states: NDArray[np.floating], how: Observation) -> Koopman:
    """Return the operator of the first steps of one network.

    Parameters
    ----------
    states : float (state, parameter) or (copy, state, parameter)
        With copies, one operator is fitted to the pairs of states of all of them.
    how : Observation

    Raises
    ------
    KoopflowError
        If there are fewer states than the delays and the rank need.
    """
    return _fitted(principal(states, how.directions, how.centred), how)


def _fitted(runs: Array, how: Observation) -> Koopman:
    """Return the operator of projected states, float64 (..., state, direction)."""
    count = runs.shape[-2]
    fewest = how.delays + how.rank + 1
    if count < fewest or count <= how.directions:
        raise KoopflowError(
            f"grokking: {count} states are too few for {how.delays} delays, rank {how.rank} and {how.directions} "
            f"directions; set first_steps to at least {max(fewest, how.directions + 1)}"
        )
    return fit(runs.reshape(-1, *runs.shape[-2:]), delays=how.delays, svd_rank=how.rank, route="direct")


def eigenvalues(
    path: str, setting: str, diverged: Sequence[int], how: Observation, copies: int = 1, beside: bool = False
) -> pd.DataFrame:
    """Return the eigenvalues of each network in a trajectory file, columns `GROKKING_EIGENVALUES`
    and rank; `diverged` ones have none.

    The file has `copies` replicas of each network, one after another. With `beside`, networks are
    also fitted with one mode less and one more, where their states allow it.
    """
    rows: list[Row] = []
    with Trajectory(path) as trajectory:
        seeds = [seed for seed in range(trajectory.replicas // copies) if seed not in diverged]
        for seed in progress.bar(seeds, f"fitting {setting}", "network"):
            states = trajectory.read(replicas=range(seed * copies, (seed + 1) * copies))
            runs = principal(states, how.directions, how.centred)
            for own in [how.rank, *(each for each in (how.rank - 1, how.rank + 1) if beside and each)]:
                try:
                    fitted = _fitted(runs, replace(how, rank=own))
                except KoopflowError:
                    if own == how.rank:
                        raise
                    continue  # a neighbouring rank that these states do not have
                rows += [{**row, "rank": own} for row in eigenvalue_rows(fitted, setting=setting, seed=seed)]
    return pd.DataFrame(rows, columns=[*GROKKING_EIGENVALUES, "rank"])


def spectra(table: pd.DataFrame) -> Spectra:
    """Return the eigenvalues of each network in a table of `eigenvalues`."""
    return {
        (str(of["setting"].iloc[0]), int(of["seed"].iloc[0])): (of["real"] + 1j * of["imag"]).to_numpy(complex)
        for _, of in table.groupby(["setting", "seed"], sort=False)
    }


def distances(table: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the distances between all networks of two settings, and within each, columns
    `GROKKING_DISTANCES`.

    Rows within a setting have a = b. Seed is "i-j"; the published distances are those with i = j.
    """
    found = spectra(table)
    within = [(name, name) for name in dict.fromkeys(name for pair in pairs for name in pair)]
    rows = []
    for a, b in [*pairs, *within]:
        first, second = ([key for key in found if key[0] == name] for name in (a, b))
        chosen = combinations(first, 2) if a == b else ((i, j) for i in first for j in second)
        rows += [(a, b, f"{i[1]}-{j[1]}", distance(found[i], found[j])) for i, j in chosen]
    return pd.DataFrame(rows, columns=list(GROKKING_DISTANCES))


def rank_distances(table: pd.DataFrame, rank: int, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return the distances of `distances` at the ranks below and above `rank`, columns
    `GROKKING_RANK_DISTANCES`; for claims, which judge there as well.

    Parameters
    ----------
    table : DataFrame
        As `eigenvalues` returns it, with `beside` for the settings in `pairs`.
    """
    found = [
        distances(table[table["rank"] == own], pairs).assign(rank=own)
        for own in (rank - 1, rank + 1)
        if (table["rank"] == own).any()
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(GROKKING_RANK_DISTANCES))
