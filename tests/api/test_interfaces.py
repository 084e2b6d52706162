"""Forecasters as models of statsforecast and sktime: the calls that their evaluations make, without them.

The loops here make the calls of ``GroupedArray.cross_validation`` and ``forecast`` in statsforecast 2.1, and
of ``evaluate`` in sktime 1.2.
"""

import inspect

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from koopflow.core.errors import KoopflowError


@pytest.fixture(scope="module")
def months() -> pd.Series:
    stamps = pd.date_range("2000-01-01", periods=150, freq="MS")
    noise = np.random.default_rng(0).normal(0, 0.2, 150)
    return pd.Series(50 + np.sin(2 * np.pi * np.arange(150) / 12) + noise, index=stamps, name="sales")


@pytest.fixture
def model() -> kf.StatsForecastModel:
    return kf.StatsForecastModel(kf.Sliding(), season_length=12, alias="own")


CUTS = (125, 135)
"""Samples known at two windows; the options that are chosen on the first 40 % differ between them."""


def cross_validated(model, values, h, level, refit):
    """Return the forecasts (window, h, mean and ends) that statsforecast's cross-validation makes."""
    assert "level" in inspect.signature(model.forecast).parameters
    rows, fitted = [], None
    for cut in CUTS:
        past = values[:cut]
        options = {"h": h, "y": past, "X": None, "X_future": None, "fitted": True, "level": level}
        if refit:
            found = model.forecast(**options)
        else:
            fitted = fitted or model.fit(y=past, X=None)
            found = fitted.forward(**options)
        assert len(found["fitted"]) == len(past)
        columns = [key for key in found if key.startswith(("mean", "lo", "hi"))]
        assert columns == ["mean", *[f"{end}-{each}" for each in level for end in ("lo", "hi")]]
        rows.append(np.vstack([found[key] for key in columns]).T)
    return np.stack(rows)


def test_a_cross_validation_of_statsforecast_gives_the_forecasts_of_each_window(model, months):
    values = months.to_numpy()
    again = cross_validated(model, values, 3, [80, 95], refit=True)
    once = cross_validated(model, values, 3, [80, 95], refit=False)
    for place, cut in enumerate(CUTS):
        own = kf.forecast(values[:cut], 3, forecaster="sliding", period=12, levels=[80, 95])
        assert np.array_equal(again[place], own[["prediction", "low_80", "high_80", "low_95", "high_95"]])
    assert np.array_equal(once[0], again[0])
    kept = kf.Sliding().fit(values[:125], 3, period=12).update(values[125:135]).predict()
    assert np.array_equal(once[1][:, 0], kept["prediction"])
    assert not np.array_equal(once[1], again[1])


def test_a_model_of_statsforecast_keeps_the_options_of_its_fit_when_more_samples_come_first(model, months):
    values = months.to_numpy()
    kept = kf.Sliding().fit(values[:125], 3, period=12).update(values[125:135]).predict()
    assert np.array_equal(model.fit(y=values[:125], X=None).forward(values[:135], 3)["mean"], kept["prediction"])


def test_a_model_of_statsforecast_has_its_keys_and_fitted_values_with_intervals(model, months):
    values = months.to_numpy()
    found = model.forecast(y=values, h=3, X=None, X_future=None, level=[80], fitted=True)
    assert list(found) == ["mean", "lo-80", "hi-80", "fitted", "fitted-lo-80", "fitted-hi-80"]
    assert {found[name].shape for name in list(found)[3:]} == {(150,)}
    late = slice(100, None)
    assert np.abs(found["fitted"] - values)[late].mean() < np.abs(np.diff(values)).mean()
    inside = (found["fitted-lo-80"] < values) & (values < found["fitted-hi-80"])
    assert 0.6 < inside[late].mean() < 0.98
    assert (repr(model), model.uses_exog) == ("own", False)
    with pytest.raises(KoopflowError, match="own is not fitted; call fit first"):
        model.forward(values, 3)
    model.fit(values)
    with pytest.raises(KoopflowError, match="y must begin with the 150 fitted samples; fit again"):
        model.forward(values[:120], 3)


class Horizon:
    """What sktime passes as fh: steps that know their cutoff's calendar."""

    def __init__(self, steps):
        self.steps = pd.Index(steps)

    def to_relative(self, cutoff):
        return self.steps

    def to_absolute_index(self, cutoff):
        return pd.date_range(cutoff[0], periods=self.steps[-1] + 1, freq="MS")[self.steps]


def evaluated(forecaster, y, cuts, fh, strategy):
    """Return errors and coverage of each window, by the calls of sktime's ``evaluate``."""
    rows = []
    for place, cut in enumerate(cuts):
        train, test = y[:cut], y[cut : cut + len(fh.steps)]
        if place == 0 or strategy == "refit":
            forecaster = forecaster.clone()
            forecaster.fit(y=train, X=None, fh=fh)
        else:
            forecaster.update(y=train, X=None, update_params=strategy == "update")
        found = forecaster.predict(fh=fh, X=None)
        ends = forecaster.predict_interval(fh=fh, X=None, coverage=[0.8])
        pinball = forecaster.predict_quantiles(fh=fh, X=None, alpha=[0.1, 0.5])
        assert found.index.equals(test.index)
        assert found.name == "sales"
        assert ends.columns.tolist() == [("sales", 0.8, "lower"), ("sales", 0.8, "upper")]
        assert np.allclose(pinball["sales", 0.1], ends["sales", 0.8, "lower"])
        assert np.array_equal(pinball["sales", 0.5], found)
        assert forecaster.cutoff.equals(train.index[-1:])
        rows.append(found.to_numpy())
    return np.stack(rows)


@pytest.mark.parametrize("strategy", ["refit", "update", "no-update_params"])
def test_an_evaluation_of_sktime_gives_the_forecasts_of_each_window(months, strategy):
    forecaster = kf.SktimeForecaster(kf.Sliding(), sp=12)
    found = evaluated(forecaster, months, CUTS, Horizon([1, 2, 3]), strategy)
    first = kf.Sliding().fit(months[:125], 3, period=12)
    assert np.array_equal(found[0], first.predict()["prediction"])
    kept = strategy == "no-update_params"
    second = first.update(months[125:135]) if kept else kf.Sliding().fit(months[:135], 3, period=12)
    assert np.array_equal(found[1], second.predict()["prediction"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda y: y.set_axis(y.index.to_period("M")), pd.period_range("2012-07", periods=2, freq="M")),
        (lambda y: y, pd.date_range("2012-07-01", periods=2, freq="MS")),
        (lambda y: y.reset_index(drop=True), pd.Index([150, 151])),
        (lambda y: y.to_frame(), pd.date_range("2012-07-01", periods=2, freq="MS")),
    ],
    ids=["periods", "stamps", "counts", "table"],
)
def test_forecasts_continue_the_index_of_a_series(months, change, expected):
    found = kf.SktimeForecaster("persistence", sp=12).fit(change(months), fh=2).predict(fh=[1, 2])
    assert found.index.equals(expected)
    assert found.to_numpy().tolist() == [months.iloc[-1]] * 2


def test_options_of_a_forecaster_for_sktime_are_read_changed_and_cloned(months):
    model = kf.SktimeForecaster(kf.Sliding(), sp=12)
    assert model.get_params()["forecaster__window"] is None
    other = model.clone().set_params(forecaster__window=30, sp=6)
    assert (other.forecaster.window, other.sp, model.forecaster.window, model.sp) == (30, 6, None, 12)
    assert (model.get_tag("capability:pred_int"), model.get_tag("none", 5)) == (True, 5)
    assert not model.is_fitted
    assert model.fit(months).is_fitted
    for call, message in [
        (lambda: model.predict(), "fh must be given to fit or predict"),
        (lambda: model.predict([0, 1]), r"fh must be steps after the last sample, 1 or more \(got \[0, 1\]\)"),
        (lambda: model.predict([1.5]), r"fh must be steps after the last sample, 1 or more \(got \[1.5\]\)"),
        (lambda: model.predict_interval([1], coverage=1.0), r"^coverage must be strictly between 0 and 1 \(got 1.0\)"),
        (lambda: model.fit(pd.concat([months, months], axis=1)), r"one series \(got 2 columns\)"),
        (lambda: model.set_params(spp=1), r"options are forecaster, sp, .* \(got 'spp'\)"),
        (lambda: model.reset().predict([1]), "is not fitted; call fit first"),
    ]:
        with pytest.raises(KoopflowError, match=message):
            call()
