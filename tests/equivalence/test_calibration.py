"""The tests of equivalence, calibrated by simulation on spectra of one and the same noisy process,
fitted as the study fits them.

A process is a stable linear map of four dimensions driven by noise; each seed gives one trajectory
and one fitted spectrum. The numbers seen stand in docs/methods.md.
"""

import numpy as np
import pytest

from koopflow.equivalence import comparison
from koopflow.equivalence.comparison import compare, distance_matrix, verdict
from koopflow.koopman.dmd import fit

STATES, DELAYS, RANK = 60, 1, 4


def process(slow: float = 0.95, angle: float = 0.3) -> np.ndarray:
    """Return a (4, 4) map with eigenvalues 0.9 exp(± i angle), slow and 0.6, in a basis that is not
    orthogonal."""
    block = np.zeros((4, 4))
    block[:2, :2] = 0.9 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    block[2, 2], block[3, 3] = slow, 0.6
    basis = np.eye(4) + 0.3 * np.triu(np.ones((4, 4)), 1)
    return basis @ block @ np.linalg.inv(basis)


def spectra(generator: np.random.Generator, count: int, matrix: np.ndarray) -> list[np.ndarray]:
    states = np.empty((count, STATES, 4))
    states[:, 0] = generator.normal(size=(count, 4))
    for time in range(1, STATES):
        states[:, time] = states[:, time - 1] @ matrix.T + 0.1 * generator.normal(size=(count, 4))
    return [fit(run, delays=DELAYS, svd_rank=RANK, route="direct").eigenvalues for run in states]


@pytest.fixture(scope="module")
def one_process() -> list[np.ndarray]:
    """Spectra of 1,600 seeds of one process: 200 pairs of set-ups of 4 + 4 draw on disjoint ones,
    pairs of 8 + 8 on 100."""
    return spectra(np.random.default_rng(11), 1600, process())


def p_value(matrix: np.ndarray, first: int) -> float:
    """Return the p of `compare` without its bootstrap, which is not what is calibrated here."""
    labels = comparison._relabellings(len(matrix), first, np.random.default_rng(0)).astype(float)
    members = np.arange(len(matrix)) < first
    between, within = comparison._means(matrix, members)
    return float(np.mean(comparison._statistics(matrix, labels, 1 - labels) >= between - within - 1e-12))


@pytest.mark.parametrize("seeds", [5, 8])
def test_set_ups_of_one_process_are_called_different_at_the_nominal_rate(one_process, seeds):
    generator = np.random.default_rng(seeds)
    matrix = distance_matrix(one_process[:400])
    found = []
    for _ in range(600):
        chosen = generator.choice(400, 2 * seeds, replace=False)
        found.append(p_value(matrix[np.ix_(chosen, chosen)], seeds) <= 0.05)
    print(f"false positives with {seeds} seeds: {np.mean(found):.4f}")
    assert 0.03 <= np.mean(found) <= 0.07


def test_power_against_a_slower_decay(one_process):
    """Against an eigenvalue of 0.70 instead of 0.95, eight seeds find the difference in at least 80
    of 100 comparisons."""
    others = spectra(np.random.default_rng(12), 200, process(slow=0.70))
    matrix = distance_matrix([*one_process[:200], *others])
    generator, found = np.random.default_rng(13), {4: [], 8: []}
    for seeds, reached in found.items():
        for _ in range(200):
            chosen = np.concatenate(
                [generator.choice(200, seeds, replace=False), 200 + generator.choice(200, seeds, replace=False)]
            )
            reached.append(p_value(matrix[np.ix_(chosen, chosen)], seeds) <= 0.05)
    print({seeds: np.mean(reached) for seeds, reached in found.items()})
    assert np.mean(found[8]) >= 0.8
    assert np.mean(found[8]) > np.mean(found[4])


def test_the_interval_of_the_excess_covers_the_truth_and_equivalence_is_seldom_claimed_wrongly(one_process):
    """At a true excess just above the margin, "equivalent" is a false claim; it must stay below 5
    %."""
    others = spectra(np.random.default_rng(14), 400, process(slow=0.87))
    matrix = distance_matrix([*one_process[:400], *others])
    within = [matrix[:400, :400], matrix[400:, 400:]]
    true = matrix[:400, 400:].mean() / np.mean([part.sum() / (400 * 399) for part in within]) - 1
    generator, covered, wrong = np.random.default_rng(15), [], []
    for _ in range(60):
        chosen = np.concatenate(
            [generator.choice(400, 8, replace=False), 400 + generator.choice(400, 8, replace=False)]
        )
        result = compare(matrix[np.ix_(chosen, chosen)], 8, generator)
        covered.append(result.low <= true <= result.high)
        wrong.append(verdict(result, 1.0, 0.05, true * 0.999) == "equivalent")
    print(f"true excess {true:.3f}, covered {np.mean(covered):.3f}, wrongly equivalent {np.mean(wrong):.3f}")
    assert np.mean(covered) >= 0.85
    assert np.mean(wrong) <= 0.08


@pytest.mark.parametrize("seeds", [2, 3])
def test_too_few_seeds_are_never_called_anything_but_inconclusive(one_process, seeds):
    generator = np.random.default_rng(16)
    far = spectra(np.random.default_rng(17), seeds, process(slow=-0.5, angle=2.0))
    result = compare(distance_matrix([*one_process[:seeds], *far]), seeds, generator)
    assert result.p > 0.05
    assert np.isnan([result.low, result.high]).all()
    assert verdict(result, result.p, 0.05, 0.25) == "inconclusive"
