"""The tests of equivalence: calibrated where nothing differs, powerful where something does."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from koopflow.equivalence.comparison import adjusted, compare, distance_matrix, excess, verdict


def spectra(generator, count, centre=0.0, size=6):
    return [centre + generator.normal(size=size) + 1j * generator.normal(size=size) for _ in range(count)]


def test_p_equals_an_enumeration_by_hand():
    generator = np.random.default_rng(1)
    matrix = distance_matrix([*spectra(generator, 3), *spectra(generator, 3, 0.8)])
    logs = np.log(matrix + np.eye(6))

    def statistic(inside):
        outside = [i for i in range(6) if i not in inside]
        between = np.mean([logs[i, j] for i in inside for j in outside])
        return between - np.mean(
            [np.mean([logs[i, j] for i, j in combinations(group, 2)]) for group in (inside, outside)]
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
    assert result.excess == pytest.approx(result.between / result.within - 1)
    assert verdict(result.low, result.high, 0.25) == "different"


def test_one_process_is_called_equivalent_when_the_seeds_suffice():
    generator = np.random.default_rng(4)
    result = compare(distance_matrix([*spectra(generator, 12), *spectra(generator, 12)]), 12, generator)
    assert verdict(result.low, result.high, 0.25) == "equivalent"


def test_too_few_seeds_give_no_interval_and_no_equivalence():
    generator = np.random.default_rng(5)
    result = compare(distance_matrix(spectra(generator, 6)), 3, generator)
    assert np.isnan(result.low)
    assert np.isnan(result.high)
    assert verdict(result.low, result.high, 0.25) == "inconclusive"


def test_a_difference_below_the_margin_is_never_called_different():
    """With 50 seeds a small shift has p below 0.001; its whole interval lies below the margin."""
    generator = np.random.default_rng(6)
    result = compare(distance_matrix([*spectra(generator, 50, size=3), *spectra(generator, 50, 0.8, 3)]), 50, generator)
    assert result.p < 0.001
    assert 0 < result.low < result.high < 0.25
    assert verdict(result.low, result.high, 0.25) == "equivalent"


def test_small_differences_are_never_called_different_with_many_seeds():
    """The true excess is about 0.05, and 50 seeds make it certain that there is one."""
    generator, groups = np.random.default_rng(16), [np.arange(50), np.arange(50, 100)]
    for _ in range(20):
        points = generator.normal(size=(100, 2)) + 0.65 * (np.arange(100) < 50)[:, None]
        found = excess(np.linalg.norm(points[:, None] - points[None], axis=-1), groups, [(0, 1)])
        assert found.value > 0
        assert verdict(found.low, found.high, 0.25) != "different"


def test_every_pair_of_seeds_enters():
    generator = np.random.default_rng(17)
    matrix, groups = distance_matrix(spectra(generator, 16)), [np.arange(8), np.arange(8, 16)]
    plain = excess(matrix, groups, [(0, 1)]).value
    for i in range(8):
        for j in range(8, 16):
            other = matrix.copy()
            other[i, j] = other[j, i] = 2 * matrix[i, j]
            assert excess(other, groups, [(0, 1)]).value == pytest.approx((1 + plain) * 2 ** (1 / 64) - 1)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.26, 0.9, "different"), (-0.1, 0.24, "equivalent"), (0.24, 0.26, "inconclusive"), (0.25, 1, "inconclusive")],
)
def test_the_verdict_follows_from_interval_and_margin(low, high, expected):
    assert verdict(low, high, 0.25) == expected


def test_the_excess_is_its_definition_and_its_interval_a_jackknife():
    """Against leaving out each seed by hand; the part counted twice is that of rows and columns
    taken off."""
    generator = np.random.default_rng(7)
    counts = (4, 6, 5)
    nine = [
        generator.normal(size=3) + 1j * generator.normal(size=3) + shift
        for shift, c in zip((0, 1, 2), counts)
        for _ in range(c)
    ]
    matrix = distance_matrix(nine)
    edges = np.cumsum([0, *counts])
    groups = [np.arange(edges[g], edges[g + 1]) for g in range(3)]
    pairs = [(0, 1), (1, 2)]

    def statistic(kept):
        logs = np.log(matrix + np.eye(len(matrix)))

        def within(group):
            return np.mean([logs[i, j] for i, j in combinations(group, 2)])

        own = [
            np.mean([logs[i, j] for i in kept[g] for j in kept[h]]) - (within(kept[g]) + within(kept[h])) / 2
            for g, h in pairs
        ]
        return np.mean(own)

    value = statistic(groups)
    parts = []
    for g, group in enumerate(groups):
        left = [
            statistic([np.delete(own, at) if h == g else own for h, own in enumerate(groups)])
            for at in range(len(group))
        ]
        parts.append((len(left) - 1) / len(left) * np.sum((np.array(left) - np.mean(left)) ** 2))
    found = excess(matrix, groups, pairs)
    assert found.value == pytest.approx(np.expm1(value))
    degrees = sum(parts) ** 2 / sum(part**2 / (len(g) - 1) for part, g in zip(parts, groups))
    uncorrected = stats.t.ppf(0.975, degrees) * np.sqrt(sum(parts))
    half = (np.log1p(found.high) - np.log1p(found.low)) / 2
    assert np.log1p(found.high) - half == pytest.approx(value)
    assert 0.5 * uncorrected <= half < uncorrected


def test_identical_spectra_have_no_excess_and_copies_of_two_are_different():
    same = np.zeros((10, 10))
    found = excess(same, [np.arange(5), np.arange(5, 10)], [(0, 1)])
    assert (found.value, found.low, found.high) == (0, 0, 0)
    apart = np.kron([[0, 1], [1, 0]], np.ones((5, 5)))
    assert excess(apart, [np.arange(5), np.arange(5, 10)], [(0, 1)]).low > 1e6


def test_holm_adjusts_as_published():
    np.testing.assert_allclose(adjusted(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(adjusted(np.array([0.9, 0.8])), [1.0, 1.0])
