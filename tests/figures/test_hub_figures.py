"""Figures of hubs: every model and series in its place."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from koopflow.figures import hub as draw
from koopflow.figures import style

DATES = pd.date_range("2024-12-07", periods=6, freq="7D")
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


@pytest.fixture(autouse=True)
def the_style_of_the_figures():
    style.use()


def quantiles(model, targets=("beds",), locations=("north", "south", "all")):
    keys = pd.MultiIndex.from_product(
        [[model], DATES, targets, locations, range(4), LEVELS],
        names=["model", "reference_date", "target", "location", "horizon", "quantile"],
    )
    frame = keys.to_frame(index=False)
    return frame.assign(value=10 + 5 * frame["quantile"] + frame["horizon"])


def test_the_leaderboard_has_a_row_for_each_model_and_a_panel_for_each_target():
    rows = [
        ("hub", target, model, 9, 1.0, 1.0, 0.5, 0.8, 0.9, 0.95, ratio, "theirs", 9, ratio, 0.9 * ratio, 1.1 * ratio)
        for target in ("all", "beds")
        for model, ratio in (("koopflow-panel", 0.7), ("theirs", 1.0), ("others", 1.4))
    ]
    columns = ["hub", "target", "model", "n", "wis", "mae", "coverage_50", "coverage_80", "coverage_90", "coverage_95"]
    columns += ["relative_skill", "reference", "n_shared", "ratio", "ci_low", "ci_high"]
    figure = draw.leaderboard(pd.DataFrame(rows, columns=columns), "koopflow")
    assert [ax.get_title("left") for ax in figure.axes] == ["all targets", "beds"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["others", "theirs", "koopflow-panel"]
    plt.close(figure)


def test_fans_show_the_smoothest_series_with_final_values_and_the_reference():
    time = pd.date_range("2024-10-05", periods=20, freq="7D")
    rough = {"north": 5.0, "south": 2.0, "all": 0.1}
    wiggle = np.where(np.arange(20) % 2, 1.0, -1.0)
    truth = pd.concat(
        [
            pd.DataFrame({"time": time, "location": name, "target": "beds", "value": 12 + size * wiggle})
            for name, size in rough.items()
        ]
    )
    figure = draw.fans(quantiles("mine"), truth, "mine", quantiles("theirs"), "theirs", apart=3)
    assert [ax.get_title("left") for ax in figure.axes if ax.get_visible()] == ["beds, all", "beds, south"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["95 % interval", "80 % interval", "50 % interval", "median", "median of theirs", "final value"]
    plt.close(figure)
