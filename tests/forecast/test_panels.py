"""Panels: related series forecast jointly, from what is known at their last time alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.forecast.panels.experts import Situation, trusted
from koopflow.forecast.panels.forecaster import PanelForecaster, similar
from koopflow.forecast.panels.gate import PanelGate, combined, weights
from koopflow.forecast.panels.intervals import quantiles
from koopflow.forecast.panels.lifting import Lifting, lifted
from koopflow.forecast.panels.panel import Scaled, panel_of, season_of
from koopflow.forecast.panels.recall import Recall, _nearest, recalled
from koopflow.forecast.registry import PANEL_EXPERTS

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def epidemics(seasons=5, regions=("a", "b", "c"), seed=0, size=None):
    """Return a long table of yearly epidemics whose peaks move, with noise."""
    generator = np.random.default_rng(seed)
    time = pd.date_range("2015-09-05", periods=52 * seasons, freq="7D")
    frames = []
    for target in ("flu", "rsv"):
        for region in regions:
            peak = np.repeat(generator.normal(20, 3, seasons), 52)
            height = np.repeat(generator.uniform(10, 30, seasons), 52)
            week = np.tile(np.arange(52), seasons)
            value = height * np.exp(-0.5 * ((week - peak) / 4) ** 2) + generator.exponential(0.3, len(week))
            factor = (size or {}).get(region, 1.0)
            frames.append(pd.DataFrame({"time": time, "location": region, "target": target, "value": factor * value}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def panel():
    table = epidemics()
    return panel_of(table[table["time"] <= "2020-01-18"])


def test_short_gaps_are_filled_and_long_ones_stay():
    table = epidemics(2, ("a",))
    table = table[table["target"] == "flu"].reset_index(drop=True)
    gone = table.drop(index=[10, 11, 30, 31, 32, 33, 34, 35, 103])
    found = panel_of(pd.concat([gone, table.tail(1).assign(location="b")]))
    row = (
        Scaled(found, 1.0).state[list(found.keys).index(("flu", "a"))]
        * found.sizes[list(found.keys).index(("flu", "a"))]
    )
    assert np.allclose(row[9:13], np.interp([9, 10, 11, 12], [9, 12], table["value"][[9, 12]]))
    assert np.isnan(row[30:36]).all()
    assert row[-1] == row[-2] == table["value"][102]


def test_a_week_stamped_a_few_days_off_joins_its_week():
    table = epidemics(1, ("a",)).query("target == 'flu'").reset_index(drop=True)
    table.loc[5, "time"] -= pd.Timedelta(days=2)
    found = panel_of(table)
    assert np.allclose(Scaled(found, 1.0).state[0] * found.sizes[0], table["value"])


def test_seasons_begin_in_their_month():
    seasons, phase = season_of(np.array(["2023-12-31", "2024-01-01"], dtype="datetime64[D]"), starts=1)
    assert seasons.tolist() == [2023, 2024]
    assert phase[1] == 0
    assert phase[0] == pytest.approx(1, abs=0.01)


def test_forecasts_scale_with_each_series():
    small, large = (epidemics(4, size={"b": factor}) for factor in (1.0, 1000.0))
    found = [PanelForecaster().forecast(panel_of(table), 3, LEVELS) for table in (small, large)]
    rows = [key[1] == "b" for key in panel_of(small).keys]
    assert np.allclose(found[1][rows], 1000 * found[0][rows], rtol=1e-6)
    assert np.allclose(found[1][np.logical_not(rows)], found[0][np.logical_not(rows)], rtol=1e-6)


def test_the_operator_of_a_linear_system_is_found():
    # every series follows z(t + 1) = 1.5 z(t) - 0.7 z(t - 1) + 0.2 about the mean 1, from its own start
    generator = np.random.default_rng(1)
    time = pd.date_range("2015-09-05", periods=208, freq="7D")
    frames = []
    for region in "abcd":
        z = list(generator.uniform(0.5, 1.5, 2))
        while len(z) < len(time):
            z.append(1.5 * z[-1] - 0.7 * z[-2] + 0.2 + 0.05 * generator.standard_normal())
        frames.append(pd.DataFrame({"time": time, "location": region, "target": "x", "value": np.array(z)}))
    scaled = Scaled(panel_of(pd.concat(frames)), power=1.0)
    found = lifted(scaled, Lifting(centres=0, season=False, linear_penalty=1e-6), 1, np.random.default_rng(0))
    state, size = scaled.state, scaled.panel.sizes[:, None]
    expected = 1.5 * state[:, -1] - 0.7 * state[:, -2] + 0.2 / size[:, 0]
    assert np.allclose(found[:, -1, 0], expected, atol=0.03)
    assert np.abs(found[:, -1, 0] - expected).max() < 0.5 * np.abs(state[:, -1] - expected).max()


def test_another_regions_past_season_is_an_episode():
    # region b lives through now what a lived through two seasons ago, and nothing else is like it
    table = epidemics(4, ("a",), seed=3).query("target == 'flu'")
    shape = table["value"].to_numpy()[52:104]
    now = pd.DataFrame(
        {"time": table["time"].to_numpy()[156:176], "location": "b", "target": "flu", "value": shape[:20]}
    )
    panel = panel_of(pd.concat([table[table["time"] <= now["time"].max()], now]))
    scaled = Scaled(panel)
    found = recalled(scaled, Recall(matches=1, season=0.0, group=0.0), 3, similar(panel))
    row = list(panel.keys).index(("flu", "b"))
    truth = (shape[20:23] / panel.sizes[row]) ** 0.5
    held = np.abs(scaled.state[row, -1] - truth).mean()
    assert np.abs(found[row, -1] - truth).mean() < 0.5 * held


def test_the_nearest_episodes_are_those_of_a_full_search():
    generator = np.random.default_rng(2)
    for count in (1, 40, 399):
        queries, episodes = (generator.standard_normal((n, 5)).astype(np.float32) for n in (50, 400))
        found, square = _nearest(queries, episodes, count)
        exact = ((queries[:, None] - episodes[None]) ** 2).sum(axis=-1)
        assert np.array_equal(np.sort(found), np.sort(np.argsort(exact, axis=1)[:, :count]))
        assert np.allclose(square, np.take_along_axis(exact, found, axis=1), atol=1e-4)


@pytest.mark.parametrize("name", PANEL_EXPERTS)
def test_past_errors_are_those_of_forecasts_made_without_their_season(panel, name):
    # Values of one season are replaced: forecasts of its own origins may change, by their inputs.
    # Forecasts from an origin before the change must not see it within their season.
    expert, asked = PANEL_EXPERTS.load(name), np.ones(len(panel.times), dtype=bool)
    season = panel.seasons == 2017
    half = np.flatnonzero(season)[26:40]
    values = panel.values.copy()  # noqa: PD011 - a koopflow Panel
    values[:, half] = values[:, half][:, ::-1] + 1.0
    # sizes are shared, so that only what an expert sees of the season differs
    other = replace(panel, values=values)
    other.__dict__["sizes"] = panel.sizes
    found = [expert(Situation(Scaled(each), 2, asked)) for each in (panel, other)]
    before = np.flatnonzero(season)[:24]
    if name in ("linear", "seasonal", "universal"):  # observables are standardized over all seasons
        assert np.allclose(found[0][:, before], found[1][:, before], atol=0.05, equal_nan=True)
    else:
        assert np.array_equal(found[0][:, before], found[1][:, before], equal_nan=True)


def test_growth_beyond_anything_seen_is_not_trusted(panel):
    scaled = Scaled(panel)
    wild = trusted(scaled, scaled.state[..., None] + np.full((1, 1, 2), 100.0))
    seen = np.nanmax(scaled.changes(2), axis=(0, 1))
    assert np.nanmax(wild - scaled.state[..., None]) <= seen.max() + 1e-12
    assert np.nanmin(trusted(scaled, scaled.state[..., None] - 100.0)) == 0.0


def test_the_gate_prefers_what_erred_less_and_borrows_where_little_is_known(panel):
    scaled, asked = Scaled(panel), np.ones(len(panel.times), dtype=bool)
    changes = scaled.changes(1)
    truth = scaled.state[..., None] + changes
    good, bad = truth + 0.01, truth + 0.5
    few = changes.copy()
    few[panel.groups == 1, 5:] = np.nan  # the second group knows five origins
    found = weights(scaled, np.stack([bad, good]), few, asked, PanelGate(prior=300.0))
    assert (found[..., 1] > 0.99).all()
    assert np.allclose(found.sum(axis=-1), 1)
    mixed = combined(np.stack([bad, np.full_like(bad, np.nan)]), found, panel.groups)
    assert np.allclose(mixed, bad, equal_nan=True)


def test_quantiles_cover_as_they_say():
    """Errors of two groups with different, growing sizes; 90 % and 50 % intervals of new ones."""
    inside = np.zeros((12, 2))
    for draw in range(12):
        generator = np.random.default_rng(draw)
        time = pd.date_range("2015-09-05", periods=160, freq="7D")
        level = generator.uniform(0.5, 4, (10, 161))
        frames = [
            pd.DataFrame({"time": time, "location": f"r{i}", "target": "x" if i < 5 else "y", "value": level[i, :160]})
            for i in range(10)
        ]
        scaled = Scaled(panel_of(pd.concat(frames)), power=1.0)
        expected = np.abs(scaled.state)[..., None]
        noise = generator.standard_normal(scaled.state.shape) * 0.2 * scaled.state
        changes = (expected[..., 0] - scaled.state + noise)[..., None]
        hidden = changes[:, -1:].copy()
        changes[:, -1] = np.nan
        asked = np.ones(160, dtype=bool)
        levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
        found = quantiles(scaled, expected, expected[None], changes, asked, levels)[:, 0]
        truth = (scaled.state[:, -1:] + hidden[..., 0])[:, 0]
        inside[draw] = [np.mean((truth >= found[:, low]) & (truth <= found[:, high])) for low, high in ((0, 4), (1, 3))]
    assert inside.mean(axis=0) == pytest.approx([0.9, 0.5], abs=0.05)


def test_a_panel_of_one_series_has_forecasts_near_its_last_value():
    table = epidemics()
    table = table[table["time"] <= "2020-01-18"]
    alone = table[(table["target"] == "flu") & (table["location"] == "a")]
    found = PanelForecaster().forecast(panel_of(alone), 3, LEVELS)
    assert found.shape == (1, 3, len(LEVELS))
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=-1) >= 0).all()
    last = alone["value"].iloc[-1]
    assert found[0, 0, 0] <= last * 1.5
    assert found[0, 0, -1] >= last * 0.5


def test_experts_are_checked():
    with pytest.raises(KoopflowError, match=r"experts: no panel expert named 'recal' \(did you mean recall\?\)"):
        PanelForecaster(("persistence", "recal"))
    with pytest.raises(KoopflowError, match="must begin with persistence"):
        PanelForecaster(("recall",))
    with pytest.raises(KoopflowError, match="must have values"):
        panel_of(epidemics().assign(value=np.nan))
