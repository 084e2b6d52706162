"""Improvement by episodic memory, as the paper on it quotes it, by horizon."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from koopflow.figures.panels import band, mark_panels, nothing
from koopflow.figures.style import GREY, size
from koopflow.figures.text import label


def plot_improvement(table: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draw the improvement over sliding forecasts without memory, in percent of the error with
    memory, with its interval: one panel per series.

    Parameters
    ----------
    table : DataFrame
        Columns `koopflow.io.columns.IMPROVEMENT`.
    names : sequence of str
        The series.
    """
    shown = [name for name in names if name in set(table["series"])]
    if not shown:
        return nothing("no series was forecast with and without memory")
    columns = min(len(shown), 2)
    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=size(columns, 0.72 * rows), squeeze=False)
    for panel, name in zip(axes.flat, shown):
        of = table[table["series"] == name].sort_values("horizon")
        for method, own in of.groupby("method", sort=True):
            band(panel, own["horizon"], own["improvement"], own["ci_low"], own["ci_high"], str(method))
        panel.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
        panel.set(title=f"{label(name)}, n = {int(of['n'].min())}", xlabel="horizon (samples)")
        panel.set_ylabel("improvement (%)")
    axes.flat[0].legend(fontsize="x-small")
    for panel in axes.flat[len(shown) :]:
        panel.set_axis_off()
    mark_panels(axes.flat[: len(shown)])
    return figure
