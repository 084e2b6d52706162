"""Areas under the ROC curve: their value by counting, and intervals that cover and never vanish."""

import numpy as np
import pytest

from koopflow.core.discrimination import area, area_interval, gain_interval


def test_the_area_is_the_share_of_ordered_pairs():
    positive = np.array([True, True, False, False, False])
    assert area([3, 1, 2, 0, 1], positive) == pytest.approx((3 + 1.5) / 6)
    assert area([5, 4, 1, 2, 3], positive) == 1.0


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_intervals_of_independent_scores_cover(shift):
    """The true area of normal scores that differ by a shift is Phi(shift / sqrt 2)."""
    from scipy.special import ndtr

    generator, positive, covered = np.random.default_rng(0), np.arange(40) < 15, 0
    for _ in range(300):
        _, low, high = area_interval(generator.normal(shift * positive, 1.0), positive)
        covered += low <= ndtr(shift / np.sqrt(2)) <= high
    assert 0.91 < covered / 300 < 0.99


def test_kinds_that_are_apart_still_have_an_interval():
    value, low, high = area_interval([1, 2, 3, 4, 5, 6], [False] * 3 + [True] * 3)
    assert (value, high) == (1.0, 1.0)
    assert 0.3 < low < 0.7


def test_a_gain_over_the_same_score_is_zero_and_over_noise_is_found():
    generator, positive = np.random.default_rng(1), np.arange(80) < 40
    good, noise = generator.normal(2.0 * positive, 1.0), generator.normal(size=80)
    value, low, high = gain_interval(good, good, positive)
    assert value == 0.0
    assert low <= 0.0 <= high
    assert gain_interval(good, noise, positive)[1] > 0.1
    assert gain_interval(noise, good, positive)[2] < -0.1
