"""The tests of equivalence, calibrated by simulation on spectra of one and the same noisy process,
fitted as the study fits them.

Few replicates here, with binomial bounds; ``make calibrate`` runs more, on more processes, and
docs/methods.md shows its numbers. The functions simulated are those of ``benchmarks/calibration``.
"""

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration.processes import distances, fits, linear_map, spectra_of_runs
from koopflow.equivalence.alternatives import matrix_of
from koopflow.equivalence.comparison import compare, excess, verdict

POPULATION = 250
MARGIN = 0.25


@pytest.fixture(scope="module")
def one_process() -> np.ndarray:
    """Distances between 500 seeds of one process."""
    return distances(spectra_of_runs(linear_map(), 2 * POPULATION, np.random.default_rng(11)))


@pytest.fixture(scope="module")
def two_processes() -> np.ndarray:
    """Distances between 250 seeds of each of two processes whose true excess is about 0.3."""
    generator = np.random.default_rng(12)
    maps = linear_map(), linear_map(slow=0.70)
    return distances(np.concatenate([spectra_of_runs(one, POPULATION, generator) for one in maps]))


def drawn(matrix: np.ndarray, seeds: int, generator: np.random.Generator) -> np.ndarray:
    """Return the distances between `seeds` seeds drawn from each half of a population."""
    chosen = [half * POPULATION + generator.choice(POPULATION, seeds, replace=False) for half in (0, 1)]
    both = np.concatenate(chosen)
    return matrix[np.ix_(both, both)]


def within(found: list[bool], low: float, high: float) -> None:
    """Assert that a rate between `low` and `high` explains what was found, at one in a thousand."""
    share, n = np.mean(found), len(found)
    print(f"{share:.4f} of {n}")
    assert stats.binom.cdf(sum(found), n, low) > 0.001
    assert stats.binom.sf(sum(found) - 1, n, high) > 0.001


@pytest.mark.parametrize("seeds", [4, 8, 16])
@pytest.mark.parametrize("population", ["one_process", "two_processes"])
def test_the_interval_of_the_excess_holds_the_truth_in_95_percent(population, seeds, request):
    matrix = request.getfixturevalue(population)
    halves = [np.arange(POPULATION), np.arange(POPULATION, 2 * POPULATION)]
    true = excess(matrix, halves, [(0, 1)]).value
    generator, covered = np.random.default_rng(seeds), []
    groups = [np.arange(seeds), np.arange(seeds, 2 * seeds)]
    for _ in range(400):
        found = excess(drawn(matrix, seeds, generator), groups, [(0, 1)])
        covered.append(found.low <= true <= found.high)
    within(covered, 0.93, 0.97)


def test_one_process_is_never_called_different_and_often_equivalent(one_process):
    generator = np.random.default_rng(13)
    groups = [np.arange(16), np.arange(16, 32)]
    found = [excess(drawn(one_process, 16, generator), groups, [(0, 1)]) for _ in range(400)]
    verdicts = [verdict(one.low, one.high, MARGIN) for one in found]
    within([word == "different" for word in verdicts], 0.0, 0.005)
    within([word == "equivalent" for word in verdicts], 0.95, 1.0)


def test_at_the_margin_each_wrong_verdict_occurs_in_at_most_one_in_forty(two_processes):
    """The true excess stands for the margin: beyond it on neither side."""
    halves = [np.arange(POPULATION), np.arange(POPULATION, 2 * POPULATION)]
    true = excess(two_processes, halves, [(0, 1)]).value
    generator, groups = np.random.default_rng(14), [np.arange(8), np.arange(8, 16)]
    found = [excess(drawn(two_processes, 8, generator), groups, [(0, 1)]) for _ in range(400)]
    verdicts = [verdict(one.low, one.high, true) for one in found]
    within([word == "different" for word in verdicts], 0.0, 0.035)
    within([word == "equivalent" for word in verdicts], 0.0, 0.035)


@pytest.mark.parametrize(("seeds", "replicates"), [(5, 400), (8, 100)])
def test_the_permutation_test_rejects_one_process_at_the_nominal_rate(one_process, seeds, replicates):
    generator = np.random.default_rng(seeds + 20)
    found = [compare(drawn(one_process, seeds, generator), seeds, generator).p <= 0.05 for _ in range(replicates)]
    within(found, 0.04, 0.06)


def test_the_distance_by_reliability_rejects_one_process_at_the_nominal_rate():
    """The permutation test must stay exact though the weights come from the labelled seeds."""
    generator = np.random.default_rng(31)
    spectra, found = spectra_of_runs(linear_map(), 200, generator), []
    for _ in range(200):
        chosen = spectra[generator.choice(len(spectra), 12, replace=False)]
        matrix = matrix_of("reliability", {"a": list(chosen[:6]), "b": list(chosen[6:])}, {})
        found.append(compare(matrix, 6, generator).p <= 0.05)
    within(found, 0.03, 0.07)


def test_dsa_of_one_process_is_rejected_at_the_nominal_rate_and_never_called_different():
    """Two halves of a few fits, all compared once: a pair takes as long as a thousand of spectra."""
    half, seeds, generator = 20, 5, np.random.default_rng(41)
    operators = [one.operator for one in fits(linear_map(), 2 * half, generator)]
    matrix = matrix_of("dsa", {"a": [], "b": []}, {"a": operators[:half], "b": operators[half:]})
    groups = [np.arange(seeds), np.arange(seeds, 2 * seeds)]
    rejected, above, different = [], [], []
    for _ in range(400):
        chosen = generator.choice(2 * half, 2 * seeds, replace=False)
        drawn_matrix = matrix[np.ix_(chosen, chosen)]
        rejected.append(compare(drawn_matrix, seeds, generator).p <= 0.05)
        found = excess(drawn_matrix, groups, [(0, 1)])
        above.append(found.low > 0)
        different.append(verdict(found.low, found.high, MARGIN) == "different")
    within(rejected, 0.04, 0.06)
    within(above, 0.0, 0.025)
    within(different, 0.0, 0.005)


@pytest.mark.parametrize("seeds", [2, 3])
def test_too_few_seeds_are_never_called_anything_but_inconclusive(seeds):
    generator = np.random.default_rng(16)
    maps = linear_map(), linear_map(slow=-0.5, angle=2.0)
    matrix = distances(np.concatenate([spectra_of_runs(one, seeds, generator) for one in maps]))
    result = compare(matrix, seeds, generator)
    assert result.p > 0.05
    assert np.isnan([result.low, result.high]).all()
    assert verdict(result.low, result.high, MARGIN) == "inconclusive"
