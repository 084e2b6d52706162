"""Modular addition: every pair once, with its sum, in training or test; a modulus that is no prime is refused."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.data.images.loading import load


def pairs(images):
    """Return the two tokens of each image, (image, 2)."""
    return images[:, 0].argmax(axis=-1)


def test_every_pair_is_there_once_with_its_sum():
    found = load({"source": "modular_addition", "prime": 11, "share": 0.6})
    assert found.x_train.shape == (73, 1, 2, 11)
    assert found.classes == 11
    train, test = pairs(found.x_train), pairs(found.x_test)
    np.testing.assert_array_equal(train.sum(axis=1) % 11, found.y_train)
    np.testing.assert_array_equal(test.sum(axis=1) % 11, found.y_test)
    assert {tuple(pair) for pair in np.concatenate([train, test])} == {(a, b) for a in range(11) for b in range(11)}


def test_the_run_seed_draws_the_training_pairs():
    first, second = (load({"source": "modular_addition", "prime": 11, "share": 0.6}, seed=seed) for seed in (0, 1))
    assert not np.array_equal(pairs(first.x_train), pairs(second.x_train))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"prime": 112}, r"^modular_addition: prime must be a prime number \(got 112\)"),
        ({"prime": 1}, r"prime must be a prime number \(got 1\)"),
        ({"prime": 121}, r"prime must be a prime number \(got 121\)"),
        ({"prime": 11, "share": 0.05}, r"share must leave a training pair for each of 11 sums"),
    ],
)
def test_what_is_no_task_is_one_line(options, line):
    with pytest.raises(KoopflowError, match=line):
        load({"source": "modular_addition", **options})
