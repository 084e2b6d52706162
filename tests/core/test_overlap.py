"""Overlap measures: right on sets whose overlap is known, and their chance level is what random
masks show."""

import itertools

import numpy as np
import pytest

from koopflow.core import overlap
from koopflow.core.errors import KoopflowError


def test_jaccard_of_small_sets():
    a, b = np.array([1, 1, 0, 0, 1], dtype=bool), np.array([1, 0, 0, 1, 1], dtype=bool)
    assert overlap.jaccard(a, b) == 2 / 4
    assert overlap.jaccard(a, a) == 1
    assert overlap.jaccard(a & ~a, a & ~a) == 1


@pytest.mark.parametrize(("n", "size_a", "size_b"), [(7, 3, 2), (6, 6, 4), (5, 0, 2), (8, 5, 5)])
def test_expected_jaccard_is_the_mean_over_all_pairs_of_subsets(n, size_a, size_b):
    first = set(range(size_a))
    values = [len(first & set(b)) / len(first | set(b)) for b in itertools.combinations(range(n), size_b)]
    assert overlap.expected_jaccard(n, size_a, size_b) == pytest.approx(np.mean(values), rel=1e-12)


def test_expected_jaccard_matches_random_masks():
    generator = np.random.default_rng(0)
    n, pruned = 20, 5
    values = []
    for _ in range(20000):
        masks = [np.zeros(n, dtype=bool) for _ in range(2)]
        for mask in masks:
            mask[generator.choice(n, pruned, replace=False)] = True
        values.append(overlap.jaccard(*masks))
    expected = overlap.expected_jaccard(n, pruned, pruned)
    assert abs(np.mean(values) - expected) < 4 * np.std(values) / np.sqrt(len(values))
    # The interval is narrow enough to reject the plug-in value at the mean intersection.
    shared = pruned**2 / n
    assert abs(np.mean(values) - shared / (2 * pruned - shared)) > 4 * np.std(values) / np.sqrt(len(values))


def test_expected_jaccard_of_a_network_sized_set():
    n, pruned = 431_080, 424_344
    shared = pruned**2 / n
    assert overlap.expected_jaccard(n, pruned, pruned) == pytest.approx(shared / (2 * pruned - shared), rel=1e-6)


def test_beyond_chance_is_zero_for_random_one_for_equal_and_the_same_for_complements():
    generator = np.random.default_rng(1)
    a = generator.permutation(np.arange(1000) < 300)
    b = generator.permutation(a)
    c = a.copy()
    c[:500] = generator.permutation(c[:500])
    assert overlap.beyond_chance(a, a) == pytest.approx(1)
    assert abs(overlap.beyond_chance(a, b)) < 0.15
    assert 0.2 < overlap.beyond_chance(a, c) < 0.8
    assert overlap.beyond_chance(a, c) == pytest.approx(overlap.beyond_chance(~a, ~c))


def test_the_adjusted_jaccard_index_is_zero_at_chance_and_one_for_equal_sets():
    assert overlap.adjusted_jaccard(1.0, 0.4) == 1
    assert overlap.adjusted_jaccard(0.4, 0.4) == 0


def test_jaccard_along_axes_compares_each_row():
    a, b = np.eye(2, dtype=bool), np.array([[1, 0], [1, 0]], dtype=bool)
    assert overlap.jaccard(a, b, axis=1).tolist() == [1, 0]


def test_impossible_sizes_are_refused():
    with pytest.raises(KoopflowError, match="between 0 and 10 \\(got 11 and 2\\)"):
        overlap.expected_jaccard(10, 11, 2)
