"""The rank: leading blocks are the fits of lower ranks, the rule is blind to the comparison, and
verdicts that flip between neighbouring ranks are inconclusive."""

import numpy as np
import pandas as pd
import pytest

from koopflow.claims.estimate import Estimate
from koopflow.claims.measures import Measure
from koopflow.claims.tables import Tables
from koopflow.claims.verdicts import judge
from koopflow.config.claims import ClaimsSettings
from koopflow.equivalence.ranks import AS_GIVEN, STABLE, fitted_rank, rank_rows, ranked, stable_rank
from koopflow.equivalence.sensitivity import rank_distances, rank_tests, with_sensitivity
from koopflow.equivalence.tables import all_distances, comparison_table
from koopflow.koopman.dmd import fit

COMPARISONS = {"x": ["a", "b"]}


def noisy_runs(generator, slow=0.97):
    """Return ten runs of a stable map of three dimensions in eight, with noise in all eight."""
    values = np.diag([slow, 0.9, 0.7])
    seen = np.linalg.qr(np.random.default_rng(3).normal(size=(8, 3)))[0]
    state, states = generator.normal(size=(10, 3)), []
    for _ in range(40):
        states.append(state @ seen.T + 0.01 * generator.normal(size=(10, 8)))
        state = state @ values.T + 0.05 * generator.normal(size=(10, 3))
    return np.stack(states, axis=1)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Eigenvalues of six seeds of two set-ups at ranks 1 to 6."""
    generator, rows = np.random.default_rng(0), []
    for setting, slow in (("a", 0.97), ("b", 0.8)):
        for seed in range(6):
            fitted = fit(noisy_runs(generator, slow), svd_rank=fitted_rank(STABLE, 6))
            rows += rank_rows(fitted, STABLE, setting=setting, seed=seed)
    return pd.DataFrame(rows)


def test_leading_blocks_are_the_fits_of_lower_ranks():
    runs = noisy_runs(np.random.default_rng(1))
    rows = pd.DataFrame(rank_rows(fit(runs, svd_rank=6), STABLE, setting="a", seed=0))
    for rank in range(1, 7):
        alone = fit(runs, svd_rank=rank)
        own = rows[rows["rank"] == rank]
        np.testing.assert_allclose(own["real"] + 1j * own["imag"], alone.eigenvalues, atol=1e-10)
        np.testing.assert_allclose(own["residual"], alone.residuals, atol=1e-10)


@pytest.mark.parametrize(
    ("rank", "fitted", "labels"), [(3, 4, {2, 3, 4}), (1, 2, {1, 2}), (0.99, 0.99, {AS_GIVEN}), (-1, -1, {AS_GIVEN})]
)
def test_a_whole_rank_comes_with_its_neighbours_and_another_alone(rank, fitted, labels):
    assert fitted_rank(rank, 9) == fitted
    rows = rank_rows(
        fit(noisy_runs(np.random.default_rng(2)), svd_rank=fitted_rank(rank, 9)), rank, setting="a", seed=0
    )
    assert {row["rank"] for row in rows} == labels


def test_the_rule_takes_the_largest_rank_before_the_ratio_first_exceeds_the_share():
    ratios = {2: 0.1, 3: 0.2, 4: 0.3, 5: 0.5, 6: 0.1}
    stability = pd.DataFrame(
        [
            {"setting": name, "rank": rank, "ratio": ratio + shift}
            for rank, ratio in ratios.items()
            for name, shift in (("a", 0.05), ("b", -0.05))
        ]
    )
    assert stable_rank(stability, 0.33) == 4
    assert stable_rank(stability, 0.6) == 6
    assert stable_rank(stability, 0.05) == 1


def test_the_rule_sees_seeds_of_one_set_up_only(table):
    found = ranked(table, {"a": STABLE, "b": STABLE}, 0.3)
    print(found.stability.groupby("rank")["ratio"].mean())
    assert found.stable == 4
    # moving one set-up away from the other changes the outcome, but nothing that the rule sees
    moved = table.copy()
    moved.loc[moved["setting"] == "b", ["real", "step_real"]] += 0.3
    assert ranked(moved, {"a": STABLE, "b": STABLE}, 0.3).stable == found.stable


def test_a_rank_that_is_too_large_hides_a_difference_that_the_rule_finds():
    """Five modes scatter over seeds by 0.0006, five more by 0.05. The set-ups differ by 0.002 in the
    former."""
    generator, leading, rest = np.random.default_rng(4), np.linspace(0.99, 0.9, 5), np.linspace(0.8, 0.4, 5)
    rows = []
    for setting, shift in (("a", 0.0), ("b", 0.002), ("c", 0.0)):
        for seed in range(16):
            values = leading - shift + 0.0006 * generator.normal(size=5)
            values = np.append(values, rest + 0.05 * generator.normal(size=5))
            rows += [
                {"setting": setting, "seed": seed, "mode": mode, "step_real": value, "step_imag": 0.0, "rank": rank}
                for rank in range(1, 11)
                for mode, value in enumerate(values[:rank])
            ]
    found = ranked(pd.DataFrame(rows), dict.fromkeys("abc", STABLE), 0.33)
    assert 5 <= found.stable < 8
    verdicts = rank_tests(found, {"x": ["a", "b", "c"]}, 0.25).set_index(["a", "b", "rank"])["verdict"].sort_index()
    assert verdicts["a", "b", 5] == "different"
    assert verdicts["a", "c", 5] == "equivalent"
    assert verdicts["a", "b", 10] != "different"


def test_tests_at_every_rank_and_distances_at_the_neighbours(table):
    found = ranked(table, {"a": STABLE, "b": STABLE}, 0.3)
    by_rank = rank_tests(found, COMPARISONS, 0.25)
    assert by_rank["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert by_rank.loc[by_rank["chosen"], "rank"].tolist() == [4]
    beside = rank_distances(found, COMPARISONS)
    assert sorted(beside["rank"].unique()) == [3, 5]
    assert len(beside) == 2 * (36 + 2 * 15)
    distances = all_distances(found.spectra())
    tests = with_sensitivity(comparison_table(distances, COMPARISONS, 0.05, 0.25, 0), by_rank)
    own = by_rank[by_rank["rank"] == 4].iloc[0]
    assert tests["excess"].iloc[0] == pytest.approx(own["excess"])
    assert tests["verdict"].iloc[0] == "different"
    assert tests["sensitivity"].iloc[0] == "different at rank 3; different at rank 5"


def test_a_set_up_with_its_own_rank_keeps_it_beside_the_stable_one(table):
    found = ranked(table, {"a": STABLE, "b": 4}, 0.33)
    assert (found.label("a"), found.label("b"), found.label("b", -1)) == (found.stable, 4, 3)
    given = ranked(table.assign(rank=AS_GIVEN), {"a": 0.9, "b": 0.9}, 0.33)
    assert given.offsets(["a", "b"]) == [0]
    assert given.stability.empty


@pytest.mark.parametrize(
    ("own", "beside", "expected"),
    [
        ("different", ["different", "inconclusive"], "different"),
        ("different", ["different", "equivalent"], "inconclusive"),
        ("equivalent", ["different", "equivalent"], "inconclusive"),
        ("inconclusive", ["different", "equivalent"], "inconclusive"),
    ],
)
def test_a_verdict_that_flips_at_a_neighbouring_rank_is_inconclusive_and_says_so(own, beside, expected):
    tests = pd.DataFrame(
        [{"comparison": "x", "a": "a", "b": "b", "verdict": own, "n": 4, "rank": np.nan, "sensitivity": None}]
    )
    words = [beside[0], own, beside[1]]
    by_rank = pd.DataFrame(
        [
            {"comparison": "x", "a": "a", "b": "b", "rank": 5 + move, "verdict": word, "offset": move}
            for move, word in zip((-1, 0, 1), words)
        ]
    )
    row = with_sensitivity(tests.astype({"sensitivity": object}), by_rank).iloc[0]
    assert row["verdict"] == expected
    assert row["rank"] == 5
    assert f"{beside[0]} at rank 4" in row["sensitivity"]
    assert ("depends on the rank" in row["sensitivity"]) == (own != expected)


def test_a_verdict_of_too_few_runs_says_how_many_decide():
    tests = pd.DataFrame([{"comparison": "x", "a": "a", "b": "b", "verdict": "inconclusive", "n": 3}])
    by_rank = pd.DataFrame(columns=["comparison", "a", "b", "rank", "verdict", "offset"])
    row = with_sensitivity(tests, by_rank).iloc[0]
    assert row["sensitivity"] == "n = 3; 4 seeds or runs on each side are the least that can decide"


@pytest.mark.parametrize(
    ("ends", "verdict"), [((0.3, 0.9), "supported"), ((0.1, 0.9), "supported"), ((0, 0.2), "inconclusive")]
)
def test_a_claim_that_flips_under_an_alternative_is_inconclusive(monkeypatch, ends, verdict):
    estimate = Estimate(0.6, 0.3, 0.9, 16, "seeds", alternatives={"rank 4": ends})
    own = Measure(lambda tables, level: estimate, "x")
    monkeypatch.setattr("koopflow.claims.verdicts.load_measure", lambda name, key: own)
    claim = {"paper": "p", "statement": "s", "measure": "excess_distance", "above": 0.25}
    row = judge(ClaimsSettings.load({"statements": {"it": claim}}, "claims"), Tables()).iloc[0]
    assert row["verdict"] == verdict
    assert row["sensitivity"].endswith("at rank 4")
    if verdict == "inconclusive":
        assert row["reason"] == "supported here, but not supported at rank 4"


def test_the_stable_rank_is_one_that_every_seed_has(table):
    assert ranked(table, {"a": STABLE, "b": STABLE}, 1e9).stable == 6
    poor = table[~((table["setting"] == "b") & (table["seed"] == 2) & (table["rank"] > 3))]
    assert ranked(poor, {"a": STABLE, "b": STABLE}, 1e9).stable == 3
