import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koopflow.core import masks
from koopflow.core.errors import KoopflowError


@given(
    values=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=40),
    share=st.floats(0, 1),
)
def test_count_is_exact_and_ties_follow_the_fixed_order(values, share):
    scores = np.array(values)
    keep = int(share * len(scores))
    mask = masks.keep_largest(scores, keep)
    order = masks.tie_order(np.arange(len(scores)))
    plain = sorted(range(len(scores)), key=lambda i: (-scores[i], order[i]))[:keep]
    assert mask.sum() == keep
    np.testing.assert_array_equal(np.flatnonzero(mask), np.sort(plain))


def test_earlier_pruned_weights_never_return_even_when_largest():
    scores = np.array([[9.0, 1.0, 2.0, 3.0], [3.0, 9.0, 2.0, 1.0]])
    among = np.array([[False, True, True, True], [True, False, True, True]])
    mask = masks.keep_largest(scores, 2, among)
    np.testing.assert_array_equal(mask, [[False, False, True, True], [True, False, True, False]])


def test_global_selection_compares_across_layers_and_per_layer_does_not():
    scores = {"a": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": np.array([10.0, 20.0, 30.0])}
    together = masks.layer_masks(scores, 3)
    assert together["a"].sum() == 0
    assert together["b"].all()
    apart = masks.layer_masks(scores, {"a": 2, "b": 1})
    np.testing.assert_array_equal(apart["a"], [[False, False], [True, True]])
    np.testing.assert_array_equal(apart["b"], [False, False, True])
    assert masks.empty_layers(together) == ["a"]
    assert masks.densities(apart)["all"] == pytest.approx(3 / 7)


def test_a_replica_is_masked_as_if_alone():
    scores = np.random.default_rng(1).normal(size=(3, 5, 4))
    many = masks.layer_masks({"w": scores}, 7, replicas=True)["w"]
    for replica in range(3):
        np.testing.assert_array_equal(many[replica], masks.layer_masks({"w": scores[replica]}, 7)["w"])


def test_successive_rounds_remove_the_nearest_integer_each_time():
    survivors = 1003
    for _ in range(8):
        pruned = masks.pruned_count(survivors, 0.2)
        assert abs(pruned - 0.2 * survivors) <= 0.5
        survivors -= pruned
    assert masks.kept_count(431_080, 64) == 6736


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: masks.pruned_count(10, 1.0), "strictly between 0 and 1"),
        (lambda: masks.kept_count(10, 0.5), "at least 1"),
        (lambda: masks.keep_largest(np.array([1.0, np.nan]), 1), "must not be NaN \\(got 1 NaN of 2\\)"),
        (lambda: masks.keep_largest(np.ones(3), 4), "must be between 0 and 3 \\(got 4\\)"),
    ],
)
def test_impossible_requests_say_what_is_wrong(call, words):
    with pytest.raises(KoopflowError, match=words):
        call()


def test_ties_are_spread_over_the_layers_nested_and_pinned():
    scores = {"a": np.zeros(1000), "b": np.zeros(1000)}
    half, few = masks.layer_masks(scores, 1000), masks.layer_masks(scores, 5)
    assert 400 < half["a"].sum() < 600
    assert not any((few[name] & ~half[name]).any() for name in scores)
    # Pinned: another machine or NumPy must decide the same ties.
    assert np.flatnonzero(np.concatenate([few["a"], few["b"]])).tolist() == [558, 992, 1048, 1144, 1486]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.floats(0, 1))
def test_shares_of_layers_are_proportional_and_add_up(sizes, share):
    keep = int(share * sum(sizes))
    counts = masks.apportion(sizes, keep)
    assert sum(counts) == keep
    assert all(abs(count - keep * n / sum(sizes)) < 1 and count <= n for count, n in zip(counts, sizes))
