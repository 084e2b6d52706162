"""Forecasts from Python: what a user holds goes in, a table comes out."""

import numpy as np
import pandas as pd
import pytest

from koopflow.api.forecasting import Gated, Sliding, evaluate, forecast
from koopflow.core.errors import KoopflowError


@pytest.fixture(scope="module")
def months():
    stamps = pd.date_range("2000-01-01", periods=160, freq="MS")
    noise = np.random.default_rng(0).normal(0, 0.2, 160)
    return pd.Series(50 + np.sin(2 * np.pi * np.arange(160) / 12) + noise, index=stamps, name="sales")


def last_value(values, origins, horizon):
    return np.repeat(values[origins][:, None], horizon, axis=1)


def test_everything_that_holds_a_series_gives_the_same_forecast(months):
    by_month = forecast(months, horizon=3, forecaster="sliding", period=12)
    assert by_month.columns.tolist() == ["step", "time", "prediction", "low", "high"]
    assert by_month["time"].tolist() == pd.date_range("2013-05-01", periods=3, freq="MS").tolist()
    assert (by_month["low"] < by_month["prediction"]).all()
    assert (by_month["prediction"] < by_month["high"]).all()
    held = [
        months.sample(frac=1, random_state=1),
        months.to_frame(),
        months.rename_axis("when").reset_index(),
        months.rename_axis("ds").reset_index().astype({"ds": str}),
        months.set_axis(months.index.to_period("M")),
        months.set_axis(months.index.tz_localize("UTC")),
    ]
    for each in held:
        pd.testing.assert_frame_equal(forecast(each, horizon=3, forecaster="sliding", period=12), by_month)
    for plain in (months.to_numpy(), months.tolist(), months.to_numpy()[:, None]):
        table = forecast(plain, horizon=3, forecaster=Sliding(), period=12)
        assert table["prediction"].equals(by_month["prediction"])
        assert table["time"].tolist() == [160, 161, 162]


def test_the_default_is_the_gated_forecaster(months):
    table = forecast(months, horizon=4, period=12)
    pd.testing.assert_frame_equal(table, forecast(months, horizon=4, forecaster=Gated(), period=12))


def test_forecasters_are_compared_on_the_same_origins(months):
    table = evaluate(months, [Sliding(window=24), last_value, "ets"], horizon=2, period=12, every=4)
    assert table["method"].tolist() == ["Sliding(window=24)", "last_value", "ets"] * 2
    assert table["n"].groupby(table["horizon"]).nunique().tolist() == [1, 1]
    assert (table[["ci_low", "ci_high"]].diff(axis=1)["ci_high"] >= 0).all()
    truth, held = months.to_numpy()[1:], months.to_numpy()[:-1]
    origins = [origin for origin in [*range(64, 160, 4)] if origin < 159]
    own = table[(table["method"] == "last_value") & (table["horizon"] == 1)].iloc[0]
    assert own["n"] == len(origins)
    assert own["mae"] == pytest.approx(np.abs(truth - held)[origins].mean())


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (["a", "b"], "all values must be numbers"),
        (np.zeros((30, 2)), r"shape \(time,\) \(got \(30, 2\)\)"),
        (
            pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}),
            "none of the 2 series can be forecast; the first is 'a': series.a: 2 rows are too few to forecast from",
        ),
        (pd.DataFrame({"time": ["2020-01-01", "soon"], "b": [1.0, 2.0]}), "'soon' in column 'time' is not a date"),
        (pd.Series([1.0, 2.0], index=pd.DatetimeIndex(["2020-01-01", "2020-01-01"])), "times must be unique"),
        (pd.Series([1.0, 2.0], index=pd.DatetimeIndex(["2020-01-01", None])), r"times must not be missing \(row 1\)"),
        (pd.Series([1.0], index=pd.MultiIndex.from_tuples([("a", 1)])), r"one level \(got 2\).*reset_index"),
        (np.ones(200) * 1j, "all values must be numbers"),
        (pd.to_timedelta([1, 2, 3]), "all values must be numbers"),
        (np.ones(200), "constant"),
        (np.arange(40.0) % 7, "must have at least 90 samples for horizon: 12"),
    ],
)
def test_what_cannot_be_forecast_is_said_in_one_line(series, message):
    with pytest.raises(KoopflowError, match=message):
        forecast(series)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "forecast.horizon"),
        ({"period": 0}, r"period must be at least 1 \(got 0\)"),
        ({"coverage": 90}, r"coverage must be strictly between 0 and 1 \(got 90\)"),
        ({"horizon": 2.5}, r"forecast.horizon must be a whole number \(got 2.5\)"),
        ({"period": "12"}, r"period must be a whole number \(got '12'\)"),
        ({"coverage": None}, r"coverage must be strictly between 0 and 1 \(got None\)"),
        ({"levels": 50}, r"levels must be a list, such as \[50, 90\] \(got 50\)"),
        ({"levels": ["a"]}, r"levels must be percentages strictly between 0 and 100 \(got a\)"),
        ({"quantiles": np.array([0.5, 0.5])}, r"quantiles must be unique \(got 0.5 twice\)"),
        ({"holidays": ["US"]}, "holidays must be text"),
        ({"beside": 3}, r"beside must be a list, such as .* \(got 3\)"),
        ({"regressors": ["x", "x"]}, r"regressors must be unique \(got 'x' twice\)"),
        ({"forecaster": Gated(matches=0)}, r"^Gated.matches must be at least 1 \(got 0\)$"),
        ({"forecaster": Gated(mode_weight=-1)}, r"^Gated.mode_weight must be at least 0 \(got -1\)$"),
        ({"forecaster": Sliding(window="a")}, r"^Sliding.window: must be int \| None \(got 'a'\)$"),
        ({"forecaster": "gatd"}, "did you mean gated"),
    ],
)
def test_options_out_of_range_are_named(months, options, message):
    with pytest.raises(KoopflowError, match=message):
        forecast(months, **{"horizon": 3, **options})


def test_lists_may_be_arrays_and_masked_values_are_missing(months):
    asked = {"horizon": 2, "period": 12, "forecaster": Sliding(window=np.int64(24))}
    table = forecast(months, levels=np.array([50, 90]), quantiles=np.array([0.1]), **asked)
    assert table.columns.tolist()[3:] == ["low_50", "high_50", "low_90", "high_90", "q0.1"]
    gone = np.arange(160) % 9 == 3
    masked = forecast(np.ma.masked_array(months, gone), **asked)
    assert masked["prediction"].equals(forecast(np.where(gone, np.nan, months), **asked)["prediction"])
    assert not masked["prediction"].equals(table["prediction"])


def test_one_forecaster_needs_no_list(months):
    table = evaluate(months, "drift", horizon=np.int64(2), period=12, every=8)
    assert set(table["method"]) == {"drift"}
    with pytest.raises(KoopflowError, match="forecasters must not be empty"):
        evaluate(months, [])


def test_a_forecaster_is_given_once(months):
    with pytest.raises(KoopflowError, match="forecasters must be unique"):
        evaluate(months, [Gated(), Gated()])


@pytest.fixture(scope="module")
def long(months):
    """Two months' series that can be forecast, one row of another, a short one, and daily values."""
    stamps = months.index
    parts = {"b": months, "a": 2 * months, "single": months[:1], "short": months[:30]}
    parts["days"] = months.set_axis(pd.date_range("2000-01-01", periods=len(stamps), freq="D"))
    rows = [pd.DataFrame({"unique_id": name, "ds": part.index, "y": part.to_numpy()}) for name, part in parts.items()]
    return pd.concat(rows, ignore_index=True)


def test_many_series_are_forecast_alike_from_every_form(long, months, tmp_path, caplog):
    options = {"horizon": 3, "forecaster": "sliding", "period": 12}
    table = forecast(long, **options)
    assert table.columns.tolist() == ["unique_id", "step", "time", "prediction", "low", "high"]
    assert table["unique_id"].tolist() == ["b"] * 3 + ["a"] * 3
    pd.testing.assert_frame_equal(table[:3].drop(columns="unique_id"), forecast(months, **options), check_like=True)
    reasons = table.attrs["left_out"]
    assert list(reasons) == ["single", "short", "days"]
    assert "1 rows are too few" in reasons["single"]
    assert "must have at least 45 samples" in reasons["short"]
    assert reasons["days"] == "its step is a day, that of most series a month"
    assert "3 of 5 series are left out; the first is 'single'" in caplog.text

    wide = long.pivot_table(index="ds", columns="unique_id", values="y")[["b", "a"]]
    (tmp_path / "folder").mkdir()
    for name in ("b", "a"):
        rows = long[long["unique_id"] == name].rename(columns={"ds": "time", "y": "value"})
        rows[["time", "value"]].to_csv(tmp_path / "folder" / f"{name}.csv", index=False)
    long.to_csv(tmp_path / "long.csv", index=False)
    renamed = long.rename(columns={"unique_id": "id", "ds": "time", "y": "value"})
    forms = [wide.loc[months.index], wide.loc[months.index].reset_index(), tmp_path / "folder", renamed]
    for form in [*forms, str(tmp_path / "long.csv")]:
        same = forecast(form, **options)
        for name in ("a", "b"):
            found, known = (each[each.iloc[:, 0] == name] for each in (same, table))
            assert np.allclose(found["prediction"], known["prediction"], rtol=1e-9)
            assert found["time"].tolist() == known["time"].tolist()
    one = forecast(tmp_path / "folder" / "b.csv", **options)
    assert np.allclose(one["prediction"], table["prediction"][:3])


def test_later_values_of_other_series_change_nothing(long):
    """Series are forecast one by one, each from its own past."""
    changed = long.copy()
    changed.loc[changed["unique_id"] == "a", "y"] *= -3.0
    first, second = (forecast(each, horizon=3, period=12) for each in (long, changed))
    assert first[:3].equals(second[:3])
    assert not first[3:].equals(second[3:])


def test_what_many_series_lack_is_said_in_one_line(long, tmp_path):
    for given, message in [
        (tmp_path, "must hold CSV files, one per series \\(found none\\)"),
        (tmp_path / "none.csv", "no such file"),
        (long.rename(columns={"y": "a"}).assign(b=1.0), "one column of values, such as y or value \\(got 'a', 'b'\\)"),
        (long.assign(unique_id=[None, *long["unique_id"][1:]]), "column 'unique_id' must not be empty \\(row 0\\)"),
    ]:
        with pytest.raises(KoopflowError, match=message):
            forecast(given, horizon=3)


@pytest.fixture
def led() -> pd.DataFrame:
    """A series that does a month later what the column x does."""
    generator = np.random.default_rng(0)
    x = np.cumsum(generator.standard_normal(161))
    y = x[:-1] + 0.1 * generator.standard_normal(160)
    return pd.DataFrame({"time": pd.date_range("2000-01-01", periods=160, freq="MS"), "y": y, "x": x[1:]})


def test_a_column_beside_the_values_is_part_of_the_state(led, tmp_path):
    def error(**options) -> float:
        return evaluate(led[["time", "y", *options]], Sliding(), 1, period=1, **options)["mae"].iloc[0]

    assert evaluate(led, Sliding(), 1, period=1, beside=["x"])["mae"].iloc[0] < 0.8 * error()
    model = Sliding().fit(led, 2, period=1, beside=["x"])
    expected = forecast(led, 2, period=1, beside=["x"], forecaster="sliding")
    pd.testing.assert_frame_equal(model.predict().head(2), expected, check_exact=True)
    model.save(tmp_path / "model.npz")
    loaded = Sliding.load(tmp_path / "model.npz")
    pd.testing.assert_frame_equal(loaded.predict(), model.predict(), check_exact=True)
    with pytest.raises(KoopflowError, match="update: the series has others beside it; fit again"):
        loaded.update([1.0])
    led.to_csv(tmp_path / "led.csv", index=False)
    from_file = forecast(tmp_path / "led.csv", 2, period=1, beside=["x"])
    assert from_file["prediction"].tolist() == forecast(led, 2, period=1, beside=["x"])["prediction"].tolist()


def test_regressors_count_where_methods_are_compared(led):
    known = led.assign(y=np.sin(led.index * 1.7) + 3 * led["x"])
    known.loc[159, "y"] = np.nan  # x is known for the horizon after the last value
    table = evaluate(known, ["regression", "airline"], 1, period=1, regressors=["x"]).set_index("method")
    assert table["mae"]["regression"] < 0.6 * table["mae"]["airline"]


def test_regressors_and_holidays_count_for_many_series_as_for_each_alone(led, tmp_path):
    """A column that is known ahead, of two series; of the third it ends before the horizon."""
    parts = {"b": led, "a": led.assign(y=-2 * led["y"]), "short": led.assign(y=3 * led["y"])}
    rows = pd.concat([part.assign(unique_id=name) for name, part in parts.items()], ignore_index=True)
    rows.loc[rows["time"].isin(led["time"].tail(3)) & (rows["unique_id"] != "short"), "y"] = np.nan
    options = {"horizon": 3, "period": 1, "regressors": ["x"], "forecaster": "regression"}
    table = forecast(rows, **options)
    assert table["unique_id"].tolist() == ["b"] * 3 + ["a"] * 3
    assert "'x' must be known for 3 steps after the last value, the horizon (got 0)" in table.attrs["left_out"]["short"]
    for name in ("b", "a"):
        alone = forecast(rows[rows["unique_id"] == name].drop(columns="unique_id"), **options)
        assert table[table["unique_id"] == name]["prediction"].tolist() == alone["prediction"].tolist()
    rows.to_csv(tmp_path / "long.csv", index=False)
    assert np.allclose(forecast(tmp_path / "long.csv", **options)["prediction"], table["prediction"])
    for given, other, message in [
        (rows, {"regressors": ["z"]}, "the table must have a column of numbers 'z'"),
        (
            rows.drop(columns="x"),
            {"holidays": "Atlantis"},
            r"none of the 3 series can be forecast; the first is 'b': .*Atlantis",
        ),
        (rows, {"beside": ["x"]}, r"beside: need one series \(got 3\)"),
    ]:
        with pytest.raises(KoopflowError, match=message):
            forecast(given, 3, **other)
    with pytest.raises(KoopflowError, match=r"need one series \(got 3, in column 'unique_id'\); choose one, or call"):
        evaluate(rows, "persistence", 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beside": ["z"]}, "beside: the table must have a column of numbers 'z'"),
        ({"beside": ["x"], "forecaster": "gated"}, r"beside: Gated\(\) observes one series; use Sliding or Episodic"),
        ({"beside": ["flat"]}, "beside: column flat has no values that change"),
    ],
)
def test_what_cannot_stand_beside_is_said_in_one_line(led, options, message):
    given = led.assign(flat=1.0) if options["beside"] == ["flat"] else led
    given = given.drop(columns="x") if "flat" in given else given
    with pytest.raises(KoopflowError, match=message):
        forecast(given, 2, **options)
