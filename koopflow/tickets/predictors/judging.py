"""Which predictors foretell transfer: the densities at which it is reliable, and the tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.config.tickets import Predictors
from koopflow.io.columns import TICKET_FORECASTS, TICKET_PREDICTOR_TESTS, TICKET_PREDICTORS
from koopflow.rg.universality import mantel, rank_correlation, relative_transfer
from koopflow.tickets.predictors.calibration import forecasts_table

SIGNIFICANCE = 0.05
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Reliable:
    """Densities at which transfer was measured, and how reliable each measurement is.

    Attributes
    ----------
    reliability : dict of float to float
        Split-half reliability by density.
    chosen : float
        The density of the tests: the most reliable.
    enough : bool
        Whether its reliability reaches the least that the configuration asks for.
    """

    reliability: Mapping[float, float]
    chosen: float
    enough: bool


def transfer_of(table: pd.DataFrame, tasks: Sequence[str], seeds: Sequence[int] | None = None) -> Matrix:
    """Return relative transfer (source, target) of one density, from all seeds or some."""
    if seeds is not None:
        table = table[table["seed"].isin(seeds)]
    matrix = np.full((len(tasks), len(tasks)), np.nan)
    for (source, target), group in table.groupby(["source", "target"]):
        accuracy, own, random = (group[name].to_numpy() for name in ("accuracy", "accuracy_own", "accuracy_random"))
        matrix[tasks.index(source), tasks.index(target)] = relative_transfer(accuracy, own, random)
    return matrix


def split_half(table: pd.DataFrame, tasks: Sequence[str]) -> float:
    """Return the split-half reliability of relative transfer at one density.

    Seeds are split into two halves in every way; the rank correlations of the two matrices are
    averaged and stepped up to all seeds by the formula of Spearman and Brown (1910).
    """
    seeds = sorted(table["seed"].unique())
    half = len(seeds) // 2
    if half < 1:
        return float("nan")
    found = []
    for first in combinations(seeds, half):
        rest = [seed for seed in seeds if seed not in first]
        if len(rest) == half and first[0] != seeds[0]:
            continue  # the mirror image of an earlier split
        found.append(rank_correlation(transfer_of(table, tasks, first), transfer_of(table, tasks, rest)))
    mean = float(np.mean(found))
    return 2 * mean / (1 + mean)


def densities_of(transfer: pd.DataFrame) -> list[float]:
    """Return the densities at which tickets were transferred, sparsest first."""
    return sorted(float(density) for density in transfer["density"].unique())


def choose_density(transfer: pd.DataFrame, tasks: Sequence[str], least: float) -> Reliable:
    """Return the reliability of every density, and the most reliable one."""
    found = {density: split_half(transfer[transfer["density"] == density], tasks) for density in densities_of(transfer)}
    chosen = max(found, key=lambda density: np.nan_to_num(found[density], nan=-1.0))
    return Reliable(found, chosen, bool(found[chosen] >= least))


def holm(p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values adjusted for their number by Holm's step-down method (1979).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)
    stepped = np.maximum.accumulate((len(values) - np.arange(len(values))) * values[order])
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def predictors_table(
    transfer: pd.DataFrame, scores: pd.DataFrame, tasks: Sequence[str], model: str, settings: Predictors
) -> pd.DataFrame:
    """Return score and transfer of every predictor, ordered pair of tasks and density.

    Parameters
    ----------
    transfer : DataFrame
        Rows of ``tickets/transfer.csv`` of one study.
    scores : DataFrame
        Scores of single tickets: `koopflow.io.columns.TICKET_SCORES`.
    tasks : sequence of str
    model : str
    settings : Predictors
        Which predictors were registered, and the least reliability.
    """
    reliable, rows = choose_density(transfer, tasks, settings.reliability), []
    mean = scores.groupby(["predictor", "source", "target", "density"], sort=False)["score"].mean().reset_index()
    for density in densities_of(transfer):
        shares = transfer_of(transfer[transfer["density"] == density], tasks)
        at = mean[np.isclose(mean["density"], density)]
        for each in at.itertuples():
            share = shares[tasks.index(each.source), tasks.index(each.target)]
            registered = "yes" if each.predictor in settings.registered else "no"
            chosen = "yes" if density == reliable.chosen else "no"
            measured = (registered, model, chosen, reliable.reliability[density])
            rows.append((each.predictor, each.source, each.target, density, each.score, share, *measured))
    return pd.DataFrame(rows, columns=list(TICKET_PREDICTORS))


def matrix_of(table: pd.DataFrame, column: str, tasks: Sequence[str]) -> Matrix:
    """Return a column of one predictor's rows at one density as a matrix (source, target)."""
    matrix = np.full((len(tasks), len(tasks)), np.nan)
    for source, target, value in zip(table["source"], table["target"], table[column]):
        matrix[tasks.index(source), tasks.index(target)] = value
    return matrix


def within_targets(scores: Matrix, shares: Matrix) -> float:
    """Return the rank correlation of scores with transfer inside each target, averaged over
    targets."""
    found = []
    for column in range(len(scores)):
        kept = np.isfinite(scores[:, column]) & np.isfinite(shares[:, column])
        a, b = scores[kept, column], shares[kept, column]
        if len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1]))
    return float(np.mean(found)) if found else float("nan")


def predictor_tests(
    table: pd.DataFrame, scores: pd.DataFrame, tasks: Sequence[str], settings: Predictors
) -> pd.DataFrame:
    """Return the test of every predictor at the chosen density.

    Mantel's test permutes tasks, and the interval is jackknifed over tasks, since pairs that share
    a task are not independent. p-values of registered predictors are adjusted for their number
    (Holm), and so are their intervals (Bonferroni); those of all others are exploratory, and decide
    nothing.
    """
    at = table[table["chosen"] == "yes"]
    number = at.loc[at["registered"] == "yes", "predictor"].nunique()
    rows = []
    for name, group in at.groupby("predictor", sort=False):
        own, share = matrix_of(group, "score", tasks), matrix_of(group, "transfer", tasks)
        among = number if group["registered"].iloc[0] == "yes" else 1
        test = mantel(share, own, confidence=1 - SIGNIFICANCE / among)
        of = (scores["predictor"] == name) & np.isclose(scores["density"], group["density"].iloc[0])
        cost = scores[of].iloc[0]
        rows.append(
            {
                "model": group["model"].iloc[0],
                "predictor": name,
                "registered": group["registered"].iloc[0],
                "density": group["density"].iloc[0],
                "correlation": test.correlation,
                "ci_low": test.ci_low,
                "ci_high": test.ci_high,
                "p": test.p,
                "within_target": within_targets(own, share),
                "tasks": test.items,
                "pairs": int(np.isfinite(share).sum()),
                "reliability": group["reliability"].iloc[0],
                "needs": cost["needs"],
                "passes": cost["passes"],
                "cost": cost["passes"] / cost["training"],
            }
        )
    frame = pd.DataFrame(rows)
    registered = (frame["registered"] == "yes").to_numpy()
    adjusted = np.full(len(frame), np.nan)
    adjusted[registered] = holm(np.nan_to_num(frame["p"].to_numpy(dtype=float)[registered], nan=1.0))
    enough = bool((frame["reliability"] >= settings.reliability).all())
    frame["p_adjusted"] = adjusted
    frame["decision"] = [
        _decision(p, low, high, enough) if decides else "exploratory"
        for decides, p, low, high in zip(registered, adjusted, frame["ci_low"], frame["ci_high"])
    ]
    return frame[list(TICKET_PREDICTOR_TESTS)]


def predicted_transfer(
    transfer: pd.DataFrame, scores: pd.DataFrame, tasks: Sequence[str], model: str, settings: Predictors
) -> dict[str, pd.DataFrame]:
    """Return the tables ``predictors``, ``predictor_tests`` and ``will_transfer`` of one study.

    Forecasts rest on the registered predictors that need no rounds on the target.
    """
    rows = predictors_table(transfer, scores, tasks, model, settings)
    tests = predictor_tests(rows, scores, tasks, settings)
    usable = tests[tests["predictor"].isin(settings.registered) & (tests["needs"].fillna("") == "")]
    forecasts = pd.DataFrame(columns=list(TICKET_FORECASTS))
    if len(usable):
        cost = float(usable["cost"].sum())
        forecasts = forecasts_table(rows, list(usable["predictor"]), cost, settings.level, settings.threshold)
    return {"predictors": rows, "predictor_tests": tests, "will_transfer": forecasts}


def _decision(p: float, low: float, high: float, enough: bool) -> str:
    """Return what a registered predictor's adjusted p-value and interval say."""
    if not enough:
        return "transfer is not reliable enough to decide"
    if p < SIGNIFICANCE and low > 0:
        return "predicts transfer"
    if p < SIGNIFICANCE and high < 0:
        return "predicts the opposite"
    return "not shown to predict transfer"
