"""One CSV file of many series: each is read on its own, and what cannot be is listed."""

import numpy as np
import pandas as pd
import pytest

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.groups import load_group
from koopflow.data.series.loading import load
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.many import evaluate_each
from koopflow.forecast.protocol import all_named
from koopflow.studies.checks.forecast import check

METHODS = {"methods": ["persistence", "sliding"]}


@pytest.fixture
def spec(tmp_path):
    """A long file: b and a have 100 months, mixed; one row, a short series, daily values."""
    stamps = pd.date_range("2010-01-01", periods=100, freq="MS")
    wave = 10 + np.sin(2 * np.pi * np.arange(100) / 12) + np.random.default_rng(0).normal(0, 0.1, 100)
    parts = {"b": (stamps, wave), "a": (stamps, 2 * wave), "one": (stamps[:1], wave[:1])}
    parts |= {"short": (stamps[:20], wave[:20]), "days": (pd.date_range("2010-01-01", periods=100), wave)}
    rows = pd.concat([pd.DataFrame({"ds": at, "unique_id": name, "y": y}) for name, (at, y) in parts.items()])
    rows.sort_values("ds", kind="stable").to_csv(tmp_path / "long.csv", index=False)
    for name in ("a", "b"):
        rows[rows["unique_id"] == name].to_csv(tmp_path / f"{name}.csv", index=False)
    spec = {"path": str(tmp_path / "long.csv"), "time": "ds", "value": "y", "id": "unique_id"}
    return spec | {"period": 12, "horizon": 4}


def only(spec, name):
    """Return the entry of one series in a file of its own."""
    return {key: value for key, value in spec.items() if key != "id"} | {"path": spec["path"].replace("long", name)}


def test_each_identifier_is_the_series_of_its_own_file(spec):
    group = load_group("shops", spec)
    assert list(group.series) == ["b", "a", "short"]
    assert set(group.left_out) == {"one", "days"}
    assert group.left_out["days"] == "its step is a day, that of most series a month"
    for name in ("a", "b"):
        alone = load(name, only(spec, name))
        assert np.array_equal(group.series[name].values, alone.values)
        assert np.array_equal(group.series[name].time, alone.time)


def test_one_job_forecasts_all_as_if_each_were_alone(spec, caplog):
    settings, group = SeriesSettings.load(spec, "series.shops"), load_group("shops", spec)
    found, shown = evaluate_each(group, settings, all_named(METHODS["methods"]))
    assert (shown.name, found.choices["shown"]) == ("b", "b")
    assert found.predictions["series"].unique().tolist() == found.future["series"].unique().tolist() == ["b", "a"]
    alone = evaluate(group.series["a"], settings, all_named(METHODS["methods"])).predictions
    pd.testing.assert_frame_equal(
        found.predictions[found.predictions["series"] == "a"].reset_index(drop=True), alone.reset_index(drop=True)
    )
    assert set(found.choices["left_out"]) == {"one", "days", "short"}
    assert list(found.choices["scales"]) == ["b", "a"]
    assert "3 of 5 series are left out; the first is" in caplog.text


def test_the_check_lists_what_is_too_short_and_refuses_what_it_must(spec, tmp_path):
    assert list(check({"shops": spec}, METHODS, 0)) == ["b", "a"]
    for series, message in [
        ({"a": only(spec, "a"), "shops": spec}, "shops.id: 'a' is the name"),
        ({"shops": {**spec, "horizon": 30}}, "series.shops: none of 5 can be forecast; 'one'"),
        ({"shops": {"source": "switching", "id": "x"}}, "series.shops.id: needs path"),
        ({"shops": {**spec, "id": "shop"}}, "has no column 'shop'"),
    ]:
        with pytest.raises(KoopflowError, match=message):
            check(series, METHODS, 0)
    table = pd.read_csv(spec["path"])
    table.loc[3, "unique_id"] = None
    table.to_csv(tmp_path / "gap.csv", index=False)
    with pytest.raises(KoopflowError, match="line 5 has no identifier"):
        load_group("shops", {**spec, "path": str(tmp_path / "gap.csv")})
