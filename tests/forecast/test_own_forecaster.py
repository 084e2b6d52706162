"""A forecaster of one's own is one file, and stands beside the registered ones."""

import re
import sys

import numpy as np
import pytest

from koopflow.config.forecast import ForecastSettings
from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.loading import prepared
from koopflow.forecast.check import try_forecaster
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.methods import Gated, GatedWithoutMemory, Sliding
from koopflow.forecast.plain_methods import Persistence
from koopflow.forecast.protocol import all_named, as_forecaster, named
from koopflow.forecast.registry import FORECASTERS
from koopflow.studies.checks.forecast import check as check_stage

SOURCE = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from koopflow.forecast.protocol import Configured


@dataclass(frozen=True, repr=False)
class Median(Configured):
    """Hold the median of the last `samples` values; of a season by default."""

    period: int | None = None
    samples: int = 0
    open: ClassVar[tuple[str, ...]] = ("period",)

    def forecast(self, values, origins, horizon):
        count = self.samples or self.period
        medians = [np.median(values[max(0, origin + 1 - count) : origin + 1]) for origin in origins]
        return np.repeat(np.array(medians)[:, None], horizon, axis=1)


def last(values, origins, horizon, factor: float = 1.0):
    return factor * np.repeat(values[origins][:, None], horizon, axis=1)


def clairvoyant(values, origins, horizon):
    return values[np.minimum(origins[:, None] + np.arange(1, horizon + 1), len(values) - 1)]


def flat(values, origins, horizon):
    return values[origins]


def broken(values, origins, horizon):
    raise ZeroDivisionError("of my own")
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's beside the configuration; its name."""
    (tmp_path / "my_forecasters.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_forecasters", raising=False)
    return "my_forecasters"


@pytest.fixture(scope="module")
def series():
    time = np.arange(260)
    return prepared(
        "waves", time, 20 + np.sin(2 * np.pi * time / 12) + np.random.default_rng(0).normal(0, 0.1, 260), period=12
    )


def test_one_file_adds_a_forecaster(own, series):
    forecasters = all_named(["sliding", f"{own}:Median", f"{own}:last", "persistence"])
    for name, each in forecasters.items():
        try_forecaster(name, each, series, 4)
    table = evaluate(series, SeriesSettings(horizon=4), forecasters).predictions
    assert table["method"].unique().tolist() == ["sliding", f"{own}:Median", f"{own}:last", "persistence"]
    by_method = {name: part.reset_index(drop=True) for name, part in table.groupby("method")}
    assert by_method[f"{own}:last"]["prediction"].equals(by_method["persistence"]["prediction"])
    median = by_method[f"{own}:Median"].iloc[0]
    assert median["prediction"] == np.median(series.values[median["origin"] - 11 : median["origin"] + 1])


def test_options_are_typed(own):
    assert named(f"{own}:Median", samples=3).samples == 3
    assert named(f"{own}:last", factor=2.0).forecast(np.arange(4.0), np.array([1]), 2).tolist() == [[2.0, 2.0]]
    with pytest.raises(KoopflowError, match=r"sample: unknown option \(did you mean samples\?\)"):
        named(f"{own}:Median", sample=3)
    with pytest.raises(KoopflowError, match="must be float"):
        named(f"{own}:last", factor="two")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clairvoyant", "must not depend on values after the origin"),
        ("flat", r"shape \(origins, horizon\) = \(1, 4\) \(got \(1,\)\)"),
        ("broken", "ZeroDivisionError: of my own"),
    ],
)
def test_a_forecaster_that_cannot_be_used_is_refused_before_anything_runs(own, series, name, message):
    with pytest.raises(KoopflowError, match=message):
        try_forecaster(name, named(f"{own}:{name}"), series, 4)


def test_registered_forecasters_pass_the_check(series):
    for name in sorted(set(FORECASTERS) - {"ets", "arima", "auto_arima"}):  # statsmodels takes its time
        try_forecaster(name, named(name), series, 4)


def test_a_wrong_shape_is_named_in_an_evaluation(own, series):
    with pytest.raises(KoopflowError, match="forecaster mine must return"):
        evaluate(series, SeriesSettings(horizon=4), {"mine": named(f"{own}:flat")})


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(KoopflowError, match=r"no forecaster named 'slidin' \(did you mean sliding\?\)"):
        named("slidin")
    with pytest.raises(KoopflowError, match="must be an object with a method forecast"):
        as_forecaster(3)


def test_options_that_are_given_stay_and_the_rest_suits_them(series):
    # Delays and rank that suit the chosen window do not fit into nine samples.
    forecasters = {"short": Sliding(window=9), "chosen": Sliding(), "short again": Sliding(window=9)}
    table = evaluate(series, SeriesSettings(horizon=4), forecasters).predictions
    by_method = {name: part["prediction"].to_numpy() for name, part in table.groupby("method")}
    assert np.isfinite(by_method["short"]).all()
    assert np.array_equal(by_method["short"], by_method["short again"])
    assert not np.array_equal(by_method["short"], by_method["chosen"])


def test_objects_are_written_as_they_were_made():
    assert [repr(each) for each in (Gated(), Sliding(window=40), Persistence(), GatedWithoutMemory(matches=2))] == [
        "Gated()",
        "Sliding(window=40)",
        "Persistence()",
        "GatedWithoutMemory(matches=2)",
    ]


def test_an_open_option_is_named_when_nothing_chooses_it():
    with pytest.raises(KoopflowError, match=r"Sliding\(window=40\): delays must be given"):
        Sliding(window=40).forecast(np.arange(100.0), np.array([60]), 3)


def test_yaml_names_a_file_and_its_options_and_the_check_tries_them(own):
    series = {"switching": {"source": "switching", "length": 400, "horizon": 4}}
    mine = {"season": {"forecaster": f"{own}:Median", "options": {"samples": 5}}}
    study = {"forecasters": mine, "methods": ["sliding", "season", f"{own}:last"]}
    assert check_stage(series, study, seed=0)["switching"]["horizon"] == 4
    settings = ForecastSettings.load(study)
    assert all_named(settings.methods, settings.forecasters)["season"].samples == 5
    for wrong, message in [
        (
            {"methods": ["sliding", f"{own}:clairvoyant"]},
            "my_forecasters:clairvoyant: forecast must not depend on values after",
        ),
        (
            {"methods": ["sliding", f"{own}:gone"]},
            "forecast.methods: forecaster my_forecasters:gone cannot be imported",
        ),
        (
            {
                "methods": ["sliding", "season"],
                "forecasters": {"season": mine["season"] | {"options": {"samples": "5"}}},
            },
            "forecast.forecasters.season.options.samples: must be int",
        ),
    ]:
        with pytest.raises(KoopflowError, match=message):
            check_stage(series, wrong, seed=0)


@pytest.mark.parametrize(
    ("forecaster", "options", "message"),
    [
        ("sliding", {"window": 3}, "Sliding.window must be at least 4 (got 3)"),
        (
            "sliding",
            {"window": 20, "delays": 30},
            "series.switching: window: 20 and delays: 30 do not fit: delays must be at",
        ),
        ("gated", {"matches": 0}, "Gated.matches must be at least 1 (got 0)"),
        ("gated", {"radial": 2}, "radial must be 0 for a gate, which weighs samples alone (got 2)"),
        ("episodic", {"blend": 2}, "blend must be between 0 and 1 (got 2.0)"),
        ("combined", {"seasons": [0]}, "Combined.seasons must be at least 2 (got (0,))"),
        ("theta", {"period": 0}, "Theta.period must be at least 1 (got 0)"),
        ("auto_arima", {"estimates": -1}, "AutoArima.estimates must be at least 1 (got -1)"),
        ("drift", {"window": 0}, "Drift.window must be at least 2 (got 0)"),
    ],
)
def test_options_out_of_range_are_refused_by_their_key_before_anything_runs(forecaster, options, message):
    study = {"forecasters": {"mine": {"forecaster": forecaster, "options": options}}, "methods": ["sliding", "mine"]}
    series = {"switching": {"source": "switching", "length": 400, "horizon": 4, "period": 1}}
    with pytest.raises(KoopflowError, match=rf"^forecast.forecasters.mine.options: {re.escape(message)}"):
        check_stage(series, study, seed=0)


def test_a_method_is_registered_declared_or_a_target():
    known = {"forecaster": FORECASTERS}
    with pytest.raises(KoopflowError, match=r"forecast.methods: no forecaster named 'gatd' \(did you mean gated\?\)"):
        ForecastSettings.load({"methods": ["sliding", "gatd"]}, "forecast", known=known)
    declared = {"gatd": {"forecaster": "gated"}}
    assert ForecastSettings.load({"methods": ["sliding", "gatd"], "forecasters": declared}, "forecast", known=known)
