"""Measures on Koopman forecasting with episodic memory (arXiv 2311.12615)."""

import numpy as np
import pandas as pd

from koopflow.claims.estimate import Estimate, Undecided
from koopflow.claims.measures import measure
from koopflow.claims.tables import Tables, pick

SKILL = "forecast/skill.csv"


@measure("error taken off the sliding forecast, as a share of the sliding forecast's mean absolute error")
def skill_over_sliding(
    tables: Tables, level: float, series: str | list[str], method: str = "gated", horizon: int | list[int] | None = None
) -> Estimate:
    """Return 1 − MAE/MAE_sliding, averaged over `series` and horizons.

    Interval ends are averaged in the same way, which is valid however series and horizons depend on
    each other. n counts the forecast origins of all series; the unit says how many series these are.
    """
    rows = pick(rows_of(tables, series, horizon), SKILL, method=method)
    return _mean(rows, ["skill_vs_sliding", "ci_low", "ci_high"], f"skill of {method}")


@measure("error that recall takes off the same gate without recalling experts, as a share of that gate's error")
def skill_of_recall(
    tables: Tables, level: float, series: str | list[str], method: str = "gated", horizon: int | list[int] | None = None
) -> Estimate:
    """Return 1 − MAE/MAE of `gated_without_recall`, averaged over `series` and horizons.

    Both forecast from the same origins. Interval and n as for `skill_over_sliding`.
    """
    rows = pick(rows_of(tables, series, horizon), SKILL, method=method)
    columns = ["skill_vs_without_recall", "recall_ci_low", "recall_ci_high"]
    if not set(columns) <= set(rows):
        raise Undecided(f"{SKILL} has no column {columns[0]}; forecast.methods must include gated_without_recall")
    return _mean(rows, columns, f"skill of {method} against gated_without_recall")


@measure("skill of the method minus skill of the strongest simple method, both against the sliding forecast")
def skill_over_best_baseline(
    tables: Tables,
    level: float,
    series: str | list[str],
    against: list[str],
    method: str = "gated",
    horizon: int | list[int] | None = None,
) -> Estimate:
    """Return the skill of `method` minus that of the best of `against`, per series and horizon,
    averaged over them.

    The best method is chosen by its error on the same origins, which favours the baselines. The
    interval adds the widths of both, as in the least favourable dependence.
    """
    rows = rows_of(tables, series, horizon)
    pick(rows, SKILL, method=method)
    values = []
    for _, own in rows.groupby(["series", "horizon"]):
        ours = own[own["method"] == method]
        others = own[own["method"].isin(against) & np.isfinite(own["mae"])]
        if not ours.empty and not others.empty:
            us, best = ours.iloc[0], others.loc[others["mae"].idxmin()]
            low, high = us["ci_low"] - best["ci_high"], us["ci_high"] - best["ci_low"]
            values.append((us["series"], us["skill_vs_sliding"] - best["skill_vs_sliding"], low, high, us["n"]))
    found = pd.DataFrame(values, columns=["series", "value", "low", "high", "n"])
    found = found.loc[np.isfinite(found[["value", "low", "high"]].to_numpy()).all(axis=1)]
    if found.empty:
        raise Undecided(f"{SKILL} has none of {', '.join(against)} beside {method} for these series")
    mean = found.groupby("series")[["value", "low", "high"]].mean().mean()
    return Estimate(float(mean["value"]), float(mean["low"]), float(mean["high"]), *_origins(found))


def _mean(rows: pd.DataFrame, columns: list[str], what: str) -> Estimate:
    """Return the mean over series and horizons of a value and its interval's ends (`columns`)."""
    rows = rows.loc[np.isfinite(rows[columns].to_numpy()).all(axis=1)]
    if rows.empty:
        raise Undecided(f"{SKILL} has no finite {what} for these series")
    value, low, high = rows.groupby("series")[columns].mean().mean()
    return Estimate(float(value), float(low), float(high), *_origins(rows))


def _origins(rows: pd.DataFrame) -> tuple[int, str]:
    """Return the number of forecast origins of all series, and what was counted."""
    most = rows.groupby("series")["n"].max()
    return int(most.sum()), f"forecast origins of {len(most)} series"


def rows_of(tables: Tables, series: str | list[str], horizon: int | list[int] | None) -> pd.DataFrame:
    """Return the rows of `series` and `horizon` in the table of skill."""
    if not series:
        raise Undecided("this run forecasts no series of this kind")
    return pick(tables.read(SKILL), SKILL, series=series, horizon=horizon)
