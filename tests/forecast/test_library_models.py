"""The Theta method and automatic ARIMA: estimates and forecasts are those of statsmodels."""

import numpy as np
import pytest

from koopflow.forecast import auto_arima as arima
from koopflow.forecast import theta
from koopflow.forecast.protocol import named

pytestmark = pytest.mark.filterwarnings("ignore")  # as the forecasters do


@pytest.fixture(scope="module")
def months() -> np.ndarray:
    """130 months whose level wanders, with a season."""
    noise = np.random.default_rng(0).standard_normal((2, 130))
    return 60 + 0.5 * np.cumsum(noise[0]) + 8 * np.sin(2 * np.pi * np.arange(130) / 12) + 0.5 * noise[1]


@pytest.mark.parametrize("shift", [0.0, 60.0])
def test_theta_forecasts_as_statsmodels_and_smooths_later_samples(months, shift):
    from statsmodels.tsa.forecasting.theta import ThetaModel

    values = months - shift  # values on both sides of zero have a season that is added
    model = ThetaModel(values[:100], period=12, difference=True)
    found = model.fit()
    assert model.method == ("add" if shift else "mul")
    origins = np.array([99, 110])
    ours = theta.theta(values, origins, 15, 12, estimates=1, scored=99)
    assert np.allclose(ours[0], found.forecast(15), rtol=1e-10)
    parts = found.forecast_components(24)
    season = parts["seasonal"].to_numpy()
    level, slope, alpha = float(parts["ses"].iloc[0]), *found.params
    for time in range(100, 111):
        term = season[time - 100]
        level += alpha * ((values[time] - term if shift else values[time] / term) - level)
    rest = level + 0.5 * slope * ((1 - (1 - alpha) ** 111) / alpha)
    assert np.isclose(ours[1, 0], rest + season[11] if shift else rest * season[11])


def test_theta_without_a_season_that_shows_is_without_one(months):
    walk = np.cumsum(np.random.default_rng(1).standard_normal(120))
    assert np.ptp(theta.estimated(months[:100], 12).season) > 0.1
    assert np.ptp(theta.estimated(walk, 12).season) == 0
    assert theta.estimated(months[:20], 12).season.shape == (0,)


def test_automatic_arima_differences_a_strong_season_and_forecasts_as_statsmodels(months, monkeypatch):
    found, search = [], arima.found_orders
    monkeypatch.setattr(arima, "MOST_ORDERS", 8)
    monkeypatch.setattr(arima, "found_orders", lambda *given: found.append(search(*given)) or found[-1])
    ours = arima.auto_arima(months, np.array([99]), 14, 12, estimates=1)
    (orders,) = found
    assert (orders.season, orders.D) == (12, 1)
    history = months[:100] / months[:100].std()
    theirs = orders.of(history).filter(orders.fitted(history).params).forecast(14)
    assert np.allclose(ours[0], theirs * months[:100].std(), rtol=1e-8)
    assert np.abs(ours[0] - months[100:114]).mean() < 0.4 * np.abs(months[99] - months[100:114]).mean()


@pytest.mark.parametrize(("kind", "d"), [("noise", 0), ("walk", 1), ("twice", 2)])
def test_automatic_arima_differences_until_a_series_is_stationary(kind, d):
    values = np.random.default_rng(3).standard_normal(150)
    for _ in range(d):
        values = np.cumsum(values)
    assert arima.differences(values, most=2) == d
    assert arima.strength(values, 12) < arima.STRONG


def test_a_search_for_orders_is_bounded_and_goes_on_from_the_orders_before(monkeypatch):
    tried = []

    def fewer_is_worse(orders, values):
        tried.append(orders)
        return -float(orders.p + orders.q + orders.P + orders.Q)

    monkeypatch.setattr(arima, "aicc", fewer_is_worse)
    values = np.random.default_rng(3).standard_normal(100)
    found = arima.found_orders(values, 4)
    assert (found.p, found.q, found.P, found.Q) == (3, 3, 1, 1)
    assert len(tried) == len(set(tried)) <= arima.MOST_ORDERS
    tried.clear()
    assert arima.found_orders(values, 4, found) == found
    assert len(tried) < 10
    assert all(each.allowed() for each in tried)


def test_a_season_too_long_for_a_state_is_taken_off_before(months):
    weeks = np.sin(2 * np.pi * np.arange(200) / 52) + 0.1 * np.random.default_rng(2).standard_normal(200)
    model = named("auto_arima", period=52, estimates=1)
    found = model.forecast(weeks, np.array([149]), 26)[0]
    assert np.abs(found - weeks[150:176]).mean() < 0.3


@pytest.mark.parametrize("name", ["theta", "auto_arima"])
def test_where_statsmodels_finds_no_estimate_the_last_value_is_held_and_said(name, months, monkeypatch, caplog):
    def fail(self, *arguments, **options):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr("statsmodels.tsa.forecasting.theta.ThetaModel.fit", fail)
    monkeypatch.setattr(arima.Orders, "fitted", fail)
    with caplog.at_level("WARNING", logger="koopflow"):
        found = named(name, period=12, estimates=1).forecast(months, np.array([60, 80]), 3)
    assert found.tolist() == [[months[60]] * 3, [months[80]] * 3]
    assert "singular" in caplog.text


def test_orders_with_a_root_near_the_unit_circle_are_not_chosen():
    noise = np.random.default_rng(0).standard_normal(200)
    moving = arima.Orders(0, 0, 1)
    assert arima.aicc(moving, np.diff(noise)) == np.inf, "differences of noise have a root of 1"
    assert np.isfinite(arima.aicc(moving, noise[1:] + 0.5 * noise[:-1]))


def test_a_strong_season_leaves_at_most_one_further_difference(monkeypatch):
    monkeypatch.setattr(arima, "aicc", lambda orders, values: 0.0)
    time = np.arange(96.0)
    found = arima.found_orders(50 * np.sin(2 * np.pi * time / 12) + (time / 24) ** 3, 12)
    assert (found.D, found.d) == (1, 1)


def test_the_line_of_theta_counts_from_the_first_sample():
    estimate = theta.Theta(slope=2.0, alpha=0.1, season=np.empty(0), multiplied=False)
    found = theta.predicted(estimate, np.zeros(9), np.array([3, 8]), 2)
    start = (1 - 0.9 ** np.array([4, 9])) / 0.1
    assert found == pytest.approx(start[:, None] + np.array([0, 1]))
