"""Measures on winning tickets and the renormalization group (arXiv 2110.03210)."""

import numpy as np
import pandas as pd
from scipy import stats

from koopflow.claims.estimate import Estimate, Tables, Undecided, over_units, pick
from koopflow.claims.measures import measure
from koopflow.core.intervals import AT_MOST_ONE

FLOW = "tickets/flow.csv"
EXPONENTS = "tickets/exponents.csv"
COMPOSITION = "tickets/composition.csv"
TRANSFER = "tickets/transfer.csv"


@measure("share of the variance of the log couplings explained by power laws of the density, in the scaling window")
def scaling(tables: Tables, level: float, task: str | None = None, model: str | None = None) -> Estimate:
    """Return pooled R² per seed of log M_i = σ_i log(1/density) + c, over all layers of all tasks, each in its window of rounds.

    The residuals of all layers are set against all variance, so a layer whose coupling hardly moves neither helps nor harms.
    """
    flow = pick(tables.read(FLOW), FLOW, task=task, model=model)
    windows = tables.read(EXPONENTS)
    windows = windows[["task", "model", "layer", "first_round", "last_round"]].drop_duplicates(["task", "model", "layer"])
    flow = flow.merge(windows, on=["task", "model", "layer"])
    flow = flow[(flow["round"] >= flow["first_round"]) & (flow["round"] <= flow["last_round"]) & (flow["coupling"] > 0)]

    def explained(own: pd.DataFrame) -> float:
        residual = total = 0.0
        for _, layer in own.groupby(["task", "model", "layer"]):
            if len(layer) >= 3:
                x, y = np.log(1 / layer["density"].to_numpy()), np.log(layer["coupling"].to_numpy())
                fit = np.polyfit(x, y, 1)
                residual += np.sum((y - np.polyval(fit, x)) ** 2)
                total += np.sum((y - y.mean()) ** 2)
        return 1 - residual / total if total > 0 else float("nan")

    return over_units([explained(own) for _, own in flow.groupby("seed")], level, within=AT_MOST_ONE)


@measure("mean relative difference of the couplings after two small rounds and after one large one")
def composition(tables: Tables, level: float, task: str | None = None, model: str | None = None) -> Estimate:
    """Return mean |log(M_a / M_b)| over tasks, layers and densities, per seed: 0.05 is a difference of about 5 %."""
    frame = tables.read(COMPOSITION)
    frame = pick(frame, COMPOSITION, task=task, model=model)
    if "comparison" in frame:  # the same steps run again stand in the same table, as the floor
        frame = frame[frame["comparison"] == "composition"]
    frame = frame[(frame["coupling_a"] > 0) & (frame["coupling_b"] > 0)]
    apart = np.log(frame["coupling_a"] / frame["coupling_b"]).abs()
    return over_units(apart.groupby(frame["seed"]).mean(), level)


def _pairs(tables: Tables, model, density, source=None, target=None) -> pd.DataFrame:
    """Return transfers between different tasks, with the share of the way from a random mask (0) to the task's own ticket (1)."""
    frame = pick(tables.read(TRANSFER), TRANSFER, model=model, source=source, target=target)
    frame = frame[frame["source"] != frame["target"]]
    if density is not None:
        frame = frame[frame["density"] <= density]
    if frame.empty:
        raise Undecided(f"{TRANSFER} has no transfer between different tasks at these densities")
    keys = ["source", "target", "model", "seed"]
    columns = ["accuracy", "accuracy_own", "accuracy_random", "exponent_distance"]
    return frame.groupby(keys)[columns].mean().reset_index()


def _share(frame: pd.DataFrame, minimum_gain: float = 0.0) -> pd.Series:
    gain = frame["accuracy_own"] - frame["accuracy_random"]
    return ((frame["accuracy"] - frame["accuracy_random"]) / gain).where(gain > minimum_gain)


@measure("accuracy of a task's own ticket minus that of a random mask of equal layer densities (share of images)")
def ticket_gain(tables: Tables, level: float, density: float | None = None, model: str | None = None) -> Estimate:
    """Return the mean advantage of winning tickets over random masks, per seed, at densities up to `density`."""
    frame = _pairs(tables, model, density)
    return over_units((frame["accuracy_own"] - frame["accuracy_random"]).groupby(frame["seed"]).mean(), level)


@measure("share of the way from a random mask (0) to the task's own ticket (1) that a foreign ticket goes")
def transfer_share(
    tables: Tables, level: float, density: float | None = None, model: str | None = None, source=None, target=None
) -> Estimate:
    """Return the summed gain of foreign tickets over the summed gain of own tickets, per seed; options pick sources
    and targets."""
    frame = _pairs(tables, model, density, source, target)
    frame = frame.assign(foreign=frame["accuracy"] - frame["accuracy_random"], own=frame["accuracy_own"] - frame["accuracy_random"])
    sums = frame.groupby("seed")[["foreign", "own"]].sum()
    if not (sums["own"] > 0).all():
        raise Undecided("the tasks' own tickets are no better than random masks here, so there is nothing to transfer")
    return over_units(sums["foreign"] / sums["own"], level)


def _quality(tables: Tables, model, density) -> pd.DataFrame:
    """Return one row per unordered pair of tasks: the mean share transferred, both ways and over seeds, and the
    exponent distance."""
    frame = _pairs(tables, model, density)
    frame = frame.assign(share=_share(frame), pair=[" & ".join(sorted(two)) for two in zip(frame["source"], frame["target"])])
    pairs = frame.groupby(["model", "pair"])[["share", "exponent_distance"]].mean().dropna().reset_index()
    if len(pairs) < 5:
        raise Undecided(f"{len(pairs)} pairs of tasks with a gain to share; a relation over pairs takes at least 5")
    return pairs


@measure("rank correlation over pairs of tasks: nearness of their exponents with the share of a ticket's gain that transfers")
def exponents_predict_transfer(tables: Tables, level: float, density: float | None = None, model: str | None = None) -> Estimate:
    """Return Spearman's ρ between −(exponent distance) and transfer share, with the interval of Fieller, Hartley &
    Pearson (1957).

    The exponents come from each task's own pruning, before any transfer. Both directions of a pair count once, as they
    share a distance.
    """
    pairs = _quality(tables, model, density)
    if pairs["exponent_distance"].nunique() < 2 or pairs["share"].nunique() < 2:
        raise Undecided("all pairs of tasks have the same exponent distance or the same transfer")
    rho = stats.spearmanr(-pairs["exponent_distance"], pairs["share"]).statistic
    reach = stats.norm.ppf(0.5 + level / 2) * np.sqrt(1.06 / (len(pairs) - 3))
    z = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    return Estimate(float(rho), float(np.tanh(z - reach)), float(np.tanh(z + reach)), len(pairs), "pairs of tasks")


@measure("chance that a pair of tasks whose tickets transfer has nearer exponents than one whose tickets do not")
def exponents_agree_where_transfer(
    tables: Tables, level: float, density: float | None = None, model: str | None = None, transfers_above: float = 0.5
) -> Estimate:
    """Return the area under the ROC curve, 0.5 when exponents tell nothing, with the interval of Hanley & McNeil (1982)."""
    pairs = _quality(tables, model, density)
    good = pairs.loc[pairs["share"] > transfers_above, "exponent_distance"].to_numpy()
    bad = pairs.loc[pairs["share"] <= transfers_above, "exponent_distance"].to_numpy()
    if not good.size or not bad.size:
        word = "every" if good.size else "no"
        raise Undecided(f"{word} pair of tasks transfers more than {transfers_above:g} of the gain, so there is no contrast")
    area = float(np.mean((good[:, None] < bad[None, :]) + 0.5 * (good[:, None] == bad[None, :])))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (good.size - 1) * (q1 - area**2) + (bad.size - 1) * (q2 - area**2)
    # A perfect separation has variance 0; the rule of three (0.05^(1/n) for 95 %) keeps the interval honest there.
    reach = stats.norm.ppf(0.5 + level / 2) * np.sqrt(variance / (good.size * bad.size))
    least = 1 - ((1 - level) / 2) ** (1 / min(good.size, bad.size))
    low = min(area - reach, area - least) if area in (0.0, 1.0) else area - reach
    high = max(area + reach, area + least) if area in (0.0, 1.0) else area + reach
    return Estimate(area, max(0.0, float(low)), min(1.0, float(high)), len(pairs), "pairs of tasks")
