"""Measures on the equivalence of optimizers and of training set-ups (arXiv 2302.09160)."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.claims.estimate import Estimate, Undecided
from koopflow.claims.measures import measure
from koopflow.claims.tables import Tables, pick
from koopflow.config.equivalence import FEWEST
from koopflow.equivalence.comparison import excess
from koopflow.koopman.runs import Array

OPTIMIZERS = "equivalence/optimizers/distances.csv"
TRAINING = "equivalence/training/distances.csv"
BY_RANK = "equivalence/training/rank_distances.csv"


@measure("distance between the two spectra, as a share of the smaller distance to the control's spectrum")
def distance_beside_control(tables: Tables, level: float, a: str, b: str, control: str) -> Estimate:
    """Return d(a, b) / min(d(a, control), d(b, control)).

    The interval divides opposite ends of the two distances' intervals over initial conditions, so
    it is conservative.
    """
    frame = tables.read(OPTIMIZERS)
    near = _distance(frame, a, b)
    far = min((_distance(frame, name, control) for name in (a, b)), key=lambda row: row["distance"])
    ends = ["distance", "ci_low", "ci_high"]
    if not (np.isfinite([*near[ends], *far[ends]]).all() and far["ci_low"] > 0):
        raise Undecided(f"the distance to {control} is zero or not finite")
    low, high = near["ci_low"] / far["ci_high"], near["ci_high"] / far["ci_low"]
    n = int(min(near["n"], far["n"]))
    return Estimate(float(near["distance"] / far["distance"]), float(low), float(high), n, "initial conditions")


def _distance(frame: pd.DataFrame, a: str, b: str) -> pd.Series:
    """Return the row that compares `a` and `b`."""
    rows = frame[((frame["a"] == a) & (frame["b"] == b)) | ((frame["a"] == b) & (frame["b"] == a))]
    if rows.empty:
        raise Undecided(f"{OPTIMIZERS} has no pair {a}, {b}")
    return rows.iloc[0]


@measure("typical distance between set-ups over the typical distance between seeds, minus 1")
def excess_distance(
    tables: Tables, level: float, comparison: str, a: str | None = None, b: str | None = None
) -> Estimate:
    """Return the excess distance, averaged over the pairs of a comparison.

    0 means no difference beyond that between seeds; 1 means that set-ups are twice as far apart as
    two seeds of one set-up. All pairs of seeds enter; see `koopflow.equivalence.comparison.excess`.
    The alternatives are the ranks below and above, if the run has them.
    """
    estimate = _estimate(tables.read(TRAINING), level, comparison, a, b)
    try:
        beside = tables.read(BY_RANK)
    except Undecided:
        return estimate
    alternatives = {}
    for _, frame in beside[beside["comparison"] == comparison].groupby("offset"):
        found = _estimate(frame, level, comparison, a, b)
        alternatives[f"rank {frame['rank'].iloc[0]}"] = found.low, found.high
    return replace(estimate, alternatives=alternatives)


def _estimate(table: pd.DataFrame, level: float, comparison: str, a: str | None, b: str | None) -> Estimate:
    """Return the excess distance in a table of distances at one rank."""
    found = excess_in(pick(table, TRAINING, comparison=comparison), TRAINING, level, a, b)
    if found is None:
        raise Undecided(f"{TRAINING} has no pair of set-ups in comparison {comparison!r}")
    return found


def excess_in(
    frame: pd.DataFrame, path: str, level: float, a: str | None = None, b: str | None = None
) -> Estimate | None:
    """Return the excess distance over all pairs of set-ups in a table of distances between seeds;
    None if it has no such pair.

    Parameters
    ----------
    frame : DataFrame
        Columns a, b, seed ("i-j"; "i" stands for "i-i") and distance.
    path : str
        Path of the table, for messages.
    level : float
        Level of the interval.
    a, b : str, optional
        Only pairs with these set-ups.
    """
    pairs = sorted(
        {(str(x), str(y)) for x, y in zip(frame["a"], frame["b"]) if x != y and a in (None, x, y) and b in (None, x, y)}
    )
    if not pairs:
        return None
    names = sorted({name for pair in pairs for name in pair})
    matrix, groups = _matrix(frame, path, names)
    fewest = min(len(group) for group in groups)
    if fewest < FEWEST:
        raise Undecided(f"{fewest} seeds in a set-up; an interval needs at least {FEWEST}")
    found = excess(matrix, groups, [(names.index(x), names.index(y)) for x, y in pairs], level)
    return Estimate(found.value, found.low, found.high, fewest, "seeds")


def _matrix(frame: pd.DataFrame, path: str, names: list[str]) -> tuple[Array, list[NDArray[np.intp]]]:
    """Return the distances between all seeds of the set-ups `names`, and each set-up's rows.

    Raises
    ------
    Undecided
        If the table lacks a pair of seeds.
    """
    frame = frame[frame["a"].isin(names) & frame["b"].isin(names)]
    ends = [(seed, seed) if "-" not in seed else tuple(seed.split("-")) for seed in frame["seed"].astype(str)]
    left = list(zip(frame["a"], (i for i, _ in ends)))
    right = list(zip(frame["b"], (j for _, j in ends)))
    spectra = sorted({*left, *right})
    place = {spectrum: row for row, spectrum in enumerate(spectra)}
    matrix = np.full((len(spectra), len(spectra)), np.nan)
    np.fill_diagonal(matrix, 0.0)
    for one, other, distance in zip(left, right, frame["distance"]):
        matrix[place[one], place[other]] = matrix[place[other], place[one]] = distance
    groups = [np.array([place[spectrum] for spectrum in spectra if spectrum[0] == name], np.intp) for name in names]
    missing = np.argwhere(np.isnan(matrix))
    if len(missing):
        (a, i), (b, j) = (spectra[row] for row in missing[0])
        raise Undecided(f"{path} has no distance between seed {i} of {a} and seed {j} of {b}")
    return matrix, groups
