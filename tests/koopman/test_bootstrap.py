"""Intervals of eigenvalues shrink with the noise and cover the truth."""

import numpy as np

from koopflow.koopman import fit
from koopflow.koopman.bootstrap import eigenvalue_intervals


def rotations(runs, noise, seed, steps=60):
    """Runs of a rotation by 0.3 a step with noise in the dynamics, (run, step, 2)."""
    generator = np.random.default_rng(seed)
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    states = [generator.standard_normal((runs, 2))]
    for _ in range(steps - 1):
        states.append(states[-1] @ turn.T + noise * generator.standard_normal((runs, 2)))
    return np.stack(states, 1)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    covered = []
    for seed in range(60):
        fitted = fit(rotations(12, 0.2, seed), svd_rank=2)
        low, high = eigenvalue_intervals(fitted, np.random.default_rng(seed), draws=100).angle
        covered.append(low[0] <= 0.3 <= high[0])
    assert 0.75 <= np.mean(covered) <= 1.0


def test_intervals_are_narrow_where_noise_is_small_and_say_what_was_drawn():
    widths = []
    for noise in (0.001, 0.1):
        interval = eigenvalue_intervals(fit(rotations(8, noise, 1), svd_rank=2), np.random.default_rng(0))
        widths.append(interval.modulus[1][0] - interval.modulus[0][0])
        assert interval.resampled == "runs"
    assert widths[0] < 0.1 * widths[1]
    single = eigenvalue_intervals(fit(rotations(1, 0.1, 1), svd_rank=2), np.random.default_rng(0))
    assert single.resampled == "blocks of pairs"
    assert np.all(single.angle[0] <= single.angle[1])


def test_of_too_few_runs_or_pairs_there_is_no_interval_and_it_says_so():
    for data, drawn in (
        (rotations(3, 0.1, 1), "too few runs"),
        (rotations(1, 0.1, 1, steps=7), "too few blocks of pairs"),
    ):
        interval = eigenvalue_intervals(fit(data, svd_rank=2), np.random.default_rng(0))
        assert interval.resampled == drawn
        assert np.isnan(interval.angle).all()
    one_pair = eigenvalue_intervals(fit(rotations(1, 0.1, 1, steps=5), delays=3), np.random.default_rng(0))
    assert np.isnan(one_pair.real).all()
