"""No look-ahead: when all later values are replaced, no bit of an earlier forecast changes."""

from operator import attrgetter

import numpy as np
import pandas as pd
import pytest

from koopflow.config.series import SeriesSettings
from koopflow.data.series.loading import load
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.gate import Gate
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import GateSettings, RecallSettings, WindowSettings
from koopflow.forecast.protocol import all_named
from koopflow.forecast.registry import FORECASTERS

# Divisible by the season, when the operator of everything remembered is renewed: it has its chance
# to see too much.
CUT = 189


def counts(generator: np.random.Generator, length: int = 280) -> np.ndarray:
    """Return counts with a weekly season, among them zeros, so that the lower ends of intervals
    touch zero."""
    time = np.arange(length)
    return generator.poisson(np.maximum(6 + 6 * np.sin(2 * np.pi * time / 7) + 3 * np.sin(time / 40), 0.0)).astype(
        float
    )


def write_csv(path, values: np.ndarray, stamps: pd.DatetimeIndex, gone: list[int]):
    kept = np.setdiff1d(np.arange(len(values)), gone)
    pd.DataFrame({"time": stamps[kept], "value": values[kept]}).to_csv(path, index=False)
    return {"path": str(path), "time": "time", "value": "value"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Forecasts of two CSV files that are equal up to CUT; later values, gaps and stamps differ."""
    folder, generator = tmp_path_factory.mktemp("series"), np.random.default_rng(0)
    values, gaps = counts(generator), [60, 61, 150, CUT - 1, CUT]
    stamps = pd.date_range("2022-03-01", periods=len(values), freq="D")
    other, shifted = values.copy(), stamps.to_series().reset_index(drop=True)
    other[CUT + 1 :] = -400.0 * generator.standard_cauchy(len(values) - CUT - 1)
    shifted[CUT + 3 : -1] += pd.Timedelta("5h")
    specs = [
        write_csv(folder / "a.csv", values, stamps, [*gaps, CUT + 1, CUT + 2, 230]),
        write_csv(folder / "b.csv", other, pd.DatetimeIndex(shifted), [*gaps, CUT + 1, 215, 216, 217, 250]),
    ]
    results = []
    for spec in specs:
        # The root has the most that could look ahead: its intervals end at zero where the series
        # does.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("koopflow.forecast.auto_arima.MOST_ORDERS", 1)  # a whole search takes seconds
            table, recalled, choices, *_ = evaluate(
                load("mine", spec), SeriesSettings(transform="root"), all_named(FORECASTERS)
            )
        results.append(
            (table[table["origin"] <= CUT], recalled[recalled["origin"] <= CUT].reset_index(drop=True), choices)
        )
    return results


@pytest.mark.parametrize("method", list(FORECASTERS))
def test_no_forecast_or_interval_depends_on_what_comes_later(tables, method):
    (one, *_), (other, *_) = [(table[table["method"] == method], 0) for table, *_ in tables]
    assert len(one) > 500
    assert one["origin"].tolist() == other["origin"].tolist()
    for column in ("prediction", "lower", "upper"):
        assert one[column].to_numpy().tobytes() == other[column].to_numpy().tobytes()
    assert np.isfinite(one[["lower", "upper"]]).all(axis=None)


def test_neither_recollections_nor_choices_depend_on_what_comes_later(tables):
    (_, recalled, choices), (_, others, other) = tables
    assert len(recalled) > 500
    assert np.array_equal(np.stack(recalled["continuation"]), np.stack(others["continuation"]))
    assert recalled.drop(columns="continuation").equals(others.drop(columns="continuation"))
    for name in (
        "period",
        "horizon",
        "window",
        "delays",
        "rank",
        "transform",
        "recalled",
        "matches",
        "early",
        "mase_scale",
        "step",
    ):
        assert choices[name] == other[name]


@pytest.mark.parametrize("scheme", ["basic", "gated"])
@pytest.mark.parametrize(("channels", "match"), [(1, "spectrum"), (2, "spectrum"), (1, "learned")])
def test_neither_weights_nor_thresholds_depend_on_what_comes_later(scheme, channels, match, monkeypatch):
    generator = np.random.default_rng(1)
    series = np.column_stack([counts(generator) for _ in range(channels)])
    other = series.copy()
    other[CUT + 1 :] = 1e3 * generator.standard_normal(other[CUT + 1 :].shape)
    weights, fitted = [], []
    original = Gate.weights
    monkeypatch.setattr(Gate, "weights", lambda self, *a: weights.append(original(self, *a)) or weights[-1])
    options = {"scheme": scheme, "gate": GateSettings(period=7), "recall": RecallSettings(match=match)}
    for each in (series, other):
        fitted.append(EpisodicKoopman(WindowSettings(28, 7, 4), 10, **options).fit(each))
    known = CUT - 28 + 2
    for name in (
        *(["archive_.learned.chosen"] if match == "learned" else []),
        "_thresholds",
        "archive_.recalled",
        "archive_.distances",
        "_stacked",
        "_combined",
        "_ordinary",
        "_experts",
    ):
        one, two = (attrgetter(name)(memory).view for memory in fitted)
        assert one[:known].tobytes() == two[:known].tobytes(), name
        # And the replaced values do count as soon as they are known, so that the comparison above
        # can fail.
        assert len(one) == len(two)
    assert not np.array_equal(fitted[0].forecasts_[CUT + 1], fitted[1].forecasts_[CUT + 1])
    if scheme == "gated":
        half = len(weights) // 2
        assert np.array(weights[:known]).tobytes() == np.array(weights[half : half + known]).tobytes()
    assert fitted[0].explain(CUT - 10).equals(fitted[1].explain(CUT - 10))


@pytest.mark.parametrize(("scheme", "match"), [("basic", "spectrum"), ("gated", "spectrum"), ("basic", "learned")])
def test_a_series_cut_short_gives_the_forecasts_of_the_whole(scheme, match):
    series = counts(np.random.default_rng(2))
    options = {"scheme": scheme, "gate": GateSettings(period=7), "recall": RecallSettings(match=match)}
    whole, short = (
        EpisodicKoopman(WindowSettings(28, 7, 4), 10, **options).fit(series[:length]).forecasts_
        for length in (len(series), CUT + 1)
    )
    assert np.allclose(whole[: CUT + 1], short, rtol=1e-9, atol=1e-9, equal_nan=True)
