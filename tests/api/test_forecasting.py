"""Forecasts from Python: what a user holds goes in, a table comes out."""

import numpy as np
import pandas as pd
import pytest

from koopflow.api.forecasting import Gated, Sliding, evaluate, forecast
from koopflow.core.errors import KoopflowError


@pytest.fixture(scope="module")
def months():
    stamps = pd.date_range("2000-01-01", periods=160, freq="MS")
    noise = np.random.default_rng(0).normal(0, 0.2, 160)
    return pd.Series(50 + np.sin(2 * np.pi * np.arange(160) / 12) + noise, index=stamps, name="sales")


def last_value(values, origins, horizon):
    return np.repeat(values[origins][:, None], horizon, axis=1)


def test_everything_that_holds_a_series_gives_the_same_forecast(months):
    by_month = forecast(months, horizon=3, forecaster="sliding", period=12)
    assert by_month.columns.tolist() == ["step", "time", "prediction", "low", "high"]
    assert by_month["time"].tolist() == pd.date_range("2013-05-01", periods=3, freq="MS").tolist()
    assert (by_month["low"] < by_month["prediction"]).all()
    assert (by_month["prediction"] < by_month["high"]).all()
    held = [
        months.sample(frac=1, random_state=1),
        months.to_frame(),
        months.rename_axis("when").reset_index(),
        months.rename_axis("ds").reset_index().astype({"ds": str}),
        months.set_axis(months.index.to_period("M")),
        months.set_axis(months.index.tz_localize("UTC")),
    ]
    for each in held:
        pd.testing.assert_frame_equal(forecast(each, horizon=3, forecaster="sliding", period=12), by_month)
    for plain in (months.to_numpy(), months.tolist(), months.to_numpy()[:, None]):
        table = forecast(plain, horizon=3, forecaster=Sliding(), period=12)
        assert table["prediction"].equals(by_month["prediction"])
        assert table["time"].tolist() == [160, 161, 162]


def test_the_default_is_the_gated_forecaster(months):
    table = forecast(months, horizon=4, period=12)
    pd.testing.assert_frame_equal(table, forecast(months, horizon=4, forecaster=Gated(), period=12))


def test_forecasters_are_compared_on_the_same_origins(months):
    table = evaluate(months, [Sliding(window=24), last_value, "ets"], horizon=2, period=12, every=4)
    assert table["method"].tolist() == ["Sliding(window=24)", "last_value", "ets"] * 2
    assert table["n"].groupby(table["horizon"]).nunique().tolist() == [1, 1]
    assert (table[["ci_low", "ci_high"]].diff(axis=1)["ci_high"] >= 0).all()
    truth, held = months.to_numpy()[1:], months.to_numpy()[:-1]
    origins = [origin for origin in [*range(64, 160, 4)] if origin < 159]
    own = table[(table["method"] == "last_value") & (table["horizon"] == 1)].iloc[0]
    assert own["n"] == len(origins)
    assert own["mae"] == pytest.approx(np.abs(truth - held)[origins].mean())


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (["a", "b"], "all values must be numbers"),
        (np.zeros((30, 2)), r"shape \(time,\) \(got \(30, 2\)\)"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}), r"one column of values \(got a, b\)"),
        (pd.DataFrame({"time": ["2020-01-01", "soon"], "b": [1.0, 2.0]}), "must hold times \\(got 'soon'\\)"),
        (pd.Series([1.0, 2.0], index=pd.DatetimeIndex(["2020-01-01", "2020-01-01"])), "times must be unique"),
        (np.ones(200), "constant"),
        (np.arange(40.0) % 7, "must have at least 120 samples for horizon: 12"),
    ],
)
def test_what_cannot_be_forecast_is_said_in_one_line(series, message):
    with pytest.raises(KoopflowError, match=message):
        forecast(series)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "forecast.horizon"),
        ({"period": 0}, r"period must be at least 1 \(got 0\)"),
        ({"coverage": 90}, r"coverage must be strictly between 0 and 1 \(got 90\)"),
        ({"forecaster": "gatd"}, "did you mean gated"),
    ],
)
def test_options_out_of_range_are_named(months, options, message):
    with pytest.raises(KoopflowError, match=message):
        forecast(months, **{"horizon": 3, **options})


def test_one_forecaster_needs_no_list(months):
    table = evaluate(months, "drift", horizon=np.int64(2), period=12, every=8)
    assert set(table["method"]) == {"drift"}
    with pytest.raises(KoopflowError, match="forecasters must not be empty"):
        evaluate(months, [])


def test_a_forecaster_is_given_once(months):
    with pytest.raises(KoopflowError, match="forecasters must be unique"):
        evaluate(months, [Gated(), Gated()])
