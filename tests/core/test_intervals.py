"""Intervals over seeds: against SciPy's, and inside the range of their quantity."""

import numpy as np
import pytest
from scipy import stats

from koopflow.core.intervals import half_width, jackknife, student

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
