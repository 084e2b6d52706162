"""The figures of pruning never show an empty page."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from koopflow.figures import pruning, pruning_lines, pruning_scores, style


def words(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.fixture
def accuracy() -> pd.DataFrame:
    rows = [("mine", "random", 1, c, seed, 0.5 / c) for c in (1, 2, 4) for seed in range(3)]
    columns = ["study", "method", "epoch", "compression", "seed", "accuracy"]
    return pd.DataFrame(rows, columns=columns).assign(accuracy_finetuned=np.nan)


def test_without_fine_tuning_its_figure_says_so(accuracy):
    assert words(pruning_lines.accuracy(accuracy, "accuracy_finetuned")) == ["No study fine-tunes its pruned networks."]
    (axes,) = pruning_lines.accuracy(accuracy).axes
    assert axes.has_data()


@pytest.mark.parametrize("draw", [pruning_lines.accuracy, pruning_lines.overlap, pruning.eigenvalues, pruning.layers])
def test_without_networks_every_figure_says_so(draw, accuracy):
    assert words(draw(accuracy[:0])) == ["No network was pruned."]


def test_agreement_is_drawn_against_the_loss_with_the_stages_of_claims(accuracy):
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
    rows = [
        ("mine", "koopman_magnitude", "global_magnitude", e, 4, s, 0.5 + 0.1 * e, 0.2) for e in (1, 2) for s in range(3)
    ]
    overlaps, losses = pd.DataFrame(rows, columns=columns), accuracy.assign(epoch=2, loss=0.1)
    losses = pd.concat([accuracy.assign(loss=1.0), losses])
    (axes,) = pruning_lines.convergence(overlaps, losses, [0.05]).axes
    assert sorted(axes.lines[0].get_xdata()) == pytest.approx([0.1, 1.0])
    assert axes.xaxis.get_inverted()
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [0.05]
    assert words(pruning_lines.convergence(overlaps, accuracy)) == ["No training loss was recorded."]


def test_each_family_of_methods_has_its_panels_with_random_pruning_beside():
    methods = ["koopman_magnitude", "global_magnitude", "koopman_gradient", "global_gradient", "random"]
    assert pruning_lines.families(methods) == {
        "magnitude": [*methods[:2], "random"],
        "gradient": [*methods[2:4], "random"],
    }
    assert pruning_lines.families(["mine", "random"]) == {"": ["mine", "random"]}
    style.use()  # titles stand at the left
    columns = ["study", "method", "epoch", "compression", "seed", "accuracy"]
    rows = [("mine", name, e, c, s, 0.5) for name in methods for e in (1, 2, 9) for c in (1, 4) for s in (0, 1)]
    axes = pruning_lines.accuracy(pd.DataFrame(rows, columns=columns)).axes
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes] == [
        f"{family}, epoch {epoch}" for family in ("magnitude", "gradient") for epoch in (1, 9)
    ]
    assert all(len(ax.lines) == 3 for ax in axes)


def test_overlap_is_drawn_beyond_chance():
    names = ["koopman_magnitude", "global_magnitude"]
    alike = pd.DataFrame([[1, 0.7], [0.7, 1]], names, names)
    both = pd.concat([compared(alike), compared(alike).assign(epoch=2)])
    (axes,) = pruning_lines.overlap(both).axes
    assert axes.lines[0].get_ydata() == pytest.approx([0.7, 0.7])


def test_agreement_below_chance_is_drawn_with_its_interval(accuracy):
    """The adjusted index has no lower bound, unlike a Jaccard index."""
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
    rows = [
        ("mine", "koopman_gradient", "global_gradient", e, 4, s, 0.1 + 0.01 * s, 0.2) for e in (1, 2) for s in range(3)
    ]
    losses = pd.concat([accuracy.assign(epoch=e, loss=0.1 * e) for e in (1, 2)])
    (axes,) = pruning_lines.convergence(pd.DataFrame(rows, columns=columns), losses).axes
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() < -0.125 < band.max() < 0


def compared(agreement: pd.DataFrame) -> pd.DataFrame:
    names = list(agreement)
    rows = [
        ("mine", a, b, 1, 4, seed, 0.2 + 0.8 * agreement.loc[a, b], 0.2)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        for seed in range(3)
    ]
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
    return pd.DataFrame(rows, columns=columns)


def test_scores_that_agree_stand_side_by_side():
    names = ["a", "x", "b", "y"]
    alike = pd.DataFrame(np.full((4, 4), 0.1), names, names)
    for one, other in (("a", "b"), ("x", "y")):
        alike.loc[one, other] = alike.loc[other, one] = 0.9
    found = pruning_scores.ordered(pruning_scores.agreements(compared(alike), "mine", 1))
    assert {frozenset(found.index[:2]), frozenset(found.index[2:])} == {frozenset("ab"), frozenset("xy")}
    assert found.loc["a", "b"] == pytest.approx(0.9)
    tree, cells = pruning_scores.matrix(compared(alike)).axes[::2][:2]
    joined = sorted(np.mean(line.get_xdata()) for line in tree.lines if max(line.get_ydata()) < 0.5)
    assert joined == pytest.approx([0.5, 2.5])  # above the cells of the two pairs
    assert [text.get_text() for text in cells.get_xticklabels()] == [name.upper() for name in found]


def test_methods_that_are_not_compared_with_all_others_are_left_out():
    names = ["a", "b", "c", "d"]
    table = compared(pd.DataFrame(np.full((4, 4), 0.5), names, names))
    table = table[~((table.method_a == "a") & (table.method_b == "d"))]
    found = pruning_scores.agreements(table, "mine", 1)
    assert len(found) == 3
    assert not {"a", "d"} <= set(found)
    assert words(pruning_scores.matrix(table[:3])) == ["No study compares all of its methods (pairs: all)."]


def test_of_many_pairs_the_overlap_shows_the_koopman_methods_beside_those_of_the_claims():
    names = ["koopman_magnitude", "koopman_slow", "global_magnitude", "global_gradient", "snip", "grasp"]
    table = compared(pd.DataFrame(0.5, names, names))
    assert table.groupby(["method_a", "method_b"]).ngroups > pruning_lines.MOST_PAIRS
    axes = pruning_lines.overlap(pd.concat([table, table.assign(epoch=2)])).axes
    drawn = {text for ax in axes for text in ax.get_legend_handles_labels()[1]}
    partners = ("global magnitude", "global gradient")
    assert drawn == {f"Koopman {kind} / {other}" for kind in ("magnitude", "slow") for other in partners}


@pytest.mark.parametrize("against", [("global_magnitude",), ("global_magnitude", "koopman_full", "global_gradient")])
def test_titles_of_many_columns_do_not_meet(against):
    columns = ["study", "method_a", "method_b", "epoch", "compression", "seed", "jaccard", "expected_jaccard"]
    rows = [("mine", "koopman_magnitude", name, e, 4, s, 0.5, 0.2) for name in against for e in (1, 2) for s in (0, 1)]
    style.use()
    figure = pruning_lines.overlap(pd.DataFrame(rows, columns=columns))
    figure.draw_without_rendering()
    ends = [axes._left_title.get_window_extent() for axes in figure.axes]
    assert len(ends) == len(against)
    assert all(left.x1 < right.x0 for left, right in pairwise(ends))
    assert ends[-1].x1 < figure.bbox.x1
