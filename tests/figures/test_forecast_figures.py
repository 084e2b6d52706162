"""Figures of forecasts: dates on axes, and the level of every band in the legend."""

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest

from koopflow.figures import forecast, futures, style
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
