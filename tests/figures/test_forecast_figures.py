"""Figures of forecasts: dates on axes, and the level of every band in the legend."""

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest

from koopflow.figures import forecast, futures, many_series, style
from koopflow.io.columns import FORECAST_QUANTILES

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)


@pytest.fixture
def drawn():
    """The figure of a monthly series whose best baseline is ets."""
    style.use()
    time = pd.date_range("2010-01-01", periods=100, freq="MS").to_numpy()
    later = pd.date_range(time[-1], periods=4, freq="MS")[1:].to_numpy()
    rows = [
        ("sales", method, "2018-04-01", step, level, level + place)
        for place, method in enumerate(("gated", "ets", "drift"))
        for step in (1, 2, 3)
        for level in LEVELS
    ]
    skill = pd.DataFrame({"method": ["gated", "ets", "drift"], "mae": [0.5, 1.0, 2.0], "horizon": 1})
    choices = forecast.Choices(early=40, window=12, horizon=3, label="value", step="month")
    quantiles = pd.DataFrame(rows, columns=list(FORECAST_QUANTILES))
    return futures.future(quantiles, skill, np.linspace(0, 1, 100), (time, later), choices, ["ets", "drift"])


def test_the_future_has_dates_named_levels_and_the_strongest_baseline(drawn):
    (ax,) = drawn.axes
    assert isinstance(ax.xaxis.get_major_formatter(), mdates.ConciseDateFormatter)
    assert ax.get_xlim()[1] > mdates.date2num(np.datetime64("2018-07-01"))
    texts = ax.get_legend_handles_labels()[1]
    assert [text for text in texts if "%" in text] == ["95 % interval", "80 % interval", "50 % interval"]
    assert texts[-1] == "ETS (strongest baseline)"


def test_the_strongest_baseline_is_the_one_with_the_smallest_error():
    skill = pd.DataFrame({"method": ["gated", "ets", "drift", "ets"], "mae": [0.1, 3.0, 1.5, 1.0]})
    assert futures.strongest(skill, ["ets", "drift"]) == "drift"
    assert futures.strongest(skill, ["arima"]) is None


def test_series_of_one_file_are_drawn_from_the_best_to_the_worst():
    style.use()
    names = [f"shop {place}" for place in range(9)]
    rows = [(name, "gated", "2018", step, level, level) for name in names for step in (1, 2) for level in LEVELS]
    quantiles = pd.DataFrame(rows, columns=list(FORECAST_QUANTILES))
    errors = [0.9, 0.1, 0.5, 0.3, 0.2, 0.4, 0.8, 0.7, 0.6]
    skill = pd.DataFrame({"series": names, "method": "gated", "mase": errors})
    origins = [(name, "gated", origin, step, 1.0, 2.0) for name in names for origin in range(50, 70) for step in (1, 2)]
    predictions = pd.DataFrame(origins, columns=["series", "method", "origin", "horizon", "prediction", "truth"])
    choices = forecast.Choices(early=40, window=12, horizon=2, label="value", step="month")
    figure = futures.several(quantiles, predictions, skill, choices, "shops")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0] == "Shop 1: scaled error 0.10"
    assert titles[-1] == "Shop 0: scaled error 0.90"
    assert len(titles) == 6
    assert figure.get_suptitle() == "Shops: 6 of 9 series, from the smallest to the largest error"


@pytest.fixture
def scored():
    """Skill of twelve series of one file, whose errors are half of the sliding method's to twice
    these, and of one series beside."""
    ratios = np.geomspace(0.5, 2.0, 12)
    rows = [
        (f"shop {place}", method, step, 30, error, error, 1 - error, 1 - error / 2)
        for place, ratio in enumerate(ratios)
        for step in (1, 2)
        for method, error in (("sliding", 1.0), ("gated", ratio), ("persistence", 2.0))
    ]
    rows += [("nile", method, 1, 59, 7.0, 1.0, 0.0, 0.0) for method in ("sliding", "gated", "persistence")]
    columns = ["series", "method", "horizon", "n", "mae", "mase", "skill_vs_sliding", "skill_vs_naive"]
    ends = dict.fromkeys(["mae_ci_low", "mae_ci_high", "ci_low", "ci_high", "naive_ci_low", "naive_ci_high"], 0.0)
    return pd.DataFrame(rows, columns=columns).assign(kind="real", group="all", **ends)


def test_many_series_of_one_file_count_as_their_mean_with_an_interval(scored):
    entries = {"shops": [f"shop {place}" for place in range(12)], "nile": ["nile"]}
    found = many_series.summarized(scored, entries).set_index(["series", "method", "horizon"])
    gated = found.loc["shops", "gated", 1]
    assert np.isclose(gated["skill_vs_sliding"], 0.0)  # the geometric mean of the ratios is 1
    assert gated["ci_low"] < -0.15 < 0.15 < gated["ci_high"]
    assert np.isclose(gated["mae"], np.geomspace(0.5, 2.0, 12).mean())
    assert gated["mae_ci_low"] < gated["mae"] < gated["mae_ci_high"]
    assert found.loc["shops", "persistence", 2]["ci_low"] == found.loc["shops", "persistence", 2]["ci_high"] == -1.0
    assert found["n"].to_dict()["shops", "gated", 1] == 12
    assert found.loc["nile", "gated", 1]["mae"] == 7.0


def test_figures_of_many_series_say_how_many_they_show(scored):
    style.use()
    entries = {"shops": [f"shop {place}" for place in range(12)], "nile": ["nile"]}
    means = many_series.summarized(scored, entries)
    panels = forecast.errors(means, list(entries)).axes
    assert panels[0].get_title(loc="left").startswith("Shops, n = 12 series")
    assert panels[0].get_ylabel() == "scaled error (MASE)"
    assert panels[1].get_title(loc="left").startswith("Nile, n = 59\n")
    names = [text.get_text() for text in forecast.skill_table(means).axes[0].get_xticklabels()]
    assert names == ["Shops (12 series)", "Nile"]
    compared = many_series.compared(scored[scored["series"] != "nile"], "shops")
    assert compared.get_suptitle() == "Shops: all 12 series, each a tick"
    assert any(len(line.get_xdata()) == 12 for line in compared.axes[0].lines)


def test_the_skill_on_one_series_is_drawn_with_its_intervals(scored):
    style.use()
    own = scored[scored["series"] == "nile"]
    (ax,) = forecast.skill_table(own).axes
    means = own.groupby("method")[["skill_vs_sliding", "ci_low", "ci_high"]].mean()
    bars = {bar[0].get_xdata()[0]: bar[2][0].get_segments()[0][:, 0] for bar in ax.containers}
    for _, row in means.dropna().iterrows():
        middle = min(bars, key=lambda at: abs(at - row["skill_vs_sliding"]))
        assert middle == pytest.approx(row["skill_vs_sliding"])
        assert bars[middle] == pytest.approx([row["ci_low"], row["ci_high"]])
    assert [text.get_text() for text in ax.texts] == ["n = 59 origins; bars: 95 % intervals"]
    many = many_series.summarized(scored[scored["series"] != "nile"], {"shops": [f"shop {n}" for n in range(12)]})
    assert "12 series" in forecast.skill_table(many).axes[0].texts[0].get_text()
