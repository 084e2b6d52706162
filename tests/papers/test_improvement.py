"""Improvement in percent: its formula, its interval, its figure; and the series that each figure shows."""

import numpy as np
import pandas as pd

from koopflow.figures.papers_memory import plot_improvement
from koopflow.io.columns import FORECAST_SKILL
from koopflow.papers.improvement import improvements, percent
from koopflow.studies.papers import plan
from tests.studies.plans import resolved


def skill() -> pd.DataFrame:
    rows = [
        ("wave", method, horizon, 50, 1.0, 1.0, 1.0, value, value - 0.1, value + 0.1)
        for method, value in (("sliding", 0.0), ("episodic", 0.5), ("episodic_paper", 0.2))
        for horizon in (1, 5)
    ]
    return pd.DataFrame(rows, columns=list(FORECAST_SKILL))


def test_improvement_is_taken_of_the_error_with_memory():
    """e_sliding = 2 and e_memory = 1: the skill is 0.5, the improvement 100 %."""
    np.testing.assert_allclose(percent(pd.Series([1 - 1 / 2, 1 - 4 / 2, 0.87])), [100, -50, 669.23], rtol=1e-4)


def test_only_memory_has_an_improvement_and_its_interval_is_that_of_the_skill():
    found = improvements(skill())
    assert found["horizon"].tolist() == [1, 5, 1, 5]
    np.testing.assert_allclose(found[["improvement", "ci_low", "ci_high"]].iloc[0], [100, 100 * 0.4 / 0.6, 150])
    panel = plot_improvement(found, ["wave"]).axes[0]
    assert "n = 50" in panel.get_title(loc="left") + panel.get_title()  # the house style puts titles to the left


def test_each_figure_shows_its_own_series():
    series = {"flu": {"source": "influenza"}, "bikes": {"source": "bike_share_daily"}, "mine": {"source": "jump"}}
    parts = {part.name: list(part.names) for part in plan(resolved({"series": series})).memory()}
    assert parts == {"forecast": ["mine"], "influenza": ["flu"], "bike_share": ["bikes"]}
    assert (
        plan(
            resolved({"forecast": {"methods": ["persistence", "sliding"]}, "series": {"mine": {"source": "jump"}}})
        ).memory()
        == []
    )
