"""Many series of one file in the figures: all of them compared, and their means as one series."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from koopflow.core.seeds import rng
from koopflow.figures import over_series
from koopflow.figures.text import label
from koopflow.forecast import over_series as tests

SKILLS = {
    "skill_vs_sliding": ("ci_low", "ci_high"),
    "skill_vs_naive": ("naive_ci_low", "naive_ci_high"),
}
DRAWS = 1000
"""Draws of the bootstrap over series."""


def compared(skill: pd.DataFrame, name: str) -> Figure:
    """Draw the error of every method over that of each reference: a tick for each series, and their
    geometric mean with its interval.

    Parameters
    ----------
    skill : DataFrame
        Rows of these series of the table `forecast/skill.csv`. Each series counts once.
    name : str
        What the series have in common: their entry in the study.
    """
    own = skill.drop(columns="group", errors="ignore")
    figure = over_series.plot(own, tests.over_series(own))
    figure.suptitle(f"{label(name)}: all {own['series'].nunique()} series, each a tick")
    return figure


def summarized(skill: pd.DataFrame, entries: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the skill of the entries of a study, where many series of one file make one.

    Parameters
    ----------
    skill : DataFrame
        The table `forecast/skill.csv`.
    entries : mapping of str to sequence of str
        The series of each entry.

    Returns
    -------
    DataFrame
        The rows of entries with one series, under the entry's name, with counted: 1. Of many: n and
        counted (the number of series), the mean of their scaled errors (MASE) as mae, and skill from
        the geometric mean of their ratios of errors. Intervals come from a bootstrap over series.
    """
    parts = []
    for entry, names in entries.items():
        own = skill[skill["series"].isin(names)]
        parts.append(_mean(own, entry) if len(names) > 1 else own.assign(series=entry, counted=1))
    return pd.concat(parts, ignore_index=True)


def _mean(own: pd.DataFrame, entry: str) -> pd.DataFrame:
    """Return the rows of one entry with many series."""
    wide = own.pivot_table(index="series", columns=["method", "horizon"], values="mase", dropna=False)
    found = pd.DataFrame({"mae": wide.mean()})
    found["mae_ci_low"], found["mae_ci_high"] = _ends(wide.to_numpy())
    for column, ends in SKILLS.items():
        ratios = 1.0 - own.pivot_table(index="series", columns=["method", "horizon"], values=column, dropna=False)
        logs = np.log(ratios.where(ratios > 0).reindex(columns=wide.columns).to_numpy())
        found[column] = 1.0 - np.exp(pd.DataFrame(logs, columns=wide.columns).mean())
        high, low = _ends(logs)  # of logarithms of errors, the higher the worse
        found[ends[0]], found[ends[1]] = 1.0 - np.exp(low), 1.0 - np.exp(high)
    found["n"] = found["counted"] = len(wide)
    about = {"series": entry} | ({"kind": own["kind"].iloc[0]} if "kind" in own else {})
    return found.reset_index().assign(**about)


def _ends(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the 95 % interval of the mean over rows, (columns,) each; rows without a
    value do not count."""
    known, total = np.isfinite(values), len(values)
    counts = rng(0, "forecast", "series of one file").multinomial(total, np.full(total, 1 / total), DRAWS)
    weights = counts @ known
    means = counts @ np.where(known, values, 0.0) / np.where(weights > 0, weights, np.nan)
    low, high = np.nanquantile(np.where(known.any(axis=0), means, 0.0), [0.025, 0.975], axis=0)
    return np.where(known.any(axis=0), low, np.nan), np.where(known.any(axis=0), high, np.nan)
