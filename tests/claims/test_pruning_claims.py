"""Claims on pruning: a stated stage of convergence, pooled differences, all studies where they say so."""

import itertools

import numpy as np
import pandas as pd
import pytest

from koopflow.claims import pruning
from koopflow.claims.estimate import Undecided
from koopflow.claims.tables import Tables
from tests.claims.test_claims import judged

SEEDS = range(6)
EPOCHS = {1: 0.5, 5: 0.04, 9: 0.004}
"""Training loss at each pruned epoch."""
AB = {"a": "A", "b": "B", "when": "late"}


def tables(agreements, gaps=(0.0,), losses=EPOCHS, seeds=SEEDS):
    """Tables of studies s0, s1, ... with their `agreements` by epoch, and `gaps` in accuracy by compression."""
    generator = np.random.default_rng(0)
    overlaps, accuracies = [], []
    for (number, own), seed in itertools.product(enumerate(agreements), seeds):
        for (epoch, loss), agreement in zip(losses.items(), own):
            at = agreement + 0.005 * generator.standard_normal()
            overlaps.append((f"s{number}", "A", "B", epoch, 4, seed, 0.2 + 0.8 * at, 0.2))
            for compression, gap in enumerate(gaps, start=2):
                noise = 0.02 * generator.standard_normal()
                accuracies.append((f"s{number}", "A", epoch, compression, seed, 0.8 + gap + noise, loss))
                accuracies.append((f"s{number}", "B", epoch, compression, seed, 0.8, loss))
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
    return Tables(
        given={
            "pruning/overlap.csv": pd.DataFrame(overlaps, columns=columns),
            "pruning/accuracy.csv": pd.DataFrame(
                accuracies, columns=["study", "method", "epoch", "compression", "seed", "accuracy", "loss"]
            ),
        }
    )


@pytest.mark.parametrize(("converged", "wanted"), [(None, 0.6), (0.05, 0.95), (0.01, 0.6), (0.6, 0.2)])
def test_late_is_the_first_epoch_from_which_on_the_loss_is_low(converged, wanted):
    found = pruning.mask_agreement(tables([(0.2, 0.95, 0.6)]), 0.95, converged=converged, **AB)
    assert found.value == pytest.approx(wanted, abs=0.01)


def test_a_loss_that_rises_again_has_not_converged():
    given = tables([(0.2, 0.95, 0.6)], losses={1: 0.04, 5: 0.5, 9: 0.04})
    assert pruning.mask_agreement(given, 0.95, converged=0.05, **AB).value == pytest.approx(0.6, abs=0.01)


def test_studies_that_do_not_converge_are_left_out_and_none_left_is_undecided():
    given = tables([(0.2, 0.95, 0.6)])
    with pytest.raises(Undecided, match="no study was pruned at a training loss"):
        pruning.mask_agreement(given, 0.95, converged=0.001, **AB)
    given.given["pruning/accuracy.csv"] = given.given["pruning/accuracy.csv"].drop(columns="loss")
    with pytest.raises(Undecided, match="no column loss"):
        pruning.mask_agreement(given, 0.95, converged=0.05, **AB)


def test_the_stronger_claim_is_about_the_study_with_the_least_agreement():
    given = tables([(0.2, 0.5, 0.99), (0.2, 0.5, 0.8)])
    assert pruning.mask_agreement(given, 0.95, **AB).value == pytest.approx(0.895, abs=0.01)
    assert pruning.least_mask_agreement(given, 0.95, **AB).value == pytest.approx(0.8, abs=0.01)


def test_studies_with_more_seeds_weigh_no_more():
    few, many = tables([(0.2, 0.5, 1.0)], seeds=range(4)), tables([(0.2, 0.5, 0.8)], seeds=range(9))
    for path, table in few.given.items():
        few.given[path] = pd.concat([table, many.given[path].assign(study="other")])
    found = pruning.mask_agreement(few, 0.95, **AB)
    assert (found.n, found.value) == (4, pytest.approx(0.9, abs=0.01))


def test_the_pooled_gap_is_not_biased_where_the_largest_of_several_is():
    zero = (0.0,) * 7
    pooled, largest = [], []
    for run in range(40):
        generator = np.random.default_rng(run)
        given = tables([(0.2, 0.5, 0.9)], gaps=zero)
        table = given.given["pruning/accuracy.csv"]
        noise = 0.02 * generator.standard_normal(len(table))
        table["accuracy"] = 0.8 + np.where(table["method"] == "A", noise, 0)
        pooled.append(abs(pruning.mean_accuracy_gap(given, 0.95, **AB).value))
        largest.append(abs(pruning.accuracy_gap(given, 0.95, **AB).value))
    assert np.mean(pooled) < 0.007
    assert np.mean(largest) > 2 * np.mean(pooled)


def test_the_pooled_gap_averages_over_compressions():
    found = pruning.mean_accuracy_gap(tables([(0.2, 0.5, 0.9)], gaps=(0.06, 0.0, 0.0)), 0.95, **AB)
    assert found.value == pytest.approx(0.02, abs=0.015)
    assert found.low < 0.02 < found.high


@pytest.mark.parametrize(("other", "verdict"), [(0.96, "supported"), (0.5, "inconclusive")])
def test_agreement_is_judged_at_another_rank_too(other, verdict):
    rows = [
        ("s", method, "B", epoch, 4, seed, 0.2 + 0.8 * (agreement + 0.001 * seed), 0.2)
        for method, agreement in (("A", 0.97), ("low", other))
        for epoch in (1, 5)
        for seed in range(5)
    ]
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
    tables = {"pruning/overlap.csv": pd.DataFrame(rows, columns=columns)}
    row = judged("mask_agreement", AB | {"beside": ["low", "absent"]}, {"above": 0.9}, tables)
    assert row["verdict"] == verdict
    assert row["sensitivity"] == ("" if other > 0.9 else "not ") + "supported at the method low"
