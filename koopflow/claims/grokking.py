"""Measures on what the first steps tell about grokking (Redman et al., NeurIPS 2024)."""

from dataclasses import replace

import pandas as pd

from koopflow.claims.estimate import Estimate, Undecided
from koopflow.claims.measures import measure
from koopflow.claims.tables import Tables, pick
from koopflow.claims.training import excess_in

AREAS = "grokking/areas.csv"
DISTANCES = "grokking/distances.csv"
BY_RANK = "grokking/rank_distances.csv"


@measure("typical distance between the spectra of networks of two settings over that between networks of one, minus 1")
def grokking_excess(tables: Tables, level: float, a: str, b: str) -> Estimate:
    """Return the excess distance between the spectra of the first steps of two settings, as
    `excess_distance` does for set-ups: 0 means no difference beyond that between seeds. The
    alternatives are the ranks below and above, if the run has them."""
    found = excess_in(tables.read(DISTANCES), DISTANCES, level, a, b)
    if found is None:
        raise Undecided(f"{DISTANCES} has no pair of settings {a}, {b}; set grokking.pairs")
    try:
        beside = tables.read(BY_RANK)
    except Undecided:
        return found
    at = {f"rank {own['rank'].iloc[0]}": excess_in(own, BY_RANK, level, a, b) for _, own in beside.groupby("rank")}
    return replace(found, alternatives={rank: (each.low, each.high) for rank, each in at.items() if each})


@measure("area under the curve: how often a network that groks has a higher score than one that does not")
def grokking_area(tables: Tables, level: float, predictor: str = "spectrum") -> Estimate:
    """Return the area under the ROC curve of a predictor over networks; 0.5 is chance. The interval
    has the level of ``grokking.level``."""
    return _estimate(tables, predictor, "")


@measure("area under the curve of the predictor minus that of the strongest other")
def grokking_gain(tables: Tables, level: float, against: list[str], predictor: str = "spectrum") -> Estimate:
    """Return how much larger the area of `predictor` is than that of the best of `against`.

    The best is chosen by its area on the same networks, which favours the others.
    """
    rows = [_row(tables, other, "") for other in against]
    best = max(rows, key=lambda row: float(row["value"]))
    return _estimate(tables, predictor, str(best["predictor"]))


def _row(tables: Tables, predictor: str, against: str) -> pd.Series:
    frame = tables.read(AREAS)
    frame = frame.assign(against=frame["against"].fillna(""))
    rows = pick(frame, AREAS, predictor=predictor)
    rows = rows[rows["against"] == against]
    if rows.empty:
        raise Undecided(f"{AREAS} does not compare {predictor} with {against}")
    return rows.iloc[0]


def _estimate(tables: Tables, predictor: str, against: str) -> Estimate:
    row = _row(tables, predictor, against)
    return Estimate(float(row["value"]), float(row["ci_low"]), float(row["ci_high"]), int(row["n"]), "networks")
