"""Measures on the transfer of winning tickets between tasks (arXiv 2110.03210)."""

import numpy as np
import pandas as pd
from scipy import stats

from koopflow.claims.estimate import Estimate, Undecided, over_units
from koopflow.claims.measures import measure
from koopflow.claims.tables import Choice, Tables, pick

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
    """Return the mean advantage of winning tickets over random masks, per seed, at densities up to
    `density`."""
    frame = _pairs(tables, model, density)
    return over_units((frame["accuracy_own"] - frame["accuracy_random"]).groupby(frame["seed"]).mean(), level)


@measure("share of the way from a random mask (0) to the task's own ticket (1) that a foreign ticket goes")
def transfer_share(
    tables: Tables,
    level: float,
    density: float | None = None,
    model: Choice = None,
    source: Choice = None,
    target: Choice = None,
) -> Estimate:
    """Return the summed gain of foreign tickets over the summed gain of own tickets, per seed."""
    frame = _pairs(tables, model, density, source, target)
    frame = frame.assign(
        foreign=frame["accuracy"] - frame["accuracy_random"], own=frame["accuracy_own"] - frame["accuracy_random"]
    )
    sums = frame.groupby("seed")[["foreign", "own"]].sum()
    if not (sums["own"] > 0).all():
        raise Undecided("the tasks' own tickets are no better than random masks here, so there is nothing to transfer")
    return over_units(sums["foreign"] / sums["own"], level)


def _quality(tables: Tables, model: Choice, density: float | None) -> pd.DataFrame:
    """Return one row per unordered pair of tasks: exponent distance, and share transferred,
    averaged over directions and seeds."""
    frame = _pairs(tables, model, density)
    frame = frame.assign(
        share=_share(frame), pair=[" & ".join(sorted(two)) for two in zip(frame["source"], frame["target"])]
    )
    pairs = frame.groupby(["model", "pair"])[["share", "exponent_distance"]].mean().dropna().reset_index()
    if len(pairs) < FEWEST_PAIRS:
        raise Undecided(
            f"{len(pairs)} pairs of tasks have a gain to share; a relation over pairs needs at least {FEWEST_PAIRS}"
        )
    return pairs


@measure(
    "rank correlation over pairs of tasks: nearness of their exponents with the share of a ticket's gain that transfers"
)
def exponents_predict_transfer(
    tables: Tables, level: float, density: float | None = None, model: Choice = None
) -> Estimate:
    """Return Spearman's ρ between −(exponent distance) and the share transferred.

    Exponents come from each task's own pruning, before any transfer. The two directions of a pair
    share a distance, so a pair counts once. The interval follows Fieller, Hartley & Pearson (1957).
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
    tables: Tables, level: float, density: float | None = None, model: Choice = None, transfers_above: float = 0.5
) -> Estimate:
    """Return the area under the ROC curve: 0.5 if exponents carry no information.

    The interval follows Hanley & McNeil (1982).
    """
    pairs = _quality(tables, model, density)
    good = pairs.loc[pairs["share"] > transfers_above, "exponent_distance"].to_numpy()
    bad = pairs.loc[pairs["share"] <= transfers_above, "exponent_distance"].to_numpy()
    if not good.size or not bad.size:
        word = "every" if good.size else "no"
        raise Undecided(
            f"{word} pair of tasks transfers more than {transfers_above:g} of the gain, so there is no contrast"
        )
    area = float(np.mean((good[:, None] < bad[None, :]) + 0.5 * (good[:, None] == bad[None, :])))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (good.size - 1) * (q1 - area**2) + (bad.size - 1) * (q2 - area**2)
    reach = stats.norm.ppf(0.5 + level / 2) * np.sqrt(variance / (good.size * bad.size))
    low, high = area - reach, area + reach
    if area in (0.0, 1.0):
        # A perfect separation has variance 0. The rule of three (0.05^(1/n) for 95 %) keeps the
        # interval honest.
        least = 1 - ((1 - level) / 2) ** (1 / min(good.size, bad.size))
        low, high = min(low, area - least), max(high, area + least)
    return Estimate(area, max(0.0, float(low)), min(1.0, float(high)), len(pairs), "pairs of tasks")
