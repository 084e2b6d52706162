"""Published figures redrawn: what is drawn where, from tables of a few rows."""

import numpy as np
import pandas as pd
import pytest

from koopflow.figures.grokking import plot_curves, plot_prediction, plot_spectra
from koopflow.figures.papers_grokking import plot_figure_5
from koopflow.figures.papers_pruning import plot_figure_1
from koopflow.figures.style import save, use
from koopflow.io.columns import GROKKING_CURVES
from koopflow.studies.papers import plan
from tests.studies.plans import resolved


@pytest.fixture(scope="module")
def curves() -> pd.DataFrame:
    rows = [
        (
            name,
            seed,
            step,
            1.0 / (1 + step),
            2.0,
            min(1.0, step / 50) - 0.1 * seed,
            min(1.0, step / 900),
            40.0 if name == "decay" else 32.0,
        )
        for name in ("decay", "held")
        for seed in (0, 1)
        for step in (0, 50, 100, 1000)
    ]
    return pd.DataFrame(rows, columns=list(GROKKING_CURVES))


@pytest.fixture(scope="module")
def eigenvalues() -> pd.DataFrame:
    rows = [(name, seed, 0, 0.9 + 0.1 * (name == "held"), 0.05, 0.0) for name in ("decay", "held") for seed in (0, 1)]
    return pd.DataFrame(rows, columns=["setting", "seed", "mode", "real", "imag", "residual"])


def test_figure_5_shows_both_trainings_on_the_published_axes(curves, eigenvalues, tmp_path):
    use()
    figure = plot_figure_5(curves, eigenvalues, "decay", "held", 100)
    free, held, early, plane = figure.axes[:4]
    assert free.get_xscale() == held.get_xscale() == "log"
    assert [ax.get_ylabel() for ax in figure.axes[4:]] == ["norm of all weights"] * 2
    low, high = figure.axes[5].get_ylim()
    assert high - low > 5, "rounding of a held norm is not enlarged"
    assert early.lines[0].get_xdata().tolist() == [0, 50, 100]
    shaded = early.collections[0].get_paths()[0].vertices[:, 1]
    assert (shaded.min(), shaded.max()) == pytest.approx((-0.075, 0.975)), "quartiles of 0 and -0.1, and of 1 and 0.9"
    drawn = [line.get_xdata().tolist() for line in plane.lines if line.get_label() in ("free", "held")]
    assert drawn == [[0.9], [1.0]], "one network of each setting, as published"
    assert plane.get_title(loc="left").endswith("states 1 to 100, one network")
    assert len(save(figure, tmp_path / "five")) == 2
    pooled = plot_figure_5(curves, eigenvalues, "decay", "held", 100, first_state=0, copies=10).axes[3]
    assert pooled.get_title(loc="left").endswith("states 0 to 99, 10 copies of one")
    longer = plot_figure_5(curves, eigenvalues, "decay", "held", 100, states=(100, 200)).axes[3]
    assert longer.get_title(loc="left").endswith("states 1 to 100 or 200, one network")


def test_figures_of_the_grokking_study_are_drawn_from_their_tables(curves, eigenvalues, tmp_path):
    use()
    distances = pd.DataFrame(
        [("decay", "held", "0-0", 0.1), ("decay", "held", "1-1", 0.12), ("decay", "decay", "0-1", 0.01)],
        columns=["a", "b", "seed", "distance"],
    )
    save(plot_curves(curves, ["decay", "held"], 100), tmp_path / "curves")
    spectra = plot_spectra(eigenvalues, distances, ["decay", "held"], [("decay", "held")])
    assert [patch.get_height() for patch in spectra.axes[1].patches] == pytest.approx([0.11, 0.01])
    areas = pd.DataFrame(
        [("spectrum", "", 0.9, 0.7, 1.0, 10, 5), ("spectrum", "settings", 0.1, 0.0, 0.2, 10, 5)],
        columns=["predictor", "against", "value", "ci_low", "ci_high", "n", "n_groks"],
    )
    scores = pd.DataFrame({"predictor": "spectrum", "score": np.linspace(0, 1, 10), "groks": [False, True] * 5})
    drawn = plot_prediction(scores, areas)
    assert drawn.axes[0].get_title(loc="left") == "a  10 networks, 5 grok"
    save(drawn, tmp_path / "prediction")
    empty = plot_prediction(scores[:0], areas[:0])
    assert "too few" in "".join(text.get_text() for text in (*empty.texts, *empty.axes[0].texts))


def test_figure_1_of_pruning_says_what_is_kept_beyond_chance(tmp_path):
    use()
    methods = ("koopman_magnitude", "koopman_full", "global_magnitude", "random")
    accuracy = pd.DataFrame(
        [("net", m, 1.0, c, s, 0.9 - 0.001 * c, 0.95) for m in methods for c in (1, 4, 16) for s in (0, 1)],
        columns=["study", "method", "epoch", "compression", "seed", "accuracy", "accuracy_finetuned"],
    )
    overlap = pd.DataFrame(
        [("net", m, "global_magnitude", 1.0, c, s, 0.4) for m in methods[:2] for c in (4, 16) for s in (0, 1)],
        columns=["study", "method_a", "method_b", "epoch", "compression", "seed", "beyond_chance"],
    )
    figure = plot_figure_1(accuracy, overlap, ["net"])
    before, _, common = figure.axes
    assert len(before.containers) == 3, "random pruning is not part of the figure"
    assert len(common.containers) == 2
    assert common.containers[0].lines[0].get_ydata().tolist() == [0.4, 0.4]
    save(figure, tmp_path / "one")


def test_only_studies_that_start_from_a_checkpoint_make_figure_1():
    assert plan(resolved()).pretrained() == []
    model = {"name": "mlp", "widths": [4], "initial_weights": "mine.pt"}
    found = plan(resolved({"pruning": {"studies": {"mine": {"model": model}, "other": {}}}}))
    assert found.pretrained() == ["mine"]
    assert "papers/pruning/figure-1.png" in found.drawn("pruning")
