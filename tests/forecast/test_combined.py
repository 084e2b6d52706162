"""The method `combined`: its experts against known truths, each part against the same method without
it, and no look-ahead."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.held import as_series
from koopflow.forecast.ahead import Ahead, ahead_of
from koopflow.forecast.company import airline, decomposition, regression
from koopflow.forecast.company.design import Design
from koopflow.forecast.company.refits import Refits, stretches
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import GateSettings, WindowSettings
from koopflow.forecast.protocol import named
from koopflow.studies.checks.forecast import check


def error_of(series, horizon: int, every: int = 1, **options) -> float:
    """Return the mean absolute error of `combined`, without the experts that take longest."""
    without = ("boosting", "ets", "recall", *options.pop("without", ()))
    found = evaluate(
        series, SeriesSettings(horizon=horizon, every=every), {"c": kf.Combined(window=40, without=without, **options)}
    ).predictions
    return float((found["prediction"] - found["truth"]).abs().mean())


def autoregression(generator: np.random.Generator, count: int, memory: float = 0.6) -> np.ndarray:
    values = np.zeros(count)
    for time in range(1, count):
        values[time] = memory * values[time - 1] + generator.standard_normal()
    return values


# ------------------------------------------------------------------------------------------- experts
def test_the_airline_model_forecasts_as_the_state_space_model_of_statsmodels():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    generator = np.random.default_rng(0)
    time = np.arange(300)
    series = np.cumsum(generator.standard_normal(300)) + 5 * np.sin(2 * np.pi * time / 12)
    parameters = np.array([0.3, -0.5, -0.4])
    model = SARIMAX(series, order=(1, 1, 1), seasonal_order=(0, 1, 1, 12))
    known = model.filter([0.3, -0.5, -0.4, 1.0]).forecast(15)
    ours = airline.predicted(parameters, series, 12, np.array([250, 299]), 15)[1]
    assert np.allclose(ours, known, atol=1e-4)


def test_the_airline_model_without_a_season_is_arima_111():
    from statsmodels.tsa.arima.model import ARIMA

    series = np.cumsum(autoregression(np.random.default_rng(1), 200))
    known = ARIMA(series, order=(1, 1, 1)).filter([0.6, -0.2, 1.0]).forecast(8)
    ours = airline.predicted(np.array([0.6, -0.2, 0.0]), series, 1, np.array([199]), 8)[0]
    assert np.allclose(ours, known, atol=1e-4)


def test_the_estimate_of_the_airline_model_is_near_the_truth():
    generator = np.random.default_rng(2)
    shocks = generator.standard_normal(1500)
    moved = shocks.copy()
    for lag, weight in ((1, -0.4), (12, -0.6), (13, 0.24)):
        moved[lag:] += weight * shocks[:-lag]
    series = np.cumsum(moved)
    for time in range(12, len(series)):
        series[time] += series[time - 12]
    assert np.allclose(airline.fitted(series, 12), [0.0, -0.4, -0.6], atol=0.12)


def test_the_last_cycles_of_all_seasons_go_on():
    from statsmodels.tsa.seasonal import MSTL

    generator = np.random.default_rng(14)
    time = np.arange(240)
    pattern = 4 * np.sin(2 * np.pi * time / 6) + 6 * np.cos(2 * np.pi * time / 30)
    series = 20 + pattern + 0.1 * generator.standard_normal(240)
    model = decomposition.fitted(series[:210], (6, 30))
    known = MSTL(series[:210], periods=(6, 30)).fit().seasonal
    assert np.allclose(model.season, known.sum(axis=1))
    assert np.allclose(model.seasons(220)[210:], np.tile(known[204:, 0], 2)[:10] + known[180:190, 1])
    ahead = decomposition.predicted(model, series[:210], np.array([209]), 30)[0]
    assert np.abs(ahead - series[210:]).mean() < 0.3
    assert decomposition.fitted(series[:17], (6, 30)) is None


def test_the_regression_finds_the_coefficient_of_a_regressor():
    generator = np.random.default_rng(3)
    price = generator.standard_normal((460, 1))
    series = autoregression(generator, 450) + 3 * price[:450, 0]
    design = Design(6, (), 2)
    model = regression.fitted(design, series, price[:450])
    origins = np.arange(400, 440)
    one, two = price[:452].copy(), price[:452].copy()
    two[402:] += 1.0
    changed = [regression.predicted(design, model, series, each, origins[:1])[0] for each in (one, two)]
    assert changed[1] - changed[0] == pytest.approx([0.0, 3.0], abs=0.25)


def test_the_regressors_hold_what_they_say():
    series, ahead = np.arange(40.0) ** 2, np.arange(44.0)[:, None]
    row = Design(2, (5,), 4).rows(series, ahead, np.array([30]), np.array([3]))[0, 0] + 900.0
    known = [29**2, 28**2, (30**2 + 29**2 + 28**2) / 3, np.mean(np.arange(26, 31) ** 2), 25**2]
    known += [28**2, 27**2, 29**2, 23**2]
    assert row[:9] == pytest.approx(known)
    assert row[9:] - 900.0 == pytest.approx([33.0, 3.0, 5.0])


def test_the_next_phase_is_never_taken_from_after_the_origin():
    series = np.arange(40.0)
    rows = Design(1, (5,), 5).rows(series, np.empty((45, 0)), np.array([30]), np.array([5]))[0, 0] + 30
    assert rows.max() <= 30


def memory_of(series: np.ndarray, parts: list[int]) -> EpisodicKoopman:
    """Return the memory of a series that arrives in parts, with the experts that others stand on."""
    gate = GateSettings(experts=("persistence", "sliding", "recalled", "consolidated", "regression", "corrected"))
    memory = EpisodicKoopman(WindowSettings(30, 8, 4), 4, gate=gate)
    first, *rest = np.split(series, parts)
    memory.fit(first)
    for part in rest:
        memory.update(part)
    return memory


def test_recalled_errors_are_taken_off_the_forecast():
    series = autoregression(np.random.default_rng(10), 160)
    memory = memory_of(series, [])
    forecasts, members = memory._experts.view[..., 0], memory.archive_.recalled.view
    window, near = 120, 1.0 / (memory.archive_.distances.view[120] + 1e-6)
    ends = members[window] + 29
    errors = series[ends[:, None] + np.arange(1, 5)] - forecasts[members[window], 4]
    expected = forecasts[window, 4] + 0.5 * (near / near.sum()) @ errors
    assert forecasts[window, 5] == pytest.approx(expected)


def test_forecasts_do_not_depend_on_how_the_samples_arrive():
    series = autoregression(np.random.default_rng(11), 150)
    one, two = memory_of(series, []), memory_of(series, [70, 71, 120])
    assert np.allclose(one.forecasts_, two.forecasts_, equal_nan=True)
    assert np.allclose(one._experts.view, two._experts.view)


# -------------------------------------------------------------------------------- parts and controls
def test_known_regressors_take_off_what_they_explain():
    generator = np.random.default_rng(4)
    price = generator.standard_normal(312)
    values = np.append(autoregression(generator, 300) + 3 * price[:300], np.full(12, np.nan))
    series = as_series(pd.DataFrame({"y": values, "price": price}), regressors=["price"])
    assert error_of(series, 4) < 0.6 * error_of(series, 4, without=("regressors",))


def test_the_calendar_takes_off_the_number_of_working_days():
    dates = pd.date_range("1990-01-01", periods=200, freq="MS")
    first = dates.to_numpy().astype("datetime64[M]")
    working = np.busday_count(first.astype("datetime64[D]"), (first + np.timedelta64(1, "M")).astype("datetime64[D]"))
    values = np.random.default_rng(5).standard_normal(200) + 4.0 * working
    series = as_series(pd.Series(values, dates), period=1)
    assert error_of(series, 4) < 0.7 * error_of(series, 4, without=("calendar",))


def test_two_seasons_are_better_than_one():
    generator = np.random.default_rng(6)
    time = np.arange(24 * 7 * 5)
    shape = np.sin(2 * np.pi * time / 24) * (0.3 + (time // 24 % 7 < 5))
    series = as_series(10 + 5 * shape + 0.3 * generator.standard_normal(len(time)), period=24)
    series = type(series)(**{**vars(series), "seasons": (24, 168)})
    assert error_of(series, 8, 5) < 0.8 * error_of(series, 8, 5, without=("seasons",))


def test_public_holidays_take_off_what_they_explain():
    holidays = pytest.importorskip("holidays")
    generator = np.random.default_rng(7)
    dates = pd.date_range("2015-01-01", periods=1100, freq="D")
    free = np.isin(dates.date, list(holidays.country_holidays("DE", years=range(2015, 2019))))
    series = as_series(pd.Series(generator.standard_normal(1100) - 12 * free, dates), period=7, holidays="DE")
    assert error_of(series, 3) < 0.9 * error_of(series, 3, without=("holidays",))


def test_without_removes_what_it_names_and_nothing_else():
    all_of_them = kf.Combined(period=12).experts()
    assert set(all_of_them) - set(kf.Combined(period=12, without=("airline",)).experts()) == {"airline"}
    left = kf.Combined(period=12, without=("recall",)).experts()
    assert set(all_of_them) - set(left) == {"recalled", "recalled_episode", "continuation", "corrected"}
    with pytest.raises(KoopflowError, match=r"without: must be names from seasons, .*got 'persistence'"):
        kf.Combined(without=("persistence",))


# --------------------------------------------------------------------------------------- look-ahead
def test_the_estimates_do_not_depend_on_how_the_samples_arrive():
    whole = list(stretches(9, 100, 10))
    assert [known for part in whole for known in [part.known] * (part.stop - part.first)] == [
        part.known for first in range(9, 100) for part in stretches(first, first + 1, 10)
    ]
    assert all(part.known <= part.first + 1 for part in whole)


def test_an_estimate_is_made_once_for_the_same_samples():
    made, store = [], Refits()
    for past in (np.arange(3.0), np.arange(3.0), np.arange(4.0)):
        store.of("a", past, lambda past=past: made.append(len(past)))
    assert made == [3, 4]


@pytest.mark.parametrize("forecaster", [kf.Sliding(), kf.Gated(), kf.Combined()])
def test_an_update_changes_no_forecast_before_it(forecaster):
    generator = np.random.default_rng(8)
    dates = pd.date_range("2001-01-01", periods=160, freq="MS")
    values = pd.Series(20 + autoregression(generator, 160) + 5 * np.sin(np.arange(160) * np.pi / 6), dates)
    other = values.copy()
    other[131:] += 50 * generator.standard_cauchy(29)
    points = []
    for each in (values, other):
        model = type(forecaster)(**forecaster.get_params()).fit(each[:120], horizon=6)
        before = model._state().point.tobytes()
        model.update(each[120:131])
        middle = model.predict(levels=[50, 90])
        model.update(each[131:])
        state = model._state()
        assert state.point.tobytes().startswith(before)
        points.append((middle, state.point[state.stretch.origins < 131]))
    (one, first), (two, second) = points
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert len(first) > 50
    assert first.tobytes() == second.tobytes()


def test_forecasts_with_regressors_look_at_no_later_value():
    generator = np.random.default_rng(12)
    table = pd.DataFrame(
        {"y": np.append(autoregression(generator, 140), np.full(4, np.nan)), "x": np.arange(144.0) % 5}
    )
    other = table.copy()
    other.loc[100:139, "y"] = 1e3 * generator.standard_cauchy(40)
    found = [
        evaluate(as_series(each, period=1, regressors=["x"]), SeriesSettings(horizon=4), {"c": kf.Combined(window=30)})
        for each in (table, other)
    ]
    one, two = (each.predictions.query("origin < 100") for each in found)
    assert len(one) > 100
    for column in ("prediction", "lower", "upper"):
        assert one[column].to_numpy().tobytes() == two[column].to_numpy().tobytes()


def test_an_update_goes_no_further_than_its_regressors():
    table = pd.DataFrame({"y": np.append(autoregression(np.random.default_rng(13), 150), np.full(4, np.nan))})
    table["x"] = np.arange(154.0)
    model = kf.Combined(without=("boosting",)).fit(table, horizon=3, regressors=["x"])
    model.update([0.5])
    with pytest.raises(KoopflowError, match="'x' must be known for 3 steps after the last value"):
        model.update([0.2])


def test_a_saved_forecaster_with_regressors_goes_on_as_before(tmp_path):
    generator = np.random.default_rng(9)
    table = pd.DataFrame({"y": np.append(autoregression(generator, 150), np.full(6, np.nan)), "x": np.arange(156.0)})
    series = as_series(table, regressors=["x"])
    model = kf.Combined(without=("boosting",)).fit(series, horizon=3)
    model.save(tmp_path / "model.npz")
    loaded = kf.Combined.load(tmp_path / "model.npz")
    assert loaded.get_params() == model.get_params()
    for each in (model, loaded):
        each.update([1.0, 2.0])
    pd.testing.assert_frame_equal(model.predict(), loaded.predict(), check_exact=True)


# ---------------------------------------------------------------------------------------- bad input
def test_a_regressor_that_ends_before_the_horizon_is_refused_in_one_line():
    table = pd.DataFrame({"y": np.append(autoregression(np.random.default_rng(0), 150), [np.nan] * 2)})
    table["temp"] = np.arange(152.0)
    message = r"series.series.regressors: 'temp' must be known for 3 steps after the last value, .* \(got 2\)"
    with pytest.raises(KoopflowError, match=message):
        kf.forecast(table, horizon=3, regressors=["temp"])
    assert len(kf.forecast(table, horizon=2, regressors=["temp"])) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0, 2.0], "regressors: need a table"),
        (pd.DataFrame({"y": [1.0, 2.0], "x": ["a", "b"]}), "a column of numbers 'x'"),
        (pd.DataFrame({"y": [1.0, 2.0, 3.0], "x": [np.nan] * 3}), "all values of 'x' are missing"),
    ],
)
def test_regressors_that_are_not_there_are_refused(given, message):
    with pytest.raises(KoopflowError, match=message):
        kf.forecast(given, regressors=["x"])


def test_what_is_known_ahead_must_reach_the_horizon():
    with pytest.raises(KoopflowError, match="regressors must be known for 2 more steps"):
        Ahead({"regressors": np.zeros((5, 1))}).columns(7)
    series = as_series(np.random.default_rng(0).standard_normal(50))
    assert ahead_of(series, 3).columns(53).shape == (53, 0)


def checked(tmp_path, **series) -> dict:
    """Run the check of the stage on a file with a value and a price, known two days further."""
    days = pd.date_range("2022-01-01", periods=150, freq="D")
    values = autoregression(np.random.default_rng(1), 150).round(3).tolist()
    table = pd.DataFrame({"date": days, "y": [*values[:148], None, None], "price": np.arange(150.0)})
    table.to_csv(tmp_path / "sales.csv", index=False)
    spec = {"path": str(tmp_path / "sales.csv"), "time": "date", "value": "y"} | series
    settings = {"forecasters": {}, "methods": ["persistence", "sliding"]}
    return check({"sales": spec}, settings, 0)


def test_the_check_finds_what_ends_before_the_horizon_and_unknown_places(tmp_path):
    assert checked(tmp_path, regressors=["price"], horizon=2)["sales"]["samples"] == 148
    with pytest.raises(KoopflowError, match=r"^series.sales.regressors: 'price' must be known for 3 steps"):
        checked(tmp_path, regressors=["price"], horizon=3)
    pytest.importorskip("holidays")
    with pytest.raises(KoopflowError, match=r"^series.sales.holidays: must be a country's code.*Atlantis"):
        checked(tmp_path, holidays="Atlantis", horizon=2)


def test_an_option_out_of_range_names_its_key():
    with pytest.raises(KoopflowError, match=r"^forecast.forecasters.mine.options: without: must be names from"):
        named("combined", "forecast.forecasters.mine.options", without=["weather"])
