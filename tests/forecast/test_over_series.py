"""Methods compared over series: each group of series counts once."""

import numpy as np
import pandas as pd
import pytest

from koopflow.claims.estimate import Undecided
from koopflow.claims.series import skill_over_series
from koopflow.claims.tables import Tables
from koopflow.core.intervals import sign_flip
from koopflow.forecast.over_series import over_series, paired


def skill(ratios: dict[str, float], groups: dict[str, str] | None = None) -> pd.DataFrame:
    """Return a table in which `gated` has `ratios` of sliding's error; the units of series differ."""
    rows = []
    for place, (series, ratio) in enumerate(ratios.items()):
        for horizon in (1, 2):
            error = 10.0**place * horizon
            errors = {"sliding": error, "gated": ratio * error, "persistence": 2 * error, "seasonal_naive": 4 * error}
            errors["seasonal_naive"] = 0.5 * error if place == 0 else errors["seasonal_naive"]
            rows += [
                {"series": series, "horizon": horizon, "method": method, "mae": mae, "n": 9}
                for method, mae in errors.items()
            ]
    frame = pd.DataFrame(rows).assign(kind="real")
    return frame.assign(group=frame["series"].map(lambda name: (groups or {}).get(name, name)))


RATIOS = {f"s{number}": ratio for number, ratio in enumerate([0.5, 0.8, 0.9, 0.7, 1.1, 0.95, 0.6])}


def test_the_ratio_is_the_geometric_mean_with_the_interval_of_sign_flips():
    row = over_series(skill(RATIOS)).query("method == 'gated' and reference == 'sliding'").iloc[0]
    mean, low, high, p = sign_flip(np.log(list(RATIOS.values())))
    assert row[["ratio", "ci_low", "ci_high"]].tolist() == pytest.approx(np.exp([mean, low, high]).tolist())
    assert (row["p_sign_flip"], row["series"], row["groups"], row["better"]) == (pytest.approx(p), 7, 7, 6)


def test_the_series_of_a_group_count_once():
    found = paired(skill(RATIOS, {"s1": "bikes", "s2": "bikes"}), "gated", ["sliding"])
    assert (len(found.ratios), found.series) == (6, 7)
    assert found.ratios["bikes"] == pytest.approx(np.sqrt(0.8 * 0.9))


def test_the_best_of_several_references_counts_on_each_series():
    found = paired(skill({"s0": 1.0, "s1": 1.0}), "gated", ["persistence", "seasonal_naive"])
    assert found.ratios.tolist() == pytest.approx([2.0, 0.5])


def test_kinds_are_compared_apart_and_too_few_have_no_interval():
    real, other = skill(RATIOS), skill({"a": 0.5, "b": 0.6}).assign(kind="synthetic")
    table = over_series(pd.concat([real, other])).query("method == 'gated' and reference == 'sliding'")
    assert dict(zip(table["kind"], table["groups"])) == {"real": 7, "synthetic": 2}
    assert np.isnan(table.set_index("kind").loc["synthetic", "ci_low"])


def test_a_claim_over_series_counts_groups():
    tables = Tables(given={"forecast/skill.csv": skill(RATIOS, {"s1": "bikes", "s2": "bikes"})})
    names = list(RATIOS)
    found = skill_over_series(tables, 0.95, series=names)
    assert (found.n, found.unit) == (6, "groups of 7 series")
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(1 - np.prod([0.5, np.sqrt(0.8 * 0.9), 0.7, 1.1, 0.95, 0.6]) ** (1 / 6))
    with pytest.raises(Undecided, match="5 independent series"):
        skill_over_series(tables, 0.95, series=names[:6])
    with pytest.raises(Undecided, match="0 independent series"):
        skill_over_series(tables, 0.95, series=names, method="absent")
