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
