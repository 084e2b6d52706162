"""Classical models, a regression and boosted trees as methods of their own."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from koopflow.config.series import SeriesSettings
from koopflow.data.series.held import as_series
from koopflow.forecast.classical import smoothed, smoothing
from koopflow.forecast.company import experts
from koopflow.forecast.company.methods import OfCompany
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import GateSettings, WindowSettings
from koopflow.forecast.protocol import FittedWindows, named

METHODS = {
    "airline": "airline",
    "mstl": "seasonal_decomposition",
    "regression": "regression",
    "boosting": "boosting",
}


@pytest.fixture(scope="module")
def months() -> np.ndarray:
    time = np.arange(150)
    return 50 + 0.1 * time + 8 * np.sin(2 * np.pi * time / 12) + np.random.default_rng(0).standard_normal(150)


def test_each_method_forecasts_as_its_expert_in_a_gate(months):
    memory = EpisodicKoopman(
        WindowSettings(48, 12, 4), 4, gate=GateSettings(experts=("persistence", *METHODS.values()), period=12)
    ).fit(months)
    origins = np.array([47, 60, 110, 149])
    for place, name in enumerate(METHODS, 1):
        alone = named(name, window=48, period=12).forecast(months, origins, 4)
        # forecasts in a gate stay within half of the series' range around it, and these do
        assert np.allclose(alone, memory._experts.view[origins - 47, place, :, 0]), name


def test_mstl_smooths_a_series_without_a_season_as_it_is():
    walk = np.cumsum(np.random.default_rng(0).standard_normal(90))
    origins = np.array([59, 65])
    found = named("mstl", window=60, period=1).forecast(walk, origins, 3)
    assert np.allclose(found, smoothed(smoothing(walk[:60], 1), walk[:66], origins, 3))


def test_estimates_are_shared_with_other_methods_of_the_series(months, monkeypatch):
    made = []
    fitted = experts.airline_model.fitted
    monkeypatch.setattr(experts.airline_model, "fitted", lambda *a: made.append(len(a[0])) or fitted(*a))
    store = FittedWindows()
    model = named("airline", window=48, period=12, fitted=store)
    for _ in range(2):
        model.forecast(months, np.arange(47, 100), 4)
    assert made == [48, 72]


def test_a_regressor_counts_for_a_method_alone():
    price = np.random.default_rng(1).standard_normal(163)
    values = np.append(np.random.default_rng(2).standard_normal(160) + 5 * price[:160], [np.nan] * 3)
    series = as_series(pd.DataFrame({"y": values, "price": price}), regressors=["price"], period=1)
    methods = {name: named(name) for name in ("regression", "airline")}
    found = evaluate(series, SeriesSettings(horizon=3, window=40), methods).predictions
    errors = (found["prediction"] - found["truth"]).abs().groupby(found["method"]).mean()
    assert errors["regression"] < 0.5 * errors["airline"]


def test_a_method_of_company_is_an_estimator_that_is_updated(months, tmp_path):
    model: OfCompany = named("airline").fit(months[:140], horizon=3)
    model.save(tmp_path / "model.npz")
    loaded = type(model).load(tmp_path / "model.npz")
    for each in (model, loaded):
        each.update(months[140:])
    pd.testing.assert_frame_equal(model.predict(), loaded.predict(), check_exact=True)
    whole = kf.forecast(months, 3, forecaster="airline")
    assert whole["prediction"].tolist() == pytest.approx(model.predict()["prediction"].tolist(), rel=0.01)
