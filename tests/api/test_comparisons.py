"""`koopflow.compare` tells sets of runs apart by their spectra, from arrays, files or operators."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from koopflow.equivalence.ranks import stable_rank
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


def maps(slow, seed, count=8):
    """Runs of a noisy map with eigenvalues `slow`, 0.6 and three that are noise, (run, step, 5)."""
    generator = np.random.default_rng(seed)
    state, states = generator.normal(size=(count, 5)), []
    for _ in range(60):
        states.append(state)
        state = state * [slow, 0.6, 0, 0, 0] + generator.normal(size=(count, 5)) * [0.1, 0.1, 0.03, 0.03, 0.03]
    return np.stack(states, axis=1)


def test_the_stable_rank_is_that_of_the_rule_and_its_neighbours_are_told():
    sets = {"slow": maps(0.97, 0), "fast": maps(0.7, 1)}
    found = kf.compare(sets, rank="stable", largest_rank=5)
    chosen = found.stability.loc[found.stability["chosen"], "rank"].unique().tolist()
    assert found.table["rank"].tolist() == chosen == [stable_rank(found.stability, 0.33)]
    assert {len(values) for own in found.spectra.values() for values in own} == set(chosen)
    assert found.table["sensitivity"].iloc[0].count("at rank") >= 1
    # blind to the comparison: the rule sees the scatter within each set alone
    same = kf.compare({"slow": sets["slow"], "again": sets["slow"]}, rank="stable", largest_rank=5)
    own = [frame[frame["setting"] == "slow"]["ratio"].tolist() for frame in (found.stability, same.stability)]
    assert own[0] == own[1]


def test_a_whole_rank_has_the_fits_own_spectra_and_neighbours():
    sets = {"slow": maps(0.97, 0), "fast": maps(0.7, 1)}
    found = kf.compare(sets, rank=2)
    assert np.allclose(found.spectra["slow"][0], kf.fit(sets["slow"][0], rank=2).eigenvalues, atol=1e-9)
    assert "at rank 1" in found.table["sensitivity"].iloc[0]
    assert "at rank 3" in found.table["sensitivity"].iloc[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": "steady"}, "rank must be a number or \"stable\" \\(got 'steady'\\)"),
        ({"rank": "stable", "largest_rank": 1}, "largest_rank must be at least 2"),
    ],
)
def test_a_wrong_rank_is_refused(options, message):
    with pytest.raises(kf.KoopflowError, match=message):
        kf.compare({"a": runs(0.9, 0), "b": runs(0.9, 1)}, **options)
