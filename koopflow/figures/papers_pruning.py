"""Fig. 1 of arXiv 2110.14856, redrawn from a run: pre-trained networks, Koopman and global
magnitude pruning."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopflow.core.intervals import AT_MOST_ONE, FRACTION, student
from koopflow.figures.panels import mark_panels, nothing, state_n
from koopflow.figures.style import look, size
from koopflow.figures.text import label

METHODS = ("koopman_magnitude", "koopman_full", "global_magnitude")
"""Methods that are drawn where a study has them; `koopman_full` keeps all modes."""
COLUMNS = (("accuracy", "right after pruning"), ("accuracy_finetuned", "after one epoch"))


def plot_figure_1(accuracy: pd.DataFrame, overlap: pd.DataFrame, studies: Sequence[str]) -> Figure:
    """Draw accuracy against compression, right after pruning and after one epoch, and how much of
    the weights that magnitude keeps Koopman pruning keeps, beyond chance: one row per study.

    Parameters
    ----------
    accuracy, overlap : DataFrame
        Columns `PRUNING_ACCURACY`, and `PRUNING_OVERLAP` with `beyond_chance`.
    studies : sequence of str
        Studies of pre-trained networks.
    """
    accuracy = accuracy[accuracy["study"].isin(studies) & accuracy["method"].isin(METHODS)]
    shown = [name for name in studies if name in set(accuracy["study"])]
    if not shown:
        return nothing("no study of pre-trained networks")
    figure, axes = plt.subplots(len(shown), 3, figsize=size(2, 0.72 * len(shown)), squeeze=False)
    for row, study in zip(axes, shown):
        of = accuracy[accuracy["study"] == study]
        of = of[of["epoch"] == of["epoch"].max()]
        for panel, (column, title) in zip(row, COLUMNS):
            for method in METHODS:
                _line(panel, of[of["method"] == method], column, method, 100.0)
            panel.set(ylabel="test accuracy (%)", ylim=(0, 102), title=f"{label(study)}, {title}")
        state_n(row[0], int(of["seed"].nunique()), "networks", corner="lower left")
        pairs = overlap[(overlap["study"] == study) & (overlap["method_b"] == "global_magnitude")]
        pairs = pairs[pairs["epoch"] == pairs["epoch"].max()]
        for method in METHODS[:2]:
            _line(row[2], pairs[pairs["method_a"] == method], "beyond_chance", method, 1.0)
        row[2].set(ylim=(-0.05, 1.05), ylabel="kept in common,\nbeyond chance", title="as global magnitude")
        for panel in row:
            _compressions(panel, sorted(of["compression"].unique()))
    axes[0, 0].legend(fontsize="x-small")
    mark_panels(axes.flat)
    return figure


def _line(ax: Axes, rows: pd.DataFrame, column: str, method: str, scale: float) -> None:
    rows = rows[rows[column].notna()]
    within = FRACTION if scale != 1.0 else AT_MOST_ONE
    points = [(at, *student(of[column], within=within)) for at, of in rows.groupby("compression")]
    if not points:
        return
    table, seen = pd.DataFrame(points, columns=["at", "mean", "low", "high"]), look(method)
    reach = [scale * (table["mean"] - table["low"]), scale * (table["high"] - table["mean"])]
    ax.errorbar(
        table["at"],
        scale * table["mean"],
        reach,
        color=seen.color,
        marker=seen.marker,
        linewidth=1,
        label=label(method),
    )


def _compressions(ax: Axes, values: Sequence[float]) -> None:
    ax.set_xscale("log", base=2)
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.minorticks_off()
    ax.set_xlabel("compression")
