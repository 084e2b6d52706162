import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.rg import flows, linearization

LOG_B = -np.log(0.8)


def test_distance_vanishes_at_a_fixed_point_and_counts_moved_share_per_log_scale():
    couplings = np.array([[0.5, 0.5], [0.3, 0.7], [0.3, 0.7]])
    distance = flows.fixed_point_distance(couplings, np.arange(3) * LOG_B)
    assert distance[0] == pytest.approx(0.2 / LOG_B)
    assert distance[1] == 0
    assert np.isnan(distance[2])


def test_two_small_steps_meet_one_large_step_at_equal_density():
    small, large = 0.8 ** np.arange(7), 0.64 ** np.arange(4)
    assert flows.matched_rounds(small, large) == [(0, 0), (2, 1), (4, 2), (6, 3)]


def test_composition_ratio_covers_the_true_ratio_at_the_nominal_rate():
    generator = np.random.default_rng(8)
    covered = []
    for _ in range(400):
        scatter = np.exp(0.2 * generator.normal(size=(10, 1)))  # seeds differ in how much anything moves them
        composed, rerun = (size * scatter * generator.normal(size=(10, 12)) for size in (0.03, 0.02))
        found = flows.composition_ratio(composed, rerun)
        covered.append(found.ci_low <= 1.5 <= found.ci_high)
    assert 0.917 <= np.mean(covered) <= 0.985


def linear_flow(a, fixed, seeds=6, rounds=12, noise=0.0, seed=0):
    generator = np.random.default_rng(seed)
    states = fixed[:-1] + 0.1 * generator.uniform(-1, 1, size=(seeds, 1, len(a)))
    path = [states[:, 0]]
    for _ in range(rounds - 1):
        path.append(fixed[:-1] + (path[-1] - fixed[:-1]) @ a.T + noise * generator.normal(size=path[-1].shape))
    path = np.stack(path, axis=1)
    return np.concatenate([path, 1 - path.sum(axis=2, keepdims=True)], axis=2)


def test_linearization_returns_the_eigenvalues_and_the_fixed_point_of_a_linear_flow():
    a, fixed = np.array([[0.9, 0.1], [0.0, 0.7]]), np.array([0.5, 0.3, 0.2])
    found = linearization.linearize(linear_flow(a, fixed), LOG_B)
    np.testing.assert_allclose(found.eigenvalues, [0.9, 0.7], atol=1e-8)
    np.testing.assert_allclose(found.fixed_point, fixed, atol=1e-8)
    np.testing.assert_allclose(found.exponents, np.log([0.9, 0.7]) / LOG_B, atol=1e-7)
    assert found.r2 == pytest.approx(1)


def test_linearization_intervals_hold_the_true_exponent_under_noise():
    a, fixed = np.array([[0.9, 0.1], [0.0, 0.7]]), np.array([0.5, 0.3, 0.2])
    inside = []
    for seed in range(100):
        found = linearization.linearize(linear_flow(a, fixed, seeds=10, noise=5e-4, seed=seed), LOG_B)
        inside.append((found.ci_low <= np.log([0.9, 0.7]) / LOG_B) & (np.log([0.9, 0.7]) / LOG_B <= found.ci_high))
    assert (np.mean(inside, axis=0) >= 0.88).all()


def test_too_few_rounds_for_a_linearization_say_so():
    with pytest.raises(KoopflowError, match=r"at least 6 transitions .*\(got 2\)"):
        linearization.linearize(np.full((1, 3, 3), 1 / 3), LOG_B)
    with pytest.raises(KoopflowError, match="too few directions"):
        linearization.linearize(np.full((4, 9, 3), 1 / 3), LOG_B)
