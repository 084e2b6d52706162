"""Forecasters as objects: what each sees, and what they share."""

import numpy as np
import pytest

from koopflow.config.series import SeriesSettings
from koopflow.data.series.loading import load, prepared
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.experts import COMPANY, RECALLING, expert_names
from koopflow.forecast.methods import Episodic, Gated, GatedWithoutRecall, Sliding
from koopflow.forecast.plain_methods import Drift, Persistence, Ridge, SeasonalNaive
from koopflow.forecast.protocol import FittedWindows, Recalling, all_named
from koopflow.forecast.skill import skill_table
from koopflow.koopman.windows import fit_windows

WAVE = np.cos(2 * np.pi * np.arange(160) / 10) + 0.1 * np.random.default_rng(0).standard_normal(160)


def test_plain_forecasters_are_what_their_names_say():
    values, origins = np.arange(20.0) ** 2, np.array([9, 15])
    assert Persistence().forecast(values, origins, 2).tolist() == [[81, 81], [225, 225]]
    assert SeasonalNaive(period=4).forecast(values, origins, 5)[0].tolist() == [36, 49, 64, 81, 36]
    assert np.allclose(Drift().forecast(values, origins, 2)[0], [90, 99])
    assert np.allclose(Drift(window=2).forecast(values, origins, 2)[0], [98, 115])


@pytest.mark.parametrize("forecaster", [Ridge(window=60, delays=8), Sliding(60, 8, 4), Episodic(60, 8, 4)])
def test_before_the_first_whole_window_there_is_no_forecast(forecaster):
    forecasts = forecaster.forecast(WAVE, np.array([40, 58, 59, 100]), 3)
    assert np.isnan(forecasts[:2]).all()
    assert np.isfinite(forecasts[2:]).all()


def test_window_models_are_fitted_once_and_only_for_their_series(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "koopflow.forecast.protocol.fit_windows", lambda *arguments: calls.append(arguments) or fit_windows(*arguments)
    )
    shared = FittedWindows()
    for forecaster in (
        Sliding(40, 8, 4, fitted=shared),
        Episodic(40, 8, 4, fitted=shared),
        Sliding(40, 8, 4, fitted=shared),
    ):
        forecaster.forecast(WAVE.copy(), np.array([80]), 3)
    assert len(calls) == 1
    other = Sliding(40, 8, 4, fitted=shared).forecast(-WAVE, np.array([80]), 3)
    assert len(calls) == 2
    assert np.allclose(other, -Sliding(40, 8, 4).forecast(WAVE, np.array([80]), 3))


def test_recollections_are_earlier_origins_whose_future_is_known():
    assert isinstance(Gated(), Recalling)
    assert not isinstance(Sliding(), Recalling)
    origins = np.array([100, 159])
    found = Episodic(40, 8, 4, matches=2).recall(WAVE, origins, 5)
    assert found.origins.shape == found.distances.shape == (2, 2)
    assert (found.origins + 5 <= origins[:, None]).all()
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_a_forecaster_that_writes_into_its_values_harms_no_other():
    class Careless:
        def forecast(self, values, origins, horizon):
            values[:] = 0.0
            return np.zeros((len(origins), horizon))

    series = prepared("wave", np.arange(160), WAVE.copy(), period=10)
    settings = SeriesSettings(horizon=3)
    alone = evaluate(series, settings, {"persistence": Persistence()}).predictions
    beside = evaluate(series, settings, {"careless": Careless(), "persistence": Persistence()}).predictions
    beside = beside[beside["method"] == "persistence"].reset_index(drop=True)
    assert beside.equals(alone)


def test_the_control_for_memory_lacks_the_recalling_experts_and_nothing_else():
    for period in (1, 12):
        control = set(GatedWithoutRecall(period=period).experts())
        assert set(expert_names(period)) - control == set(RECALLING) - set(COMPANY)
        assert control < set(expert_names(period))


def test_skill_against_the_gate_without_recall_shows_what_memory_adds():
    # The frequency switches every 60 samples: what followed an earlier switch is worth recalling.
    series = load("switching", {"source": "switching", "length": 700, "period": 1}, seed=0)
    settings = SeriesSettings(window=40, delays=12, rank=4, horizon=10, every=3)
    methods = all_named(["sliding", "gated", "gated_without_recall"])
    predictions = evaluate(series, settings, methods).predictions
    skill = skill_table(predictions, {"switching": 1.0}, seed=0, draws=100).set_index(["method", "horizon"])
    assert (skill.loc["gated_without_recall", "skill_vs_without_recall"] == 0).all()
    own, control = skill.loc["gated"], skill.loc["gated_without_recall"]
    assert np.allclose(own["skill_vs_without_recall"], 1 - own["mae"] / control["mae"])
    assert own["skill_vs_without_recall"].mean() > 0.05
    assert (own["recall_ci_low"] <= own["skill_vs_without_recall"]).all()
