"""Measures on the transfer of winning tickets between tasks (arXiv 2110.03210)."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import special

from koopflow.claims.estimate import Estimate, Undecided, over_networks
from koopflow.claims.measures import measure
from koopflow.claims.tables import Choice, Tables, pick
from koopflow.core.discrimination import area_interval_of
from koopflow.core.intervals import jackknife
from koopflow.koopman.runs import Array

TRANSFER = "tickets/transfer.csv"
FEWEST_PAIRS = 5
"""Fewest pairs of tasks over which a relation is computed."""


def _pairs(
    tables: Tables, model: Choice, density: float | None, source: Choice = None, target: Choice = None
) -> pd.DataFrame:
    """Return the transfers between different tasks at densities up to `density`, averaged over
    these densities."""
    frame = pick(tables.read(TRANSFER), TRANSFER, model=model, source=source, target=target)
    frame = frame[frame["source"] != frame["target"]]
    if density is not None:
        frame = frame[frame["density"] <= density]
    if frame.empty:
        raise Undecided(f"{TRANSFER} has no transfer between different tasks at these densities")
    keys = ["source", "target", "model", "seed"]
    columns = ["accuracy", "accuracy_own", "accuracy_random", "exponent_distance"]
    return frame.groupby(keys)[columns].mean().reset_index()


def _share(frame: pd.DataFrame) -> pd.Series:
    """Return the share of the way from a random mask (0) to the task's own ticket (1); NaN if that
    ticket gains nothing."""
    gain = frame["accuracy_own"] - frame["accuracy_random"]
    return ((frame["accuracy"] - frame["accuracy_random"]) / gain).where(gain > 0)


@measure("accuracy of a task's own ticket minus that of a random mask of equal layer densities (share of images)")
def ticket_gain(tables: Tables, level: float, density: float | None = None, model: Choice = None) -> Estimate:
    """Return the mean advantage of winning tickets over random masks, per seed and averaged over
    networks, at densities up to `density`."""
    frame = _pairs(tables, model, density)
    gain = (frame["accuracy_own"] - frame["accuracy_random"]).groupby([frame["model"], frame["seed"]]).mean()
    return over_networks(gain, level)


@measure("share of the way from a random mask (0) to the task's own ticket (1) that a foreign ticket goes")
def transfer_share(
    tables: Tables,
    level: float,
    density: float | None = None,
    model: Choice = None,
    source: Choice = None,
    target: Choice = None,
) -> Estimate:
    """Return the summed gain of foreign tickets over the summed gain of own tickets, per seed and
    averaged over networks."""
    frame = _pairs(tables, model, density, source, target)
    frame = frame.assign(
        foreign=frame["accuracy"] - frame["accuracy_random"], own=frame["accuracy_own"] - frame["accuracy_random"]
    )
    sums = frame.groupby(["model", "seed"])[["foreign", "own"]].sum()
    if not (sums["own"] > 0).all():
        raise Undecided("the tasks' own tickets are no better than random masks here, so there is nothing to transfer")
    return over_networks(sums["foreign"] / sums["own"], level)


def _quality(tables: Tables, model: Choice, density: float | None) -> pd.DataFrame:
    """Return one row per network (`model`) and unordered pair of tasks (`a`, `b`): exponent
    distance, and share transferred, averaged over directions and seeds."""
    frame = _pairs(tables, model, density)
    first, second = np.sort(frame[["source", "target"]].to_numpy(dtype=str), axis=1).T
    frame = frame.assign(share=_share(frame), a=first, b=second)
    pairs = frame.groupby(["model", "a", "b"])[["share", "exponent_distance"]].mean().dropna().reset_index()
    if len(pairs) < FEWEST_PAIRS:
        raise Undecided(
            f"{len(pairs)} pairs of tasks have a gain to share; a relation over pairs needs at least {FEWEST_PAIRS}"
        )
    return pairs


def _without_each_task(pairs: pd.DataFrame, statistic: Callable[[pd.DataFrame], float]) -> Array:
    """Return the statistic without each task in turn, in every network and with all its pairs."""
    tasks = sorted({*pairs["a"], *pairs["b"]})
    found = np.array([statistic(pairs[(pairs["a"] != task) & (pairs["b"] != task)]) for task in tasks])
    if not np.isfinite(found).all():
        task = tasks[int(np.flatnonzero(~np.isfinite(found))[0])]
        raise Undecided(f"nothing is left to compare without the task {task}; the relation hangs on it alone")
    return found


@measure(
    "rank correlation over pairs of tasks: nearness of their exponents with the share of a ticket's gain that transfers"
)
def exponents_predict_transfer(
    tables: Tables, level: float, density: float | None = None, model: Choice = None
) -> Estimate:
    """Return Spearman's ρ between −(exponent distance) and the share transferred, with ranks taken
    within each network.

    Exponents come from each task's own pruning, before any transfer. The two directions of a pair
    share a distance, so a pair counts once. Pairs that share a task are not independent: the
    interval is the jackknife's over tasks, on Fisher's scale, and never narrower than that of
    independent pairs (Fieller, Hartley & Pearson 1957).
    """
    pairs = _quality(tables, model, density)
    rho = _rank_correlation(pairs)
    if not np.isfinite(rho):
        raise Undecided("all pairs of tasks have the same exponent distance or the same transfer")
    most = 1 - 6 / len(pairs) ** 3  # half of the smallest step of ρ below 1
    z = np.arctanh(np.clip([rho, *_without_each_task(pairs, _rank_correlation)], -most, most))
    least = special.ndtri(0.5 + level / 2) * np.sqrt(1.06 / (len(pairs) - 3))
    reach = max(float(jackknife(z[1:], level)), float(least))
    low, high = float(np.tanh(z[0] - reach)), float(np.tanh(z[0] + reach))
    return Estimate(rho, min(rho, low), max(rho, high), len(z) - 1, "tasks")


def _rank_correlation(pairs: pd.DataFrame) -> float:
    """Return Spearman's ρ with ranks taken within each network; NaN if nothing varies."""
    ranks = [
        np.stack([(-own["exponent_distance"]).rank(), own["share"].rank()]) - (len(own) + 1) / 2
        for _, own in pairs.groupby("model")
    ]
    nearness, share = np.concatenate(ranks, axis=1) if ranks else np.zeros((2, 0))
    size = np.linalg.norm(nearness) * np.linalg.norm(share)
    return float(nearness @ share / size) if size > 0 else float("nan")


@measure("chance that a pair of tasks whose tickets transfer has nearer exponents than one whose tickets do not")
def exponents_agree_where_transfer(
    tables: Tables, level: float, density: float | None = None, model: Choice = None, transfers_above: float = 0.5
) -> Estimate:
    """Return the area under the ROC curve: 0.5 if exponents carry no information.

    Pairs are compared within one network. Pairs that share a task are not independent, so the units
    are tasks: the interval is the wider, on each side, of the jackknife over tasks, each left out
    with all its pairs, and Newcombe's (2006, method 5) with no more pairs of a kind than there are
    tasks, which has a width also where both kinds are apart.
    """
    pairs = _quality(tables, model, density)
    pairs = pairs.assign(good=pairs["share"] > transfers_above)
    area = _area(pairs)
    if not np.isfinite(area):
        word = "every" if pairs["good"].all() else "no"
        if 0 < pairs["good"].sum() < len(pairs):
            word = "in each network, every or no"
        raise Undecided(
            f"{word} pair of tasks transfers more than {transfers_above:g} of the gain, so there is no contrast"
        )
    without = _without_each_task(pairs, _area)
    reach, tasks = float(jackknife(without, level)), len(without)
    good = int(pairs["good"].sum())
    low, high = area_interval_of(area, min(good, tasks), min(len(pairs) - good, tasks), level)
    return Estimate(area, max(0.0, min(area - reach, low)), min(1.0, max(area + reach, high)), tasks, "tasks")


def _area(pairs: pd.DataFrame) -> float:
    """Return how often a pair whose tickets transfer has nearer exponents than one of the same
    network whose tickets do not; NaN without both kinds."""
    nearer = compared = 0.0
    for _, own in pairs.groupby("model"):
        good = own["good"].to_numpy(dtype=bool)
        kind, other = int(good.sum()), int((~good).sum())
        # The ranks of one kind among all, less those within the kind, count the pairs of the other behind it.
        nearer += float((-own["exponent_distance"]).rank()[good].sum() - kind * (kind + 1) / 2)
        compared += kind * other
    return nearer / compared if compared else float("nan")
