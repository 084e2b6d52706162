"""Spread of exponents between tasks beside that between seeds, on normal effects of known size."""

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.rg.between_tasks import MORE, NO_MORE, between_tasks


def drawn(generator, between, within, tasks=12, seeds=5):
    return between * generator.normal(size=(tasks, 1)) + within * generator.normal(size=(tasks, seeds))


def test_the_ratio_is_that_of_the_effects_and_its_interval_covers_it():
    generator, inside, ratios = np.random.default_rng(0), [], []
    for _ in range(400):
        found = between_tasks(drawn(generator, 0.02, 0.01))
        ratios.append(found.ratio)
        inside.append(found.ci_low <= 2.0 <= found.ci_high)
    assert np.median(ratios) == pytest.approx(2.0, abs=0.1)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.03)


def test_distances_are_root_mean_squares_between_pairs():
    generator = np.random.default_rng(1)
    found = between_tasks(drawn(generator, 0.3, 0.1, tasks=400, seeds=20))
    assert found.within == pytest.approx(np.sqrt(2) * 0.1, rel=0.03)
    assert found.between == pytest.approx(np.sqrt(2) * 0.3, rel=0.1)


def test_verdicts_follow_the_interval_and_equal_tasks_never_differ_more_than_seeds():
    generator = np.random.default_rng(2)
    assert between_tasks(drawn(generator, 0.1, 0.01)).verdict == MORE
    wrong = [between_tasks(drawn(generator, 0.0, 0.01)).verdict == MORE for _ in range(200)]
    assert np.mean(wrong) == 0
    assert between_tasks(drawn(generator, 0.0, 0.01, tasks=30)).verdict == NO_MORE


def test_one_task_or_one_seed_is_refused():
    with pytest.raises(KoopflowError, match=r"two of each at least \(got shape \(1, 5\)\)"):
        between_tasks(np.zeros((1, 5)))
