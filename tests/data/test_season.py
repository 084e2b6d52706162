"""How many samples make a season: the true number, and no multiple of it."""

import numpy as np
import pytest
from scipy.signal import lfilter

from koopflow.data.series.loading import load, prepared
from koopflow.data.series.season import infer_period, infer_seasons


@pytest.mark.parametrize(("period", "count"), [(7, 150), (12, 300), (24, 500), (50, 1200)])
@pytest.mark.parametrize("persistence", [0.0, 0.8])
def test_a_season_is_no_multiple_of_the_true_one(period, count, persistence):
    found = []
    for seed in range(40):
        noise = lfilter([0.3], [1, -persistence], np.random.default_rng(seed).standard_normal(count))
        found.append(infer_period(np.sin(2 * np.pi * np.arange(count) / period) + noise))
    assert np.mean(np.abs(np.array(found) - period) <= period // 20) > 0.9
    assert np.mean(np.array(found) > 1.5 * period) <= 0.05


@pytest.mark.parametrize("step", ["hour", "step"])
@pytest.mark.parametrize(("weekly", "season"), [(0.0, 24), (0.6, 168)])
def test_a_multiple_that_explains_more_is_the_season(step, weekly, season):
    generator = np.random.default_rng(3)
    day, week = generator.standard_normal(24), weekly * generator.standard_normal(168)
    hours = np.arange(1500)
    values = day[hours % 24] + week[hours % 168] + 0.5 * generator.standard_normal(1500)
    assert infer_period(values, step) == season


@pytest.mark.parametrize(("source", "season"), [("sunspots", 10), ("elnino", 12), ("co2", 52)])
def test_the_season_of_a_real_series_needs_no_calendar(source, season):
    values = load("s", {"source": source}).values
    for share in (0.4, 1.0):
        assert infer_period(values[: int(share * len(values))]) == season


def test_the_season_of_air_passengers_is_a_year(shared_data):
    values = np.loadtxt(shared_data / "timeseries/airline-passengers.csv", delimiter=",", skiprows=1, usecols=1)
    assert infer_period(values) == infer_period(values[:57]) == 12


def test_the_season_of_a_long_series_is_found_in_a_second():
    values = np.sin(2 * np.pi * np.arange(60_000) / 7) + np.random.default_rng(0).standard_normal(60_000)
    assert infer_period(values) == 7


def test_a_slow_swing_is_no_season():
    generator = np.random.default_rng(0)
    swing = 3 * np.sin(2 * np.pi * np.arange(800) / 132) + generator.standard_normal(800)
    assert infer_period(swing[:396], "month") == pytest.approx(132, abs=6)
    walks = [np.cumsum(generator.standard_normal(120)) for _ in range(40)]
    assert sum(infer_period(walk, "month") == 12 for walk in walks) <= 1


def test_several_seasons_are_found_at_once():
    time, generator = np.arange(48 * 7 * 4), np.random.default_rng(1)
    demand = np.sin(2 * np.pi * time / 48) * (0.3 + (time // 48 % 7 < 5)) + 0.3 * generator.standard_normal(len(time))
    assert infer_seasons(demand, "half-hour", infer_period(demand, "half-hour")) == (48, 336)
    plain = np.sin(2 * np.pi * time / 48) + 0.3 * generator.standard_normal(len(time))
    assert infer_seasons(plain, "half-hour", infer_period(plain, "half-hour")) == (48,)


def test_given_seasons_are_kept():
    values = np.random.default_rng(2).standard_normal(300)
    found = prepared("a", np.arange(300.0), values, seasons=[24, 168])
    assert (found.period, found.seasons) == (24, (24, 168))
    assert prepared("a", np.arange(300.0), values, period=7, seasons=[24]).seasons == (7, 24)
