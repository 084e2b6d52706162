"""Claims over pairs of tasks count tasks: pairs that share one are not independent."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from koopflow.claims.estimate import Undecided, over_networks, over_units
from koopflow.claims.tables import Tables
from koopflow.claims.transfer import TRANSFER, exponents_agree_where_transfer, exponents_predict_transfer, ticket_gain

MEASURES = {"area": exponents_agree_where_transfer, "correlation": exponents_predict_transfer}


def transfers(generator, tasks, agreement, threshold=0.0, network="m"):
    """Return a table of transfer between tasks whose hidden positions tell their exponents and, to
    a known degree, where tickets transfer. Each task has an effect on all its pairs."""
    exponents = generator.normal(size=(tasks, 2))
    other = agreement * exponents + np.sqrt(1 - agreement**2) * generator.normal(size=(tasks, 2))
    far, apart = (np.linalg.norm(at[:, None] - at[None], axis=-1) for at in (other, exponents))
    effect, error = 0.3 * generator.normal(size=tasks), 0.1 * generator.normal(size=(tasks, tasks))
    share = 0.5 - threshold - far + effect[:, None] + effect + (error + error.T) / 2
    source, target = np.nonzero(~np.eye(tasks, dtype=bool))
    names = np.array([f"t{place:04d}" for place in range(tasks)])
    columns = {"accuracy": share[source, target], "accuracy_own": 1.0, "accuracy_random": 0.0}
    columns |= {"exponent_distance": apart[source, target], "model": network, "seed": 0, "density": 0.1}
    return pd.DataFrame({"source": names[source], "target": names[target]} | columns)


def found(measure, *tables, **options):
    return MEASURES[measure](Tables(given={TRANSFER: pd.concat(tables)}), 0.95, **options)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("agreement", [0.0, 0.8])
def test_intervals_over_pairs_of_tasks_cover_the_truth_of_all_tasks(measure, agreement):
    """Intervals that take pairs for independent hold the truth in 70 to 85 % here."""
    generator, threshold = np.random.default_rng(5), -1.5
    truth = found_without_interval(measure, transfers(generator, 150, agreement, threshold))
    estimates = [found(measure, transfers(generator, 14, agreement, threshold)) for _ in range(40)]
    assert np.mean([each.low <= truth <= each.high for each in estimates]) >= 0.9
    assert {(each.n, each.unit) for each in estimates} == {(14, "tasks")}


def found_without_interval(measure, table):
    from koopflow.claims import transfer

    pairs = transfer._quality(Tables(given={TRANSFER: table}), None, None)
    statistic = {"area": transfer._area, "correlation": transfer._rank_correlation}[measure]
    return statistic(pairs.assign(good=pairs["share"] > 0.5))


@pytest.mark.parametrize(("measure", "chance"), [("area", 0.5), ("correlation", 0.0)])
def test_a_strong_relation_is_found_and_none_is_not(measure, chance):
    generator = np.random.default_rng(6)
    strong, none = ([found(measure, transfers(generator, 14, of, -1.5)) for _ in range(12)] for of in (0.95, 0.0))
    assert sum(each.low > chance for each in strong) >= 10
    assert sum(each.low > chance or each.high < chance for each in none) <= 1


@pytest.mark.parametrize("measure", MEASURES)
def test_pairs_are_compared_within_one_network(measure):
    """Exponents of another network have another scale."""
    one = transfers(np.random.default_rng(7), 9, 0.8, -1.5)
    other = one.assign(model="n", exponent_distance=100 + one["exponent_distance"])
    assert found(measure, one, other).value == pytest.approx(found(measure, one).value)
    assert found(measure, one, other).n == 9


def test_kinds_that_are_apart_have_an_interval_of_the_tasks():
    table = transfers(np.random.default_rng(8), 10, 0.8, -1.5)
    share = np.where(table["exponent_distance"] < table["exponent_distance"].median(), 0.9, 0.1)
    estimate = found("area", table.assign(accuracy=share))
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert 0.6 < estimate.low < 0.9


def test_a_relation_that_hangs_on_one_task_is_undecided_and_names_it():
    table = transfers(np.random.default_rng(9), 8, 0.8)
    lonely = (table["source"] == "t0003") | (table["target"] == "t0003")
    with pytest.raises(Undecided, match="without the task t0003"):
        found("area", table.assign(accuracy=np.where(lonely, 0.1, 0.9)))
    with pytest.raises(Undecided, match=r"^every pair of tasks transfers more than 0\.5"):
        found("area", table.assign(accuracy=0.9))


def test_two_networks_of_unequal_seeds_are_averaged_and_their_difference_is_no_error():
    generator = np.random.default_rng(0)
    wide, narrow = 0.2 + 0.01 * generator.normal(size=10), 0.4 + 0.01 * generator.normal(size=5)
    values = pd.concat({"wide": pd.Series(wide), "narrow": pd.Series(narrow)}, names=["model", "seed"])
    both = over_networks(values, 0.95)
    assert both.value == pytest.approx((wide.mean() + narrow.mean()) / 2)
    error = np.sqrt(wide.var(ddof=1) / 10 + narrow.var(ddof=1) / 5) / 2
    welch = stats.ttest_ind(wide, narrow, equal_var=False).confidence_interval(0.95)
    assert both.high - both.value == pytest.approx((welch.high - welch.low) / 4)
    assert 2 * error < both.high - both.value < 3 * error
    assert both.n == 15
    assert over_networks(values[:10], 0.95) == over_units(wide, 0.95)


def test_a_gain_is_that_of_each_network_and_not_of_whichever_has_more_seeds():
    rows = [
        ("a", "b", model, seed, 0.1, 0.9, gain + 0.5 + 0.001 * seed, 0.5, 0.0)
        for model, gain, seeds in (("wide", 0.2, 10), ("narrow", 0.4, 5))
        for seed in range(seeds)
    ]
    columns = ["source", "target", "model", "seed", "density", "accuracy", "accuracy_own", "accuracy_random"]
    table = pd.DataFrame(rows, columns=[*columns, "exponent_distance"])
    found = ticket_gain(Tables(given={TRANSFER: table}), 0.95)
    assert found.value == pytest.approx(0.3 + 0.001 * (4.5 + 2.0) / 2)
    assert found.high - found.low < 0.01
