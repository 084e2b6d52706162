"""Improvement by episodic memory in percent, as the paper on it quotes it."""

import numpy as np
import pandas as pd

from koopflow.io.columns import IMPROVEMENT

MEMORY = ("episodic", "episodic_paper")
"""Forecasters with memory: with options chosen on the early stretch, and the paper's preset."""


def percent(skill: pd.Series) -> pd.Series:
    """Return (e_sliding - e_memory) / e_memory in percent, where skill = 1 - e_memory / e_sliding.

    >>> percent(pd.Series([0.5, -1.0])).tolist()
    [100.0, -50.0]
    """
    return 100 * skill / np.maximum(1 - skill, np.finfo(float).tiny)


def improvements(skill: pd.DataFrame) -> pd.DataFrame:
    """Return the improvement of episodic memory over sliding forecasts by series, horizon and
    forecaster, columns `IMPROVEMENT`.

    Improvement grows with skill, so the ends of its interval are those of the skill's.

    Parameters
    ----------
    skill : DataFrame
        Columns `FORECAST_SKILL`.
    """
    rows = skill[skill["method"].isin(MEMORY)]
    table = rows[["series", "method", "horizon", "n"]].assign(
        improvement=percent(rows["skill_vs_sliding"]),
        ci_low=percent(rows["ci_low"]),
        ci_high=percent(rows["ci_high"]),
        skill=rows["skill_vs_sliding"],
    )
    return table[list(IMPROVEMENT)].reset_index(drop=True)
