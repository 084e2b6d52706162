"""`koopflow.compare` tells sets of runs apart by their spectra, from arrays, files or operators."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from tests.api.test_operators import recorded


def runs(rate, seed, count=6):
    """Runs that decay at nearly the same rate, (run, step, 3)."""
    rates = rate + 0.002 * np.random.default_rng(seed).standard_normal(count)
    return rates[:, None, None] ** np.arange(30)[:, None] * [1.0, 2.0, 3.0]


def test_sets_of_unlike_rates_are_different_however_they_are_given(tmp_path):
    slow, fast = runs(0.99, 0), runs(0.9, 1)
    arrays = kf.compare({"slow": slow, "fast": list(fast)}, rank=1)
    assert arrays.verdict == "different"
    assert arrays.table["n"].tolist() == [6]
    files = {"slow": recorded(tmp_path / "slow.h5", slow), "fast": recorded(tmp_path / "fast.h5", fast)}
    operators = {"slow": [kf.fit(run, rank=1) for run in slow], "fast": [kf.fit(run, rank=1) for run in fast]}
    frames = {"slow": [pd.DataFrame(run) for run in slow], "fast": [pd.DataFrame(run) for run in fast]}
    for given in (files, operators, frames, {"slow": [files["slow"]], "fast": kf.Trajectory(files["fast"])}):
        again = kf.compare(given, rank=1)
        assert again.verdict == "different"
        assert np.allclose(again.table["between"], arrays.table["between"], atol=1e-5)


def test_three_sets_have_a_verdict_for_each_pair():
    found = kf.compare({"a": runs(0.99, 0), "b": runs(0.99, 1), "c": runs(0.9, 2)}, rank=1)
    verdicts = found.table.set_index(["a", "b"])["verdict"]
    assert verdicts["a", "c"] == verdicts["b", "c"] == "different"
    assert verdicts["a", "b"] != "different"
    assert repr(found).count("\n") == 2
    with pytest.raises(kf.KoopflowError, match="verdict needs exactly two sets \\(got 3 pairs\\)"):
        found.verdict  # noqa: B018


def test_a_run_of_lower_rank_is_fitted_in_all_its_directions():
    found = kf.compare({"a": runs(0.99, 0), "b": runs(0.9, 1)}, rank=2)
    assert {len(values) for values in found.spectra["a"]} == {1}


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"a": runs(0.9, 0)}, "sets must be a mapping of at least two sets"),
        ([runs(0.9, 0), runs(0.8, 0)], "sets must be a mapping of at least two sets"),
        ({"a": runs(0.9, 0), "b": runs(0.9, 0)[:1]}, r"b: must have at least two runs \(got 1\)"),
        ({"a": runs(0.9, 0), "b": [np.ones((9, 2)), np.full((9, 2), np.nan)]}, "b: run 0 must be finite \\(got nan"),
    ],
)
def test_what_cannot_be_compared_is_refused(sets, message):
    with pytest.raises(kf.KoopflowError, match=message):
        kf.compare(sets, rank=1)
