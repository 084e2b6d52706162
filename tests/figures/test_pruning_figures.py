"""The figures of pruning never show an empty page."""

import numpy as np
import pandas as pd
import pytest

from koopflow.figures import pruning


def words(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.fixture
def accuracy() -> pd.DataFrame:
    rows = [("mine", "random", 1, c, seed, 0.5 / c) for c in (1, 2, 4) for seed in range(3)]
    columns = ["study", "method", "epoch", "compression", "seed", "accuracy"]
    return pd.DataFrame(rows, columns=columns).assign(accuracy_finetuned=np.nan)


def test_without_fine_tuning_its_figure_says_so(accuracy):
    assert words(pruning.accuracy(accuracy, "accuracy_finetuned")) == ["No study fine-tunes its pruned networks."]
    (axes,) = pruning.accuracy(accuracy).axes
    assert axes.has_data()


@pytest.mark.parametrize("draw", [pruning.accuracy, pruning.overlap, pruning.eigenvalues, pruning.layers])
def test_without_networks_every_figure_says_so(draw, accuracy):
    assert words(draw(accuracy[:0])) == ["No network was pruned."]
