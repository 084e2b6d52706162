"""Observables beside delays, and the ways in which recalled windows enter a forecast."""

import numpy as np
import pandas as pd
import pytest

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.groups import load_group
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.methods import Episodic, Gated, Sliding
from koopflow.forecast.observables import lifted

SIZES = {"window": 40, "delays": 6, "rank": 4}


def logistic(length: int = 200, rate: float = 3.5) -> np.ndarray:
    """A period-4 orbit of the logistic map after its transient, which one delay does not make linear."""
    values = np.empty(length)
    values[0] = 0.4
    for step in range(1, length):
        values[step] = rate * values[step - 1] * (1 - values[step - 1])
    return values


def test_radial_functions_are_those_of_the_delay_vectors():
    values = np.random.default_rng(0).normal(size=50)
    found = lifted(values, delays=3, count=2, early=20)
    centres = np.stack([values[0:3], values[17:20]])
    square = ((centres[0] - centres[1]) ** 2).sum()
    expected = values[:20].std() * np.exp(-((values[28:31] - centres) ** 2).sum(axis=1) / (2 * square))
    np.testing.assert_allclose(found[30], [values[30], *expected])


def test_samples_after_the_early_stretch_change_no_earlier_observable():
    values = np.random.default_rng(0).normal(size=50)
    changed = np.where(np.arange(50) > 30, 9.0, values)
    np.testing.assert_array_equal(lifted(values, 3, 4, 20)[:31], lifted(changed, 3, 4, 20)[:31])


def test_radial_functions_make_a_nonlinear_map_predictable():
    """The tent map from one delay: linear models of the state alone cannot follow it, functions of the state can."""
    values, origins = np.empty(400), np.arange(250, 390)
    values[0] = 0.3
    for step in range(1, 400):
        values[step] = 3.9 * values[step - 1] * (1 - values[step - 1])

    def error(**options) -> float:
        found = Sliding(window=200, delays=1, first=200, **options).forecast(values, origins, 1)[:, 0]
        return float(np.abs(found - values[origins + 1]).mean())

    assert error(rank=13, radial=12) < 0.1 * error(rank=1)


def test_memory_judges_the_samples_alone():
    values, origins = logistic(), np.arange(100, 190)
    memory = Episodic(**SIZES, matches=1, radial=3, first=80, measure=np.square)
    found = memory.forecast(values, origins, 4)
    assert np.abs(found - values[origins[:, None] + np.arange(1, 5)]).mean() < 0.02
    channels = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(memory.start(values, 4).measure(channels), channels[:, :1] ** 2)


def test_recalled_events_are_what_followed_from_the_present_level():
    values, origins = np.random.default_rng(0).normal(size=160).cumsum(), np.array([120, 140, 159])
    memory = Episodic(**SIZES, matches=1, recalled="events", threshold="always")
    recalled = memory.recall(values, origins, 4)
    ends = recalled.origins[:, 0]
    expected = values[ends[:, None] + np.arange(1, 5)] - values[ends][:, None] + values[origins][:, None]
    np.testing.assert_allclose(recalled.forecasts, expected)


def test_a_blend_lies_between_the_sliding_and_the_recalled_forecast():
    values, origins = np.random.default_rng(0).normal(size=160).cumsum(), np.array([120, 140, 159])

    def found(blend: float) -> np.ndarray:
        return Episodic(**SIZES, matches=1, threshold="always", blend=blend).forecast(values, origins, 4)

    np.testing.assert_allclose(found(0.0), Sliding(**SIZES).forecast(values, origins, 4))
    np.testing.assert_allclose(found(0.3), 0.3 * found(1.0) + 0.7 * found(0.0))


@pytest.mark.parametrize(
    ("forecaster", "message"),
    [
        (Episodic(**SIZES, blend=1.5), r"blend must be between 0 and 1 \(got 1.5\)"),
        (Sliding(**SIZES, radial=-1), r"radial must be at least 0 \(got -1\)"),
        (Gated(**SIZES, radial=2), r"radial must be 0 for a gate, which weighs samples alone \(got 2\)"),
    ],
)
def test_options_out_of_range_are_refused(forecaster, message):
    with pytest.raises(KoopflowError, match=message):
        forecaster.forecast(logistic(), np.array([150]), 3)


@pytest.fixture
def leading(tmp_path):
    """A CSV file whose column `late` repeats the noise of `lead` five samples later; one value of `lead` is missing."""
    noise = np.random.default_rng(0).normal(size=305)
    table = pd.DataFrame({"time": np.arange(300), "late": noise[:300], "lead": noise[5:]})
    table.loc[40, "lead"] = np.nan
    table.to_csv(tmp_path / "two.csv", index=False)
    return {"path": str(tmp_path / "two.csv"), "time": "time", "value": "late", "period": 1, "horizon": 3}


def test_a_series_beside_makes_one_state_with_the_value(leading):
    spec = leading | {"beside": ["lead"]}
    both = load_group("two", spec).series["two"]
    options = {"window": 100, "delays": 6, "rank": 12}

    def error(series) -> float:
        found = evaluate(series, SeriesSettings.load(spec, "s"), {"sliding": Sliding(**options)}).predictions
        return float((found["prediction"] - found["truth"]).abs().mean())

    assert both.beside is not None
    assert both.beside[40, 0] == both.beside[39, 0]
    assert error(both) < 0.2
    alone = load_group("two", leading).series["two"]
    with pytest.raises(KoopflowError, match="rank must be between 1 and 6"):
        error(alone)
    options["rank"] = 6
    assert error(alone) > 0.7


def test_memory_forecasts_the_value_of_several_series(leading):
    series = load_group("two", leading | {"beside": ["lead"]}).series["two"]
    memory = Episodic(window=100, delays=6, rank=12, matches=1, beside=series.beside, first=120, period=1)
    values = vars(series)["values"]
    found = memory.forecast(values, np.arange(200, 290), 3)
    truth = values[np.arange(200, 290)[:, None] + np.arange(1, 4)]
    assert np.abs(found - truth).mean() < 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beside": ["leed"]}, r"series.two.beside: .*leed"),
        ({"beside": ["lead", "lead"]}, r"series.two.beside must not contain 'lead' twice"),
        ({"beside": ["lead"], "value": "lead"}, r"series.two.beside: 'lead' is the value"),
        ({"beside": ["lead"], "id": "time"}, r"series.two.beside: cannot stand beside id"),
        ({"beside": ["lead"], "source": "jump", "path": None}, r"series.two.beside: needs path, a CSV file"),
    ],
)
def test_columns_that_cannot_stand_beside_are_named(leading, change, message):
    spec = {key: value for key, value in (leading | change).items() if value is not None}
    with pytest.raises(KoopflowError, match=message):
        load_group("two", spec)
