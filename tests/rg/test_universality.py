import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.rg import universality as u


def tasks(generator, n, agreement):
    """Two distance matrices between n items whose hidden positions agree to a known degree; the
    second is asymmetric."""
    x = generator.normal(size=(n, 2))
    y = agreement * x + np.sqrt(1 - agreement**2) * generator.normal(size=(n, 2))
    first, second = (np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (x, y))
    return first, second + 0.5 * generator.normal(size=(n, n))


def test_distance_is_the_root_mean_square_over_groups_known_in_both():
    distance = u.exponent_distance(np.array([[0.0, 1.0], [3.0, 5.0], [np.nan, 2.0]]))
    assert distance[0, 1] == pytest.approx(np.sqrt((9 + 16) / 2))
    assert distance[0, 2] == pytest.approx(1.0)
    np.testing.assert_array_equal(np.diag(distance), 0)


def test_transfer_is_one_for_the_own_ticket_and_zero_for_the_random_one():
    own, random = np.array([0.9, 0.92]), np.array([0.5, 0.52])
    assert u.relative_transfer(own, own, random) == pytest.approx(1)
    assert u.relative_transfer(random, own, random) == pytest.approx(0)
    assert np.isnan(u.relative_transfer(own, own, own))


@pytest.mark.parametrize("items", [5, 8])
def test_p_is_uniform_for_unrelated_matrices(items):
    generator = np.random.default_rng(21)
    p = [u.mantel(*tasks(generator, items, 0.0), relabellings=199).p for _ in range(200)]
    assert 0.02 <= np.mean(np.array(p) <= 0.1) <= 0.18
    assert np.mean(p) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("agreement", [0.0, 0.6, 0.9])
def test_interval_covers_the_populations_correlation_at_least_at_the_nominal_rate(agreement):
    generator = np.random.default_rng(22)
    truth = u.rank_correlation(*tasks(generator, 500, agreement))
    found = [u.mantel(*tasks(generator, 8, agreement), relabellings=1) for _ in range(200)]
    assert np.mean([m.ci_low <= truth <= m.ci_high for m in found]) >= 0.93


def test_small_matrices_go_through_every_relabelling():
    a = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    found = u.mantel(a, -a)
    assert found.relabellings == 120
    assert found.correlation == pytest.approx(-1)
    # Only the identity and the reversal keep a line in order.
    assert found.p == pytest.approx(2 / 120)


def test_too_few_or_unequal_items_are_refused():
    with pytest.raises(KoopflowError, match=r"at least 4 items \(got 3\)"):
        u.mantel(np.eye(3), np.eye(3))
    with pytest.raises(KoopflowError, match="square"):
        u.mantel(np.eye(4), np.eye(5))
