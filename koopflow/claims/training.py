"""Measures on the equivalence of optimizers and of training set-ups (arXiv 2302.09160)."""

import numpy as np
import pandas as pd

from koopflow.claims.estimate import Estimate, Undecided, jackknife
from koopflow.claims.measures import measure
from koopflow.claims.tables import Tables, pick

OPTIMIZERS = "equivalence/optimizers/distances.csv"
TRAINING = "equivalence/training/distances.csv"


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


@measure("distance between set-ups beyond the distance between seeds, as a share of the latter")
def excess_distance(
    tables: Tables, level: float, comparison: str, a: str | None = None, b: str | None = None
) -> Estimate:
    """Return mean between-set-up distance / mean within-set-up distance − 1, averaged over the
    pairs of a comparison.

    0 means no difference beyond that between seeds; 1 means that set-ups are twice as far apart as
    two seeds of one set-up. The jackknife leaves out one seed at a time, with all its distances.
    """
    frame = pick(tables.read(TRAINING), TRAINING, comparison=comparison)
    frame = frame[np.isfinite(frame["distance"])]
    seeds_of = [tuple(str(seed).split("-")) for seed in frame["seed"]]
    distances, left, right = frame["distance"].to_numpy(), frame["a"].to_numpy(), frame["b"].to_numpy()
    pairs = sorted({(x, y) for x, y in zip(left, right) if x != y and a in (None, x, y) and b in (None, x, y)})
    if not pairs:
        raise Undecided(f"{TRAINING} has no pair of set-ups in comparison {comparison!r}")

    def statistic(seeds: list[str]) -> float:
        kept = np.array([set(own) <= set(seeds) for own in seeds_of])
        shares = []
        for x, y in pairs:
            between = distances[kept & (left == x) & (right == y)]
            floors = [distances[kept & (left == z) & (right == z)] for z in (x, y)]
            if not between.size or not all(floor.size for floor in floors):
                return float("nan")
            shares.append(between.mean() / np.mean([floor.mean() for floor in floors]) - 1)
        return float(np.mean(shares))

    return jackknife(statistic, sorted({seed for own in seeds_of for seed in own}), level)
