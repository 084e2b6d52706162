"""Intervals of eigenvalues shrink with the noise and cover the truth as often as they say."""

import numpy as np
import pytest

from benchmarks.calibration.eigenvalues import SYSTEMS, coverage, noisy
from koopflow.koopman import fit
from koopflow.koopman.intervals import eigenvalue_intervals

ROTATION = SYSTEMS["undamped rotation"]
REPLICATES = 400


def rotations(runs, noise, seed, steps=60):
    """Runs of a rotation by 0.3 a step with noise in the dynamics, (run, step, 2)."""
    return noisy(ROTATION, runs, steps, noise, np.random.default_rng(seed))


@pytest.mark.parametrize(("runs", "states"), [(4, 60), (8, 60), (25, 30), (1, 100)])
def test_95_percent_intervals_cover_the_truth_in_93_to_97_percent(runs, states):
    """Up to three standard errors of this many replicates; `make calibrate` takes 2,000."""
    error = 3 * np.sqrt(0.95 * 0.05 / REPLICATES)
    found = coverage(SYSTEMS["damped rotation"], runs, states, REPLICATES, np.random.default_rng(1))
    for name, share in found.items():
        assert 0.93 - error <= share <= 0.97 + error, name


def test_intervals_are_narrow_where_noise_is_small_and_say_what_was_left_out():
    widths = []
    for noise in (0.001, 0.1):
        interval = eigenvalue_intervals(fit(rotations(8, noise, 1), svd_rank=2))
        widths.append(interval.modulus[1][0] - interval.modulus[0][0])
        assert interval.resampled == "runs"
    assert widths[0] < 0.1 * widths[1]
    single = eigenvalue_intervals(fit(rotations(1, 0.1, 1), svd_rank=2))
    assert single.resampled == "blocks of pairs"
    assert np.all(single.angle[0] <= single.angle[1])


def test_the_jackknife_of_a_mean_is_students_interval():
    """One state per run and a single pair: the operator is a ratio of sums, here of equal starts, so a mean."""
    ends = 0.5 + 0.1 * np.random.default_rng(2).standard_normal(6)
    interval = eigenvalue_intervals(fit([[[1.0], [end]] for end in ends], svd_rank=1))
    reach = 2.570581836 * ends.std(ddof=1) / np.sqrt(6)
    assert interval.real[0] == pytest.approx(ends.mean() - reach)
    assert interval.real[1] == pytest.approx(ends.mean() + reach)


def test_many_runs_are_left_out_in_groups(monkeypatch):
    monkeypatch.setattr("koopflow.koopman.intervals.MOST", 5)
    fitted = fit(rotations(12, 0.1, 3), svd_rank=2)
    low, high = eigenvalue_intervals(fitted).modulus
    assert np.all(low < np.abs(fitted.eigenvalues))
    assert np.all(high > np.abs(fitted.eigenvalues))


def test_of_too_few_runs_or_pairs_there_is_no_interval_and_it_says_so():
    for data, left_out in (
        (rotations(3, 0.1, 1), "too few runs"),
        (rotations(1, 0.1, 1, steps=7), "too few blocks of pairs"),
    ):
        interval = eigenvalue_intervals(fit(data, svd_rank=2))
        assert interval.resampled == left_out
        assert np.isnan(interval.angle).all()
    one_pair = eigenvalue_intervals(fit(rotations(1, 0.1, 1, steps=5), delays=3))
    assert np.isnan(one_pair.real).all()
