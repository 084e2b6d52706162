"""No bar and no band of an accuracy leaves 0 to 100 %."""

import numpy as np
import pandas as pd
import pytest

from koopflow.figures import pruning, tickets
from koopflow.intervals import student

SEEDS = (0.7, 0.9, 0.99)


def pruned():
    columns = ["study", "method", "epoch", "compression", "seed", "accuracy"]
    rows = [("mine", "random", 1, c, seed, value) for c in (1, 2, 4) for seed, value in enumerate(SEEDS)]
    return pruning.accuracy(pd.DataFrame(rows, columns=columns))


def ticket():
    columns = ["task", "control", "density", "seed", "accuracy"]
    rows = [("mine", c, d, seed, v) for c in ("ticket", "random") for d in (1, 0.5, 0.2) for seed, v in enumerate(SEEDS)]
    return tickets.accuracy(pd.DataFrame(rows, columns=columns), ["mine"])


@pytest.mark.parametrize("draw", [pruned, ticket])
def test_intervals_of_an_accuracy_end_at_100_percent(draw):
    assert student(np.array(SEEDS))[2] > 1
    figure = draw()
    heights = np.concatenate([path.vertices[:, 1] for drawn in figure.axes[0].collections for path in drawn.get_paths()])
    assert heights.max() == pytest.approx(100)
    assert heights.min() == pytest.approx(100 * student(np.array(SEEDS))[1])
