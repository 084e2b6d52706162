"""Measures on Koopman forecasting with episodic memory (arXiv 2311.12615)."""

import numpy as np
import pandas as pd

from koopflow.claims.estimate import Estimate, Tables, Undecided, pick
from koopflow.claims.measures import measure

SKILL = "forecast/skill.csv"


def _rows(tables: Tables, series, horizon):
    if not series:
        raise Undecided("this run forecasts no series of this kind")
    frame = tables.read(SKILL)
    return pick(frame, SKILL, series=series, horizon=horizon)


@measure("error taken off the sliding forecast by memory, as a share of the sliding forecast's mean absolute error")
def skill_over_sliding(tables: Tables, level: float, series: list, method: str = "gated", horizon: list | None = None) -> Estimate:
    """Return 1 − MAE/MAE_sliding averaged over `series` and horizons.

    The ends of the single intervals are averaged too, which holds whatever the dependence between series and horizons;
    n is the number
    of forecast origins of all series.
    """
    rows = pick(_rows(tables, series, horizon), SKILL, method=method)
    rows = rows[np.isfinite(rows["skill_vs_sliding"]) & np.isfinite(rows["ci_low"]) & np.isfinite(rows["ci_high"])]
    if rows.empty:
        raise Undecided(f"{SKILL} has no finite skill of {method} for these series")
    mean = rows.groupby("series")[["skill_vs_sliding", "ci_low", "ci_high"]].mean().mean()
    n = int(rows.groupby("series")["n"].max().sum())
    return Estimate(float(mean["skill_vs_sliding"]), float(mean["ci_low"]), float(mean["ci_high"]), n, "forecast origins")


@measure("skill of memory minus skill of the strongest simple method, both against the sliding forecast")
def skill_over_best_baseline(
    tables: Tables, level: float, series: list, against: list, method: str = "gated", horizon: list | None = None
) -> Estimate:
    """Return the skill of `method` minus that of the best of `against`, per series and horizon, averaged over them.

    The best is chosen by its error on the same origins, which favours the baselines. The interval adds the widths of both, as if they
    were wholly dependent in the unfavourable way.
    """
    rows = _rows(tables, series, horizon)
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
    found = found[np.isfinite(found[["value", "low", "high"]]).all(axis=1)]
    if found.empty:
        raise Undecided(f"{SKILL} has none of {', '.join(against)} beside {method} for these series")
    mean = found.groupby("series")[["value", "low", "high"]].mean().mean()
    n = int(found.groupby("series")["n"].max().sum())
    return Estimate(float(mean["value"]), float(mean["low"]), float(mean["high"]), n, "forecast origins")
