"""The tests of equivalence: calibrated where nothing differs, powerful where something does."""

from itertools import combinations

import numpy as np
import pytest

from koopflow.equivalence.comparison import Comparison, _resampled, adjusted, compare, distance_matrix, verdict


def spectra(generator, count, centre=0.0, size=6):
    return [centre + generator.normal(size=size) + 1j * generator.normal(size=size) for _ in range(count)]


def test_p_equals_an_enumeration_by_hand():
    generator = np.random.default_rng(1)
    matrix = distance_matrix([*spectra(generator, 3), *spectra(generator, 3, 0.8)])

    def statistic(inside):
        outside = [i for i in range(6) if i not in inside]
        between = np.mean([matrix[i, j] for i in inside for j in outside])
        return between - np.mean(
            [np.mean([matrix[i, j] for i, j in combinations(group, 2)]) for group in (inside, outside)]
        )

    values = [statistic(list(chosen)) for chosen in combinations(range(6), 3)]
    expected = np.mean(np.array(values) >= statistic([0, 1, 2]) - 1e-12)
    assert compare(matrix, 3, np.random.default_rng(0)).p == pytest.approx(expected)


def test_false_positives_occur_at_the_nominal_rate():
    generator = np.random.default_rng(2)
    points = generator.normal(size=(2000, 10, 2))
    p = []
    for point in points:  # one-point spectra keep this fast; the test is exact whatever the distance
        matrix = np.linalg.norm(point[:, None] - point[None, :], axis=-1)
        p.append(quick_p(matrix))
    assert 0.03 <= np.mean(np.array(p) <= 0.05) <= 0.07


def quick_p(matrix):
    from koopflow.equivalence import comparison

    labels = comparison._relabellings(10, 5, np.random.default_rng(0)).astype(float)
    statistics = comparison._statistics(matrix, labels, 1 - labels)
    return np.mean(statistics >= statistics[0] - 1e-12)


def test_a_shift_is_found_and_called_different():
    generator = np.random.default_rng(3)
    result = compare(distance_matrix([*spectra(generator, 6), *spectra(generator, 6, 3.0)]), 6, generator)
    assert result.p <= 2 / 924 + 1e-12
    assert result.low > 0
    assert verdict(result, result.p, 0.05, 0.25) == "different"


def test_one_process_is_called_equivalent_when_the_seeds_suffice():
    generator = np.random.default_rng(4)
    result = compare(distance_matrix([*spectra(generator, 12), *spectra(generator, 12)]), 12, generator)
    assert verdict(result, 1.0, 0.05, 0.25) == "equivalent"


def test_too_few_seeds_give_no_interval_and_no_equivalence():
    generator = np.random.default_rng(5)
    result = compare(distance_matrix(spectra(generator, 6)), 3, generator)
    assert np.isnan(result.low)
    assert np.isnan(result.high)
    assert verdict(result, 1.0, 0.05, 0.25) == "inconclusive"


def test_a_wide_interval_is_inconclusive():
    assert verdict(Comparison(1.2, 1.0, 0.3, 0.2, -0.1, 0.5, 5), 0.3, 0.05, 0.25) == "inconclusive"


def test_holm_adjusts_as_published():
    np.testing.assert_allclose(adjusted(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(adjusted(np.array([0.9, 0.8])), [1.0, 1.0])


def test_resampled_ratios_are_those_of_their_definition():
    generator = np.random.default_rng(4)
    nine = [generator.standard_normal(3) + 1j * generator.standard_normal(3) for _ in range(9)]
    matrix = distance_matrix(nine)
    first, second = generator.integers(0, 4, (30, 4)), generator.integers(0, 5, (30, 5))
    first[0], second[0] = 2, 1  # every seed the same: nothing within
    second[1] = 3  # nothing within one of the two
    expected = []
    for a, b in zip(first, second + 4):
        within = [[matrix[i, j] for i in group for j in group if i != j] for group in (a, b)]
        within = [np.mean(values) for values in within if values]
        expected.append(np.mean([[matrix[i, j] for j in b] for i in a]) / np.mean(within) - 1 if within else np.nan)
    np.testing.assert_allclose(_resampled(matrix, first, second), expected, rtol=1e-12)
