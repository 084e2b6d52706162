"""Errors of methods compared over series: each series, or group of related series, counts once.

Origins along one series are many but say nothing about other series. Here the unit is the series:
the logarithm of a method's error over that of a reference, paired on each series, with the
sign-flip test and its interval (`koopflow.core.intervals.sign_flip`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from koopflow.core.intervals import sign_flip
from koopflow.forecast.skill import NAIVE, WITHOUT_RECALL
from koopflow.io.columns import FORECAST_OVER_SERIES

REFERENCES = {"sliding": ("sliding",), "naive": NAIVE, WITHOUT_RECALL: (WITHOUT_RECALL,)}
"""The methods behind each reference; of several, the best on each series."""
RECALLING = "gated"
FEWEST = 6
"""Fewest groups that can give an interval of 95 %."""


@dataclass(frozen=True)
class Paired:
    """Errors of a method over those of a reference, by group.

    Attributes
    ----------
    ratios : Series of float
        Geometric mean, over steps ahead and the group's series, of the ratio of mean absolute
        errors; the index has the names of the groups.
    series : int
        Number of series in all groups.
    """

    ratios: "pd.Series[float]"
    series: int


def paired(skill: pd.DataFrame, method: str, references: Sequence[str]) -> Paired:
    """Return the errors of `method` over those of the best of `references` on each series.

    Parameters
    ----------
    skill : DataFrame
        `koopflow.io.columns.FORECAST_SKILL`, and optionally group: the series that count as one. A
        missing group is the series itself.
    method : str
    references : sequence of str
        If there are several, that with the smallest error (geometric mean over steps ahead) counts on
        each series. It is chosen on the scored origins, which favours the references.

    Notes
    -----
    Steps ahead at which a method has no error, or an error of 0, are left out.
    """
    positive = skill[np.isfinite(skill["mae"]) & (skill["mae"] > 0)]
    logs = np.log(positive.pivot_table(index=["series", "horizon"], columns="method", values="mae"))
    present = [name for name in references if name in logs]
    if method not in logs or not present:
        return Paired(pd.Series(dtype=float), 0)
    logs = logs[list(dict.fromkeys([method, *present]))].dropna(subset=[method])
    means = logs[present].sub(logs[method], axis=0).groupby(level="series").mean()
    ratios = -means.min(axis=1).dropna()
    own = pd.Series(ratios.index, index=ratios.index)
    if "group" in skill:
        given = skill.drop_duplicates("series").set_index("series")["group"]
        own = given.reindex(ratios.index).replace("", np.nan).fillna(own)
    return Paired(np.exp(ratios.groupby(own).mean()), len(ratios))


def over_series(skill: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Return every method compared with the sliding forecast, the better naive forecast, and the
    same gate without recall, over the series of each kind.

    Parameters
    ----------
    skill : DataFrame
        `koopflow.io.columns.FORECAST_SKILL`, and optionally group (see `paired`) and kind ("real" or
        "synthetic"; kinds are compared apart).
    level : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        Columns `koopflow.io.columns.FORECAST_OVER_SERIES`: kind, method, reference, series (their
        number), groups (that of independent groups), ratio (geometric mean over groups of the
        method's mean absolute error over the reference's), ci_low, ci_high and p_sign_flip of the
        sign-flip test, p_signed_rank of Wilcoxon's test, and better: the number of groups on which
        the method's error is the smaller one. The interval is NaN below `FEWEST` groups.
    """
    kinds = skill["kind"] if "kind" in skill else pd.Series("", index=skill.index)
    rows = []
    for kind, own in skill.groupby(kinds):
        for method in sorted(own["method"].unique()):
            for reference, names in REFERENCES.items():
                if method in names or (reference == WITHOUT_RECALL and method != RECALLING):
                    continue
                found = paired(own, method, names)
                if len(found.ratios):
                    rows.append({"kind": kind, "method": method, "reference": reference, **_tested(found, level)})
    return pd.DataFrame(rows, columns=list(FORECAST_OVER_SERIES))


def _tested(found: Paired, level: float) -> dict[str, float]:
    logs = np.log(found.ratios.to_numpy())
    mean, low, high, p = sign_flip(logs, level)
    ranked = float(stats.wilcoxon(logs).pvalue) if np.any(logs) else 1.0
    return {
        "series": found.series,
        "groups": len(logs),
        "ratio": float(np.exp(mean)),
        "ci_low": float(np.exp(low)),
        "ci_high": float(np.exp(high)),
        "p_sign_flip": p,
        "p_signed_rank": ranked,
        "better": int(np.sum(logs < 0)),
    }
