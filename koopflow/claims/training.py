"""Measures on the equivalence of optimizers and of training set-ups (arXiv 2302.09160)."""

import numpy as np

from koopflow.claims.estimate import Estimate, Tables, Undecided, jackknife, pick
from koopflow.claims.measures import measure

OPTIMIZERS = "equivalence/optimizers/distances.csv"
TRAINING = "equivalence/training/distances.csv"


def _distance(frame, a: str, b: str) -> tuple[float, float, float]:
    """Return the distance between the spectra of `a` and `b`, with its interval where the table has one."""
    rows = frame[((frame["a"] == a) & (frame["b"] == b)) | ((frame["a"] == b) & (frame["b"] == a))]
    if rows.empty:
        raise Undecided(f"{OPTIMIZERS} has no pair {a}, {b}")
    row = rows.iloc[0]
    if "ci_low" in frame and "ci_high" in frame:
        return float(row["distance"]), float(row["ci_low"]), float(row["ci_high"])
    return float(row["distance"]), float(row["distance"]), float(row["distance"])


@measure("distance between the two spectra, as a share of the smaller distance to the control's spectrum")
def distance_beside_control(tables: Tables, level: float, a: str, b: str, control: str) -> Estimate:
    """Return d(a, b) / min(d(a, control), d(b, control)).

    The problem is deterministic: the interval comes from the table (resampled initial conditions) where it has one,
    with the numerator's
    and denominator's opposite ends; otherwise it is the number itself.
    """
    frame = tables.read(OPTIMIZERS, ["a", "b", "distance"])
    near = _distance(frame, a, b)
    far = min((_distance(frame, name, control) for name in (a, b)), key=lambda triple: triple[0])
    if not (np.isfinite([*near, *far]).all() and far[1] > 0):
        raise Undecided(f"the distance to {control} is zero or not finite")
    return Estimate(near[0] / far[0], near[1] / far[2], near[2] / far[1], 1, "problem")


@measure("distance between set-ups beyond the distance between seeds, as a share of the latter")
def excess_distance(tables: Tables, level: float, comparison: str, a: str | None = None, b: str | None = None) -> Estimate:
    """Return mean between-set-up distance / mean within-set-up distance − 1, averaged over the pairs of a comparison.

    0 is no difference beyond the one between seeds; 1 means twice as far apart as two seeds of one set-up. Seeds are
    left out one at a
    time, with every distance they take part in.
    """
    frame = pick(tables.read(TRAINING, ["comparison", "a", "b", "seed", "distance"]), TRAINING, comparison=comparison)
    frame = frame[np.isfinite(frame["distance"])]
    seeds_of = [tuple(str(seed).split("-")) for seed in frame["seed"]]
    distances, left, right = frame["distance"].to_numpy(), frame["a"].to_numpy(), frame["b"].to_numpy()
    pairs = sorted({(x, y) for x, y in zip(left, right) if x != y and a in (None, x, y) and b in (None, x, y)})
    if not pairs:
        raise Undecided(f"{TRAINING} has no pair of set-ups in comparison {comparison!r}")

    def statistic(seeds: list) -> float:
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
