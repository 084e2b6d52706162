"""Boosted trees that learn from many series: what they gain, and no look-ahead across series."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from koopflow.config.series import SeriesSettings
from koopflow.data.series.groups import Group
from koopflow.data.series.held import as_series
from koopflow.forecast.ahead import Ahead
from koopflow.forecast.company import boosting
from koopflow.forecast.company.pool import Member, pool_of, pooled_forecasts
from koopflow.forecast.many import evaluate_each
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import GateSettings, WindowSettings
from koopflow.forecast.protocol import named

DATES = pd.date_range("2015-01-01", periods=90, freq="MS")


def shops(count: int = 12, generator: int = 0) -> dict[str, pd.Series]:
    """Return monthly series of many sizes that share a nonlinear rule; some begin later, and two have
    gaps."""
    draw, found = np.random.default_rng(generator), {}
    for place in range(count):
        values = [draw.uniform(-1, 1)]
        for _ in range(len(DATES) - 1):
            values.append(1 - 1.6 * abs(values[-1]) + 0.1 * draw.standard_normal())
        held = pd.Series(np.array(values) * 10.0**place, DATES)[7 * (place % 3) :]
        if place < 2:
            held.iloc[[40, 41, 60]] = np.nan
        found[f"shop{place}"] = held
    return found


@pytest.fixture
def few_trees(monkeypatch):
    """Estimates of a few trees."""
    monkeypatch.setattr(boosting, "TREES", 4)


def members(series: dict[str, pd.Series]) -> list[Member]:
    held = [as_series(each, period=1) for each in series.values()]
    return [Member(each.time, each.values, each.observed) for each in held]


def test_no_pooled_forecast_depends_on_what_comes_later_in_any_series(few_trees):
    now = DATES[42]  # at which the second of three estimates is made
    series, other = shops(), shops()
    for place, each in enumerate(other.values()):
        each[each.index > now] = 1e3 * np.random.default_rng(place).standard_cauchy(int((each.index > now).sum()))
    one, two = (pooled_forecasts(members(each), 1, 3) for each in (series, other))
    compared = 0
    for place, (first, second) in enumerate(zip(one, two)):
        # a filled value of the series itself is no origin in an evaluation
        known = (members(series)[place].time <= now.to_numpy()) & members(series)[place].observed
        assert first[known].tobytes() == second[known].tobytes()
        compared += int(np.isfinite(first[known]).all(axis=1).sum())
        assert not np.array_equal(first, second, equal_nan=True)
    assert compared > 150


def test_a_gap_that_is_open_at_the_estimate_is_not_learned_from(few_trees):
    series, other = shops(), shops()
    cut = series["shop0"].index[27]  # the first estimate is made at the 28th month
    for each, after in ((series, 1.0), (other, -40.0)):
        each["shop0"].loc[cut - pd.DateOffset(months=3) : cut] = np.nan
        each["shop0"].loc[cut + pd.DateOffset(months=1)] = after
    one, two = (pooled_forecasts(members(each), 1, 3) for each in (series, other))
    assert one[5][: 34 - 14].tobytes() == two[5][: 34 - 14].tobytes()
    assert np.isfinite(one[5][27 - 14 + 1]).all()


def test_short_series_learn_from_each_other():
    series = {name: each[-60:] for name, each in shops(generator=1).items()}
    group = Group({name: as_series(each, period=1, name=name) for name, each in series.items()}, {})
    methods = {name: named(name) for name in ("persistence", "boosting", "pooled_boosting")}
    table = evaluate_each(group, SeriesSettings(horizon=1, transform="none"), methods)[0].predictions
    table["error"] = (table["prediction"] - table["truth"]).abs()
    errors = table.pivot_table(index="series", columns="method", values="error")
    assert (errors["pooled_boosting"] < errors["boosting"]).mean() > 0.8
    assert np.exp(np.log(errors["pooled_boosting"] / errors["persistence"]).mean()) < 0.65


def test_the_gate_of_many_series_has_one_expert_more():
    pooled = kf.Combined(period=12, ahead=Ahead({}, np.zeros((5, 2))))
    assert set(pooled.experts()) - set(kf.Combined(period=12).experts()) == {"pooled"}
    without = kf.Combined(without=("pooled",))
    assert pooled.ahead.without(without.without).pooled is None
    few = {name: as_series(each, period=1, name=name) for name, each in list(shops().items())[:9]}
    assert pool_of(few, 3) == {}


def test_the_expert_of_a_gate_forecasts_what_the_model_of_many_series_does():
    generator = np.random.default_rng(0)
    values, pooled = generator.standard_normal(60), generator.standard_normal((60, 2))
    pooled[:45] = np.nan
    gate = GateSettings(experts=("persistence", "sliding", "pooled"))
    memory = EpisodicKoopman(WindowSettings(40, 8, 4), 2, gate=gate, ahead=Ahead({}, pooled)).fit(values)
    forecasts = memory._experts.view[:, 2, :, 0]
    assert np.array_equal(forecasts[6:], np.clip(pooled[45:], *_bounds(values)))
    assert np.array_equal(forecasts[:6, 0], values[39:45])


def _bounds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends to which a gate bounds the forecasts from the samples 45 and later."""
    low, high = np.minimum.accumulate(values)[45:, None], np.maximum.accumulate(values)[45:, None]
    return low - (high - low) / 2, high + (high - low) / 2


def test_a_forecast_of_many_series_learns_from_all_of_them(few_trees):
    long = pd.concat([pd.DataFrame({"unique_id": n, "ds": s.index, "y": s.to_numpy()}) for n, s in shops(11).items()])
    tables = [
        kf.forecast(part.dropna(), 2, forecaster="pooled_boosting", period=1).query("unique_id == 'shop3'")
        for part in (long, long[long["unique_id"] != "shop9"])
    ]
    assert not np.isclose(*(each["prediction"] for each in tables)).all()
