"""Real series shipped with packages, by known values, and the file that lists many of them."""

import numpy as np
import pytest
import yaml

from koopflow.data.series.loading import load
from tests.house import ROOT

FIRST_AND_LAST = {
    "nile": (100, 1120.0, 740.0),
    "electrical_equipment": (257, 66.19, None),
    "gdp": (203, 2710.349, 12990.341),
    "german_inflation": (107, -0.00313258, None),
    "google": (1084, 100.0, 393.53),
    "membrane": (12000, -0.6678877, None),
    "eeg": (800, None, None),
}


@pytest.mark.parametrize("name", FIRST_AND_LAST)
def test_a_shipped_series_is_the_published_one(name):
    count, first, last = FIRST_AND_LAST[name]
    series = load(name, {"source": name, "period": 1})
    assert len(series.values) == count
    assert first is None or series.values[0] == pytest.approx(first, rel=1e-6)
    assert last is None or series.values[-1] == pytest.approx(last, rel=1e-6)


def test_length_keeps_the_beginning_of_a_measured_series():
    whole, part = (load("nile", {"source": "nile"} | more) for more in ({}, {"length": 100}))
    assert np.array_equal(
        load("eeg", {"source": "eeg", "length": 120}).values, load("eeg", {"source": "eeg"}).values[:120]
    )
    assert np.array_equal(whole.values, part.values)


def test_the_study_of_series_has_twelve_phenomena_of_several_frequencies():
    series = yaml.safe_load((ROOT / "config" / "series.yaml").read_text(encoding="utf-8"))["series"]
    assert len({spec.get("group", name) for name, spec in series.items()}) >= 12
    steps = {load(name, spec).step for name, spec in series.items() if "source" in spec}
    assert steps >= {"month", "quarter", "business day"}
