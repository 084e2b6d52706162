"""Baselines, intervals, skill and the whole evaluation, against known truths."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.loading import load, prepared
from koopflow.data.series.season import infer_period
from koopflow.data.series.series import Series
from koopflow.forecast import baselines, classical
from koopflow.forecast.choices import choose
from koopflow.forecast.evaluate import apart, evaluate
from koopflow.forecast.intervals import RollingIntervals, conformal_intervals, even
from koopflow.forecast.protocol import all_named, named
from koopflow.forecast.skill import skill_table
from koopflow.forecast.transform import build
from koopflow.io.columns import FORECAST_QUANTILES, FORECAST_SKILL


def seasonal_series(count: int = 400, period: int = 12) -> np.ndarray:
    time = np.arange(count)
    return 20 + 5 * np.sin(2 * np.pi * time / period) + np.random.default_rng(3).standard_normal(count)


def as_series(values: np.ndarray, period: int = 12) -> Series:
    return Series("test", np.arange(len(values)), values, np.ones(len(values), bool), period, "value", "step")


def test_plain_baselines_are_what_their_names_say():
    values, origins = np.arange(20.0)[:, None] ** 2, np.array([9, 15])
    assert np.array_equal(baselines.persistence(values, origins, 2)[:, 1, 0], [81, 225])
    assert np.array_equal(baselines.seasonal_naive(values, origins, 5, 4)[0, :, 0], [36, 49, 64, 81, 36])
    assert np.allclose(baselines.drift(values, origins, 2)[0, :, 0], [90, 99])


def test_exponential_smoothing_equals_statsmodels():
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    values = seasonal_series(240)
    estimate = ETSModel(
        values,
        error="add",
        trend="add",
        damped_trend=True,
        seasonal="add",
        seasonal_periods=12,
        initialization_method="heuristic",
    ).fit(disp=False, maxiter=100)
    ours = classical.exponential_smoothing(values, np.array([239]), 15, 12, estimates=1)
    assert np.allclose(ours[0], estimate.forecast(15), rtol=1e-8)


def test_arima_equals_statsmodels(monkeypatch):
    from statsmodels.tsa.arima.model import ARIMA

    monkeypatch.setattr(classical, "ORDERS", ((1, 1, 1),))
    values = np.cumsum(np.random.default_rng(4).standard_normal(300))
    scale = values.std()
    estimate = ARIMA(values / scale, order=(1, 1, 1)).fit(method_kwargs={"maxiter": 50})
    assert np.allclose(
        classical.arima(values, np.array([299]), 6, 1, estimates=1)[0], estimate.forecast(6) * scale, rtol=1e-6
    )


@pytest.mark.parametrize("forecaster", [classical.exponential_smoothing, classical.arima])
def test_where_statsmodels_fails_the_last_value_is_held_and_said(forecaster, monkeypatch, caplog):
    def fail(self, *arguments, **options):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr("statsmodels.tsa.exponential_smoothing.ets.ETSModel.fit", fail)
    monkeypatch.setattr("statsmodels.tsa.arima.model.ARIMA.fit", fail)
    values = seasonal_series(100)
    with caplog.at_level("WARNING", logger="koopflow"):
        forecasts = forecaster(values, np.array([60, 80]), 3, 12, estimates=1)
    assert forecasts.tolist() == [[values[60]] * 3, [values[80]] * 3]
    assert "singular" in caplog.text


@pytest.mark.parametrize("names", [["root"], ["log"], ["none", "difference"], ["log", "seasonal", "difference"]])
def test_transforms_are_undone(names):
    values = np.abs(seasonal_series(100))[:, None]
    transform = build(names, 12, values[:40])
    moved, origins = transform.apply(values), np.array([50, 70])
    future = moved[(origins - transform.lost)[:, None] + np.arange(1, 6)]
    back = transform.unpoint(transform.undo(values, origins, future))
    assert np.allclose(back, values[origins[:, None] + np.arange(1, 6)])


def test_a_later_zero_is_no_outlier_of_the_logarithm():
    values = np.abs(seasonal_series(200))[:, None] + 1.0
    transform = build(["log"], 12, values[:80])
    early = transform.point(values[:80])
    assert transform.point(np.zeros((1, 1)))[0, 0] > early.min() - 3 * np.ptp(early) - 3
    assert np.isfinite(transform.point(np.full((1, 1), -1e6))).all()


def test_intervals_cover_as_they_say_even_when_the_spread_changes():
    generator = np.random.default_rng(5)
    truth = np.linspace(1, 5, 2000)[:, None] * generator.standard_normal((2000, 3))
    low, high = conformal_intervals(np.zeros((2000, 3)), truth, np.arange(2000), 0.9)
    known = np.isfinite(low)
    assert abs(((truth >= low) & (truth <= high))[known].mean() - 0.9) < 0.02


def test_intervals_far_ahead_are_no_wider_than_they_must_be():
    walk = np.cumsum(np.random.default_rng(5).standard_normal(3024))
    origins, step = np.arange(3000), 24
    truth = np.full((3000, step), np.nan)
    truth[:, -1] = walk[origins + step]
    low, high = conformal_intervals(np.repeat(walk[:3000, None], step, axis=1), truth, origins, 0.9)
    inside = (truth >= low) & (truth <= high)
    assert abs(inside[500:, -1].mean() - 0.9) < 0.03
    assert (high - low)[500:, -1].mean() < 1.4 * 2 * 1.645 * np.sqrt(step)


def test_skill_of_half_the_error_is_one_half_and_its_interval_holds_it():
    generator = np.random.default_rng(6)
    error = generator.standard_normal(300)
    frames = [
        pd.DataFrame(
            {"series": "s", "method": m, "origin": range(300), "horizon": 1, "prediction": error * factor, "truth": 0.0}
        )
        for m, factor in {"sliding": 1.0, "gated": 0.5, "persistence": 2.0}.items()
    ]
    table = skill_table(pd.concat(frames), {"s": 2.0}, seed=0).set_index("method")
    assert set(FORECAST_SKILL) <= set(table.reset_index())
    assert table.loc["gated", "skill_vs_sliding"] == pytest.approx(0.5)
    assert table.loc["gated", "ci_low"] <= 0.5 <= table.loc["gated", "ci_high"] + 1e-12
    assert table.loc["gated", "skill_vs_naive"] == pytest.approx(0.75)
    assert table.loc["gated", "mase"] == pytest.approx(np.abs(error).mean() / 4)


def test_all_methods_share_origins_behind_the_early_stretch():
    series = as_series(seasonal_series(200))
    table, recalled, choices, *_ = evaluate(
        series, SeriesSettings(horizon=4), all_named(["persistence", "sliding", "gated"])
    )
    origins = [set(part["origin"]) for _, part in table.groupby("method")]
    assert origins[0] == origins[1] == origins[2]
    assert min(origins[0]) >= choices["early"]
    assert max(origins[0]) == 199
    assert (recalled["recalled_origin"] + 4 <= recalled["origin"]).all()
    row = recalled.iloc[-1]
    assert np.allclose(row["continuation"], seasonal_series(200)[row["recalled_origin"] + 1 :][:4])


def test_choices_use_the_early_stretch_alone():
    values = seasonal_series(400)
    late = values.copy()
    late[160:] = 1000.0
    assert choose(as_series(values), SeriesSettings()) == choose(as_series(late), SeriesSettings())


def test_what_was_considered_says_why_it_was_chosen():
    found = choose(as_series(seasonal_series(400) + 20.0), SeriesSettings())
    sizes = pd.DataFrame([each for each in found.considered if "window" in each])
    recalled = pd.DataFrame([each for each in found.considered if "recalled" in each])
    assert set(sizes["transform"]) == {"none", "root", "log"}
    assert len(sizes) > 5
    own = {"window": found.window, "delays": found.delays, "rank": found.rank}
    ours = sizes[(sizes[list(own)] == pd.Series(own)).all(axis=1)].set_index("transform")["error"]
    assert ours.idxmin() == found.transform.name
    # a larger model must be better by 0.5 %
    assert ours["none"] <= sizes[sizes["transform"] == "none"]["error"].min() / 0.995
    best = recalled.loc[recalled["error"].idxmin()]
    assert (best["recalled"], best["matches"]) == (found.recalled, found.matches)
    assert len(recalled) == 9


def test_outliers_do_not_hide_the_season():
    values = seasonal_series(300)
    values[::31] = 5000.0
    assert infer_period(values, "month") == 12


def test_intervals_stand_at_the_first_scored_origin_and_cover_a_short_series():
    table, *_ = evaluate(
        as_series(seasonal_series(120)), SeriesSettings(horizon=4), all_named(["persistence", "sliding", "gated"])
    )
    known = table[np.isfinite(table["truth"])]
    assert np.isfinite(known[["lower", "upper"]]).all(axis=None)
    inside = (known["truth"] >= known["lower"]) & (known["truth"] <= known["upper"])
    assert abs(inside.mean() - 0.9) < 0.05


def test_the_season_is_found():
    assert infer_period(seasonal_series(200), "month") == 12
    assert infer_period(np.random.default_rng(7).standard_normal(200), "day") == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a,b\n1,2\n", "no column 'time'"),
        ("time,value\n2020-01-02,1\n2020-01-01,2\n", "unsorted"),
        ("time,value\n2020-01-01,1\n2020-01-01,2\n", "duplicate"),
        ("time,value\n2020-01-01,1\n2020-01-02,many\n", "'many' in line 3"),
        ("time,value\nyesterday,1\n", "'yesterday' in line 2"),
        ("time,value\n2020-01-01,\n2020-01-02,\n2020-01-03,\n", "missing"),
        ("time,value\n2020-01-01,1\n2020-01-02,1\n2020-01-03,1\n", "constant"),
        ("", "not a readable CSV"),
        ("time,value\n", "no rows"),
        ("time,value\n2020-01-01,1\n2020-01-02,2\n", "too few"),
        ("time,value\n0,1\n1,2\n2,1\n5000,3\n", "gaps"),
    ],
)
def test_a_bad_csv_ends_in_one_line(tmp_path, text, word):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(KoopflowError, match=word) as caught:
        load("mine", {"path": str(path), "time": "time", "value": "value"})
    assert "mine" in str(caught.value)


def test_days_without_weekends_are_business_days(tmp_path):
    stamps = pd.bdate_range("2021-01-01", periods=60).delete([30])
    path = tmp_path / "shares.csv"
    pd.DataFrame({"time": stamps, "value": np.arange(59.0) % 5}).to_csv(path, index=False)
    series = load("shares", {"path": str(path), "time": "time", "value": "value"})
    assert series.step == "business day"
    assert list(np.flatnonzero(~series.observed)) == [30]
    assert series.period == 5


@pytest.mark.parametrize(("weeks_of_2020", "weekday"), [(53, 0), (53, 6)])
def test_a_year_and_a_week_are_a_date(tmp_path, weeks_of_2020, weekday):
    # ISO years 2020 and 2026 have 53 weeks, MMWR years 2014 and 2020.
    first = 2015 if weekday == 0 else 2014
    counts = {year: 52 for year in range(first, 2022)} | (
        {2015: 53, 2020: 53} if weekday == 0 else {2014: 53, 2020: 53}
    )
    rows = [(year, week) for year, count in counts.items() for week in range(1, count + 1)]
    path = tmp_path / "weeks.csv"
    pd.DataFrame(rows, columns=["YEAR", "WEEK"]).assign(value=np.arange(len(rows)) % 9).to_csv(path, index=False)
    series = load("weeks", {"path": str(path), "time": ["YEAR", "WEEK"], "value": "value"})
    assert series.step == "week"
    assert series.observed.all()
    assert len(series.values) == len(rows)
    assert pd.Timestamp(series.time[0]).day_of_week == weekday


@pytest.mark.parametrize("written", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d %b %Y", "%Y%m%d", "%Y-%m"])
@pytest.mark.parametrize("step", ["D", "MS"])
def test_dates_are_read_as_they_were_meant(tmp_path, written, step):
    if written == "%Y-%m" and step == "D":
        return
    stamps = pd.date_range("2019-01-01", periods=60, freq=step)
    path = tmp_path / "dates.csv"
    pd.DataFrame({"time": stamps.strftime(written), "value": np.arange(60.0) % 7}).to_csv(path, index=False)
    series = load("dates", {"path": str(path), "time": "time", "value": "value"})
    assert series.step == {"D": "day", "MS": "month"}[step]
    assert (pd.DatetimeIndex(series.time) == stamps).all()


@pytest.mark.parametrize(("separator", "point"), [(",", "."), (";", ","), (";", "."), ("\t", ".")])
def test_other_separators_and_decimal_commas_are_read(tmp_path, separator, point):
    rows = [f"{year}{separator}{str(year % 7 + 0.5).replace('.', point)}" for year in range(1900, 1960)]
    path = tmp_path / "rain.csv"
    path.write_text("\n".join([f"year{separator}rain", *rows]))
    series = load("rain", {"path": str(path), "time": "year", "value": "rain"})
    assert series.values[:3].tolist() == [3.5, 4.5, 5.5]  # noqa: PD011 - a Series of ours


def test_the_step_is_read_off_the_early_stretch(tmp_path):
    days = pd.date_range("2020-01-01", periods=50, freq="D")
    hours = pd.date_range("2020-02-20", periods=500, freq="h")
    path = tmp_path / "finer.csv"
    pd.DataFrame({"time": days.append(hours), "value": np.arange(550.0) % 7}).to_csv(path, index=False)
    assert load("finer", {"path": str(path), "time": "time", "value": "value"}).step == "day"


def test_irregular_stamps_are_put_on_their_mean_step(tmp_path):
    generator = np.random.default_rng(9)
    times = np.cumsum(generator.exponential(1.0, 1000))
    path = tmp_path / "irregular.csv"
    pd.DataFrame({"time": times, "value": np.sin(times / 20)}).to_csv(path, index=False)
    series = load("irregular", {"path": str(path), "time": "time", "value": "value"})
    assert 900 < len(series.values) < 1100
    truth = np.sin(series.time / 20)
    assert np.allclose(np.where(series.observed, series.values, truth), truth, atol=0.06)


def test_gaps_become_missing_slots_from_which_nothing_is_forecast(tmp_path):
    stamps = pd.date_range("2021-01-01", periods=300, freq="h").delete([200, 201])
    path = tmp_path / "gap.csv"
    pd.DataFrame({"time": stamps, "value": np.sin(np.arange(298) / 3.0)}).to_csv(path, index=False)
    series = load("gap", {"path": str(path), "time": "time", "value": "value"})
    assert len(series.values) == 300
    assert series.step == "hour"
    assert list(np.flatnonzero(~series.observed)) == [200, 201]
    table, *_ = evaluate(series, SeriesSettings(horizon=4), all_named(["persistence", "sliding"]))
    assert not {200, 201} & set(table["origin"])


def test_a_series_begins_where_it_first_moves(tmp_path):
    moving = np.random.default_rng(2).poisson(5.0, 200).astype(float) + 1.0
    for still, kept in ((100, 201), (3, 203)):
        path = tmp_path / f"{still}.csv"
        values = np.concatenate([np.zeros(still), moving])
        pd.DataFrame({"time": np.arange(len(values)), "value": values}).to_csv(path, index=False)
        series = load("sales", {"path": str(path), "time": "time", "value": "value"})
        assert len(series.values) == len(series.time) == len(series.observed) == kept


def test_a_series_too_short_says_what_it_needs_and_which_settings_are_defaults():
    short = as_series(seasonal_series(40))
    with pytest.raises(KoopflowError, match=r"must have at least 90 samples for horizon: 12 \(got 40\)"):
        choose(short, SeriesSettings(horizon=12))
    long = as_series(seasonal_series(200))
    with pytest.raises(
        KoopflowError, match=r"window: 70 with horizon: 12 \(the default; set horizon to change it\) must fit"
    ):
        choose(long, SeriesSettings(window=70))
    with pytest.raises(
        KoopflowError, match=r"window: 24, delays: 6 \(the default; set delays to change it\) and rank: 20 do not"
    ):
        choose(long, SeriesSettings(window=24, rank=20))


def test_coverage_counts_only_truths_that_are_known():
    frame = pd.DataFrame(
        {"series": "s", "method": "sliding", "origin": range(20), "horizon": 1, "prediction": 0.0, "truth": 0.5}
    )
    frame["lower"], frame["upper"] = -1.0, 1.0
    frame.loc[15:, "truth"] = np.nan
    frame.loc[:2, "lower"] = np.nan
    assert skill_table(frame, {"s": 1.0}, seed=0)["coverage"].tolist() == [1.0]


def test_the_future_has_nested_quantiles_and_dates():
    stamps = pd.date_range("2001-01-01", periods=200, freq="MS").to_numpy()
    series = prepared("s", stamps, seasonal_series(200), period=12)
    found = evaluate(series, SeriesSettings(horizon=4), all_named(["persistence", "sliding"]), coverage=0.6)
    assert tuple(found.future.columns) == (*FORECAST_QUANTILES, "time")
    assert set(found.future["origin"]) == {"2017-08-01"}
    assert found.future["time"].unique().tolist() == ["2017-09-01", "2017-10-01", "2017-11-01", "2017-12-01"]
    wide = found.future.pivot_table(index=["method", "horizon"], columns="quantile", values="value")
    assert wide.columns.tolist() == [0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.975]
    assert (np.diff(wide, axis=1) >= 0).all()
    last = found.predictions[found.predictions["origin"] == 199].set_index(["method", "horizon"])
    assert np.allclose(wide[[0.2, 0.5, 0.8]], last[["lower", "prediction", "upper"]].loc[wide.index])
    assert set(last["origin_time"]) == {"2017-08-01"}


def test_intervals_extended_origin_by_origin_are_those_of_all_origins_at_once():
    errors, origins = np.abs(np.random.default_rng(0).standard_normal((80, 3))), np.arange(10, 90)
    whole, grown = (RollingIntervals([0.5, 0.9], 3) for _ in range(2))
    whole.extend(errors, origins)
    for count in (1, 30, 31, 80):
        known = np.where(origins[:count, None] + np.arange(1, 4) < 10 + count, errors[:count], np.nan)
        grown.extend(known, origins[:count])
    assert np.array_equal(whole.halves, grown.halves, equal_nan=True)
    assert np.isfinite(whole.halves[40:]).all()


def test_the_power_of_box_and_cox_makes_changes_even():
    level = np.linspace(2, 40, 400)
    noise = 0.1 * np.random.default_rng(0).standard_normal(400)
    values = ((level + noise) ** 2)[:, None]  # a square root makes its noise even
    assert build("boxcox", 1, values).power == pytest.approx(0.5, abs=0.06)
    exact = np.exp(np.linspace(0, 4, 400) + noise)[:, None]
    assert build("boxcox", 1, exact).power == pytest.approx(0.1)


def test_intervals_of_box_and_cox_end_where_the_series_does():
    values = np.random.default_rng(1).lognormal(1.0, 1.0, 300)
    found = evaluate(as_series(values), SeriesSettings(horizon=3, transform="boxcox"), all_named(["persistence"]))
    assert (found.predictions["lower"].dropna() > -1e-9).all()
    covered = found.predictions.dropna()
    inside = (covered["truth"] >= covered["lower"]) & (covered["truth"] <= covered["upper"])
    assert inside.mean() == pytest.approx(0.9, abs=0.05)


def test_all_transforms_are_considered_where_asked():
    trend = np.cumsum(1 + np.random.default_rng(2).standard_normal(300))
    chosen = choose(as_series(trend, period=1), SeriesSettings(horizon=3, transform="all"))
    assert chosen.transform.lags == (1,)
    assert choose(as_series(trend, period=1), SeriesSettings(horizon=3)).transform.lags == ()


def test_half_widths_made_even_never_shrink_and_keep_their_size():
    generator = np.random.default_rng(0)
    rough = np.exp(np.linspace(0, 1, 12)[:, None] + 0.3 * generator.standard_normal((50, 12, 2)))
    smooth = even(rough)
    assert (np.diff(smooth, axis=1) >= -1e-12).all()
    assert np.log(smooth).mean() == pytest.approx(np.log(rough).mean(), abs=0.02)
    rising = np.exp(0.1 * np.arange(12.0))[None, :, None]
    assert even(rising)[:, 1:-1] == pytest.approx(rising[:, 1:-1])


def test_steps_without_a_half_width_keep_none():
    rough = np.array([1.0, 3.0, 2.0, np.nan])[None, :, None]
    found = even(rough)[0, :, 0]
    assert np.isnan(found).tolist() == [False, False, False, True]
    assert found[1] <= found[2]
    assert np.isnan(even(np.full((2, 3, 1), np.nan))).all()


def test_intervals_of_all_coverages_are_scored():
    generator = np.random.default_rng(1)
    values = lfilter([1.0], [1.0, -0.7], generator.standard_normal(500))
    found = evaluate(as_series(values, 1), SeriesSettings(horizon=4), all_named(["persistence", "sliding"]))
    table = skill_table(found.predictions, {"test": 1.0}, seed=0, draws=100)
    for level in (50, 80, 95):
        assert table[f"coverage_{level}"].mean() == pytest.approx(level / 100, abs=0.06)
    held = found.predictions.dropna(subset=["band"])
    inside = (held["truth"] >= held["lower"]) & (held["truth"] <= held["upper"])
    assert (inside == (held["band"] <= 0.9)).mean() > 0.999


def test_quantiles_of_earlier_origins_are_those_of_the_intervals():
    series = as_series(np.random.default_rng(0).standard_normal(160).cumsum())
    options = {"quantiles": True, "coverage": 0.8}
    found = evaluate(series, SeriesSettings(horizon=3), {"p": named("persistence")}, **options).predictions
    plain, quantiles = apart(found)
    usual = evaluate(series, SeriesSettings(horizon=3), {"p": named("persistence")}, coverage=0.8).predictions
    assert plain.equals(usual)
    wide = quantiles.pivot_table(index=["origin", "horizon"], columns="quantile", values="value")
    assert wide.columns.tolist() == [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975]
    assert (np.diff(wide.dropna(), axis=1) >= 0).all()
    given = usual.set_index(["origin", "horizon"]).loc[wide.index]
    assert np.array_equal(wide[0.5], given["prediction"])
    assert np.array_equal(wide[[0.1, 0.9]], given[["lower", "upper"]], equal_nan=True)
    assert quantiles["origin_time"].tolist()[0] == usual["origin_time"].tolist()[0]
