"""Bars and bands: those of an accuracy or an overlap stay within 0 to 100 %, and those of a gain are over
pairs of one seed."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.intervals import student
from koopflow.figures import elastic, pruning_lines, tickets

SEEDS = (0.7, 0.9, 0.99)


def drawn(axes, across: bool = False) -> np.ndarray:
    """Return how high (`across`: how far to the side) everything reaches that is drawn as a bar or
    a band."""
    paths = [path for each in axes.collections for path in each.get_paths()]
    return np.concatenate([path.vertices[:, 0 if across else 1] for path in paths])


def pruned():
    columns = ["study", "method", "epoch", "compression", "seed", "accuracy"]
    rows = [("mine", "random", 1, c, seed, value) for c in (1, 2, 4) for seed, value in enumerate(SEEDS)]
    return drawn(pruning_lines.accuracy(pd.DataFrame(rows, columns=columns)).axes[0])


def ticket():
    columns = ["task", "control", "round", "density", "seed", "accuracy"]
    rows = [
        ("mine", c, number, d, seed, v)
        for c in ("ticket", "random_mask")
        for number, d in enumerate((1, 0.5, 0.2))
        for seed, v in enumerate(SEEDS)
    ]
    return drawn(tickets.accuracy(pd.DataFrame(rows, columns=columns), ["mine"]).axes[0])


def stretched():
    columns = ["task", "source", "target", "round", "density", "seed", "accuracy", "accuracy_own", "accuracy_random"]
    rows = [("mine", "a", "b", 1, 0.5, seed, v, v, v) for seed, v in enumerate(SEEDS)]
    exponents = pd.DataFrame(
        [("mine", "a", "l", 0.1, 0.0, 0.2)], columns=["task", "model", "layer", "sigma", "ci_low", "ci_high"]
    )
    return drawn(elastic.stretched(pd.DataFrame(rows, columns=columns), exponents).axes[1], across=True)


def composed():
    columns = ["comparison", "task", "density", "seed", "coupling_a", "coupling_b", "jaccard"]
    rows = [
        (c, "mine", d, seed, 1, 1, v)
        for c in ("composition", "rerun")
        for d in (0.5, 0.2)
        for seed, v in enumerate(SEEDS)
    ]
    ratios = pd.DataFrame([("mine", 1.0, 0.9, 1.1)], columns=["task", "ratio", "ci_low", "ci_high"])
    return 100 * drawn(tickets.composition(pd.DataFrame(rows, columns=columns), ratios, ["mine"]).axes[1])


@pytest.mark.parametrize("draw", [pruned, ticket, stretched, composed])
def test_intervals_end_at_100_percent(draw):
    assert student(np.array(SEEDS))[2] > 1
    places = draw()
    assert places.max() == pytest.approx(100)
    assert places.min() == pytest.approx(100 * student(np.array(SEEDS))[1])


def test_the_gain_of_a_ticket_is_paired_by_seed():
    columns = ["task", "control", "round", "density", "seed", "accuracy"]
    rows = [
        ("mine", control, number, density, seed, value - less)
        for control, less in (("ticket", 0.0), ("random_mask", 0.1))
        for number, density in enumerate((1, 0.5, 0.2))
        for seed, value in enumerate(SEEDS)
    ]
    gain = tickets.accuracy(pd.DataFrame(rows, columns=columns), ["mine"]).axes[1]
    assert drawn(gain) == pytest.approx(10)
