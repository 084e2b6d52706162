"""Forecasters as objects: fitted, updated, cloned, pickled, saved."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.forecast.plain_methods import Ridge

OBJECTS = [kf.Sliding(), kf.Episodic(matches=2), kf.Gated(window=30)]


@pytest.fixture(scope="module")
def months():
    stamps = pd.date_range("2000-01-01", periods=170, freq="MS")
    noise = np.random.default_rng(0).normal(0, 0.2, 170)
    return pd.Series(50 + np.sin(2 * np.pi * np.arange(170) / 12) + noise, index=stamps, name="sales")


@pytest.fixture(scope="module", params=OBJECTS, ids=repr)
def fitted(request, months):
    return clone(request.param).fit(months[:160], horizon=4, period=12)


def test_predict_is_what_forecast_returns(fitted, months):
    levels, quantiles = [50, 90], [0.1, 0.5]
    table = fitted.predict(levels=levels, quantiles=quantiles)
    same = kf.forecast(months[:160], 4, forecaster=clone(fitted), period=12, levels=levels, quantiles=quantiles)
    pd.testing.assert_frame_equal(table, same)
    assert (np.diff(table[["low_90", "low_50", "prediction", "high_50", "high_90"]], axis=1) > 0).all()
    assert table["q0.5"].equals(table["prediction"])
    assert fitted.predict(2)["time"].tolist() == [pd.Timestamp("2013-05-01"), pd.Timestamp("2013-06-01")]
    assert (fitted.predict()["low"] == table["low_90"]).all()


def test_a_pickled_or_saved_forecaster_predicts_the_same_bits_and_goes_on(fitted, months, tmp_path):
    fitted.save(tmp_path / "model.npz")
    copies = [pickle.loads(pickle.dumps(fitted)), type(fitted).load(tmp_path / "model.npz")]
    for copy in copies:
        assert copy == fitted
        pd.testing.assert_frame_equal(copy.predict(levels=[80]), fitted.predict(levels=[80]))
    grown = [copy.update(months[160:165]).update(months[165:]).predict() for copy in copies]
    pd.testing.assert_frame_equal(grown[0], grown[1])
    assert grown[0]["time"].iloc[0] == pd.Timestamp("2014-03-01")


def test_updates_give_the_forecasts_of_the_whole_series_with_the_same_choices(fitted, months):
    copy = pickle.loads(pickle.dumps(fitted)).update(months[160:])
    state = copy.state_
    whole = type(state)(state.stretch, state.forecaster, np.empty((0, 4))).extended(state.stretch.series)
    assert len(whole.point) == len(state.point)
    assert np.allclose(whole.point, state.point, rtol=1e-9, equal_nan=True)
    assert np.isfinite(state.point[-60:]).all()
    assert fitted.state_.stretch.samples.shape == (160, 1)  # the copy's update leaves the original alone


def test_options_are_read_changed_and_cloned_as_in_scikit_learn(fitted):
    other = clone(fitted)
    assert other == fitted
    assert not other.__sklearn_is_fitted__()
    assert other.get_params() == fitted.get_params()
    assert other.set_params(window=33) is other
    assert other.window == 33
    with pytest.raises(KoopflowError, match=r"did you mean window"):
        other.set_params(windw=3)
    with pytest.raises(KoopflowError, match="is not fitted; call fit first"):
        other.predict()


def test_what_does_not_continue_the_series_or_is_out_of_range_is_said(fitted, months, tmp_path):
    for options, message in [
        ({"horizon": 5}, r"between 1 and 4, as fitted \(got 5\)"),
        ({"levels": [0.9, 100]}, r"strictly between 0 and 100 \(got 100\)"),
        ({"horizon": 2.5}, r"between 1 and 4, as fitted \(got 2.5\)"),
        ({"levels": 50}, r"levels must be a list, such as \[50, 90\] \(got 50\)"),
        ({"quantiles": [1.0]}, r"strictly between 0 and 1 \(got 1.0\)"),
    ]:
        with pytest.raises(KoopflowError, match=message):
            fitted.predict(**options)
    with pytest.raises(KoopflowError, match="must begin after"):
        fitted.update(months[150:])
    with pytest.raises(KoopflowError, match="must have dates"):
        fitted.update([1.0, 2.0])
    with pytest.raises(KoopflowError, match="is a folder; name a file in it"):
        fitted.save(tmp_path)
    fitted.save(tmp_path / "model.npz")
    with pytest.raises(KoopflowError, match=f"holds a {type(fitted).__name__}, not a Ridge"):
        Ridge.load(tmp_path / "model.npz")
