"""Bars and bands: those of an accuracy or an overlap stay within 0 to 100 %, and those of a gain are over
pairs of one seed."""

import numpy as np
import pandas as pd
import pytest

from koopflow.core.intervals import student
from koopflow.figures import elastic, pruning_lines, style, tasks, tickets
from koopflow.figures.text import label

SEEDS = (0.7, 0.9, 0.99)
MANY = [f"task{number}" for number in range(7)]


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


def ticket_of_many():
    columns = ["task", "control", "round", "density", "seed", "accuracy"]
    rows = [(task, "ticket", r, 0.5**r, seed, v) for task in MANY for r in (0, 1) for seed, v in enumerate(SEEDS)]
    return drawn(tickets.accuracy(pd.DataFrame(rows, columns=columns), MANY).axes[0], across=True)


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


@pytest.mark.parametrize("draw", [pruned, ticket, ticket_of_many, stretched, composed])
def test_intervals_end_at_100_percent(draw):
    assert student(np.array(SEEDS))[2] > 1
    places = draw()
    assert places.max() == pytest.approx(100)
    assert places.min() == pytest.approx(100 * student(np.array(SEEDS))[1])


@pytest.mark.parametrize("names", [["mine"], MANY])
def test_the_gain_of_a_ticket_is_paired_by_seed(names):
    columns = ["task", "control", "round", "density", "seed", "accuracy"]
    rows = [
        (task, control, number, density, seed, value - less)
        for task in names
        for control, less in (("ticket", 0.0), ("random_mask", 0.1))
        for number, density in enumerate((1, 0.5, 0.2))
        for seed, value in enumerate(SEEDS)
    ]
    gain = tickets.accuracy(pd.DataFrame(rows, columns=columns), names).axes[1]
    assert drawn(gain, across=names is MANY) == pytest.approx(10)


def test_many_tasks_have_a_row_each():
    columns = ["task", "control", "round", "density", "seed", "accuracy"]
    rows = [(task, "ticket", r, 0.5**r, 0, 0.9) for task in MANY for r in (0, 1)]
    panel = tickets.accuracy(pd.DataFrame(rows, columns=columns), MANY).axes[0]
    assert [text.get_text() for text in panel.get_yticklabels()] == [label(task) for task in MANY]


def test_tasks_drawn_together_have_different_colours():
    pair = ["digits", "digits_permuted_75"]
    assert style.color(pair[0]) == style.color(pair[1])
    assert len({look.color for look in tasks.looks(pair).values()}) == 2
