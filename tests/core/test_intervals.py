"""Intervals over seeds: against SciPy's, and inside the range of their quantity."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from koopflow.core.intervals import half_width, jackknife, sign_flip, student

VALUES = np.array([0.7, 0.9, 0.99])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_interval_is_students(level):
    expected = stats.ttest_1samp(VALUES, 0).confidence_interval(level)
    assert student(VALUES, level) == pytest.approx((VALUES.mean(), expected.low, expected.high))
    assert half_width(VALUES.std(ddof=1) / np.sqrt(3), 2, level) == pytest.approx(expected.high - VALUES.mean())
    assert np.isnan(student(VALUES[:1])[1:]).all()


def test_interval_ends_where_its_quantity_does_and_keeps_its_mean():
    mean, low, high = student(VALUES)
    assert high > 1
    assert student(VALUES, within=(0.0, 1.0)) == (mean, low, 1.0)
    assert student(-VALUES, within=(-1.0, 0.0)) == (-mean, -1.0, -low)
    assert np.isnan(student(VALUES[:1], within=(0.0, 1.0))[1:]).all()


def test_jackknife_of_a_mean_is_students_interval():
    values = np.array([[0.1, 3.0], [0.4, 1.0], [0.2, 0.0], [0.6, 7.0]])
    left_out = np.array([np.delete(values, unit, axis=0).mean(axis=0) for unit in range(4)])
    expected = [student(column, 0.9)[2] - column.mean() for column in values.T]
    assert jackknife(left_out, 0.9) == pytest.approx(expected)


@pytest.mark.parametrize("count", [6, 9, 12])
def test_sign_flip_interval_holds_the_centres_that_the_test_does_not_reject(count):
    values = np.random.default_rng(count).standard_t(3, count) + 0.5
    mean, low, high, p = sign_flip(values)
    patterns = np.array(list(product([1, -1], repeat=count)))

    def p_of(centre):
        flipped = patterns @ (values - centre)
        true = (values - centre).sum()
        return min(1.0, 2 * min(np.mean(flipped >= true - 1e-9), np.mean(flipped <= true + 1e-9)))

    assert p == pytest.approx(p_of(0.0))
    assert p_of(low - 1e-6) <= 0.05 < p_of(low + 1e-6)
    assert p_of(high + 1e-6) <= 0.05 < p_of(high - 1e-6)
    assert low < mean < high


def test_sign_flip_has_no_interval_where_it_cannot_reject():
    assert np.isnan(sign_flip(np.ones(5))[1:3]).all()
    assert sign_flip(np.ones(5))[3] == pytest.approx(2 / 32)
    assert sign_flip(np.ones(6))[1:] == pytest.approx((1.0, 1.0, 2 / 64))


@pytest.mark.parametrize(("count", "replicates"), [(13, 400), (24, 80)])
def test_sign_flip_intervals_cover_heavy_tails(count, replicates):
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(replicates):
        _, low, high, _ = sign_flip(generator.standard_t(2, count) * generator.uniform(0.1, 3, count))
        held += low <= 0 <= high
    assert stats.binomtest(held, replicates, 0.95).pvalue > 1e-3
