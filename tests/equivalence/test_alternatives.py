"""The distances that comparisons offer: weights by reliability and DSA, on runs with known
differences."""

import numpy as np
import pytest

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.alternatives import matrix_of, scatter_of


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
