"""The distances that comparisons offer: weights by reliability and DSA, on runs with known
differences."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from benchmarks.calibration.processes import fits, linear_map
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.alternatives import DISTANCES, matrix_of, scatter_of
from koopflow.equivalence.fitting import read_operators, write_operators
from koopflow.equivalence.ranks import STABLE, rank_rows, ranked
from koopflow.equivalence.sensitivity import distance_tests, with_alternatives
from koopflow.equivalence.tables import comparison_table
from koopflow.koopman.similarity import operator_distances


def test_scatter_is_that_of_matched_eigenvalues():
    spectra = [np.array([1.0, 0.5 + 0j]), np.array([0.6, 1.0 + 0j]), np.array([1.0, 0.4 + 0j])]
    np.testing.assert_allclose(scatter_of(spectra), [[0, 0.1], [0.15, 0], [0, 0.15]], atol=1e-12)


def test_reliability_counts_most_what_seeds_share():
    """The first eigenvalue scatters by 0.001 and differs by 0.01; the second scatters by 0.1."""
    generator = np.random.default_rng(0)
    sets = {
        name: [np.array([first + 0.001 * generator.normal(), 0.5 + 0.1 * generator.normal()]) + 0j for _ in range(8)]
        for name, first in (("a", 0.99), ("b", 0.98))
    }
    shares = {}
    for kind in ("wasserstein", "reliability"):
        matrix = matrix_of(kind, sets, {})
        within = [matrix[part, part][np.triu_indices(8, 1)].mean() for part in (slice(8), slice(8, 16))]
        shares[kind] = matrix[:8, 8:].mean() / np.mean(within)
    assert shares["wasserstein"] < 1.5
    assert shares["reliability"] > 3


@pytest.mark.parametrize("distance", ["wasserstein", "reliability", "dsa"])
def test_every_distance_tells_other_dynamics(distance):
    def runs(rate, seed):
        rates = rate + 0.005 * np.random.default_rng(seed).normal(size=5)
        return rates[:, None, None] ** np.arange(30)[:, None] * [1.0, 2.0]

    sets = {"slow": runs(0.99, 0), "fast": runs(0.9, 1)}
    assert kf.compare(sets, rank=1, distance=distance).verdict == "different"
    sets["fast"] = runs(0.99, 2)
    assert kf.compare(sets, rank=1, distance=distance).verdict != "different"


def test_what_a_distance_cannot_take_is_refused_in_one_line():
    runs = np.random.default_rng(0).normal(size=(4, 20, 2))
    with pytest.raises(KoopflowError, match="distance must be one of wasserstein, reliability, dsa"):
        kf.compare({"a": runs, "b": runs}, rank=1, distance="euclid")
    with pytest.raises(KoopflowError, match="needs runs recorded at one interval"):
        kf.compare({"a": runs, "b": runs}, rank=1, distance="dsa", interval={"a": 1, "b": 2})
    with pytest.raises(KoopflowError, match="spectra of equal sizes"):
        matrix_of("reliability", {"a": [np.ones(2) + 0j, np.ones(3) + 0j]}, {})


@pytest.fixture(scope="module")
def recorded() -> tuple[pd.DataFrame, dict[str, dict[int, np.ndarray]]]:
    """Rows at ranks 1 to 4, and operators, of five seeds of two set-ups that differ."""
    generator, rows, operators = np.random.default_rng(0), [], {}
    for setting, slow in (("a", 0.95), ("b", 0.6)):
        operators[setting] = {}
        for seed, fitted in enumerate(fits(linear_map(slow), 5, generator)):
            rows += rank_rows(fitted, STABLE, setting=setting, seed=seed)
            operators[setting][seed] = fitted.operator
    return pd.DataFrame(rows), operators


def test_the_verdict_under_every_distance_is_shown_and_one_decides(recorded):
    table, operators = recorded
    compared = {"x": ["a", "b"]}
    for kind in DISTANCES:
        found = ranked(table, {"a": STABLE, "b": STABLE}, 10.0, kind, operators)
        by_distance = distance_tests(found, compared, 0.25)
        assert by_distance["distance"].tolist() == list(DISTANCES)
        assert by_distance.loc[by_distance["chosen"], "distance"].tolist() == [kind]
        tests = comparison_table(found.distances(), compared, 0.05, 0.25, 0)
        own = by_distance[by_distance["chosen"]].iloc[0]
        assert tests["excess"].iloc[0] == pytest.approx(own["excess"])
        told = with_alternatives(tests, by_distance)["alternatives"].iloc[0]
        words = [f"{row.verdict} by {row.distance}" for row in by_distance[~by_distance["chosen"]].itertuples()]
        assert told == "; ".join(words)


def test_without_operators_there_is_no_similarity_of_operators(recorded):
    found = ranked(recorded[0], {"a": STABLE, "b": STABLE}, 10.0)
    assert distance_tests(found, {"x": ["a", "b"]}, 0.25)["distance"].tolist() == ["wasserstein", "reliability"]


def test_operators_are_cut_to_the_rank_of_the_spectra(recorded):
    table, operators = recorded
    found = ranked(table, {"a": 2, "b": 2}, 0.33, "dsa", operators)
    cut = [operators[name][seed][:2, :2] for name in "ab" for seed in range(5)]
    assert np.allclose(found.distances().matrix, operator_distances(cut))


def test_operators_of_seeds_are_read_as_written(recorded, tmp_path):
    write_operators(recorded[1]["a"], tmp_path / "operators.npz")
    again = read_operators(tmp_path / "operators.npz")
    assert all(np.array_equal(again[seed], operator) for seed, operator in recorded[1]["a"].items())
