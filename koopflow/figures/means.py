"""Means over seeds with their intervals as bands, by seaborn."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from koopflow.core.intervals import REALS, student
from koopflow.figures.style import Look


def mean_lines(
    ax: Axes,
    table: pd.DataFrame,
    axes: tuple[str, str, str],
    looks: Mapping[str, tuple[Look, str]],
    *,
    scale: float = 1.0,
    within: tuple[float, float] = REALS,
    **line: Any,
) -> None:
    """Draw the mean over seeds, one line per name, with Student's 95 % interval as a band.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        One row per name, place and seed.
    axes : (str, str, str)
        Columns of the place, of the value and of the name.
    looks : mapping of str to (Look, str)
        For each name its colour, marker and dash, and its entry in the legend. Names without rows
        are left out.
    scale : float
        Factor of the value, such as 100 for percent.
    within : (float, float)
        The range of the value; intervals are clipped to it. A single seed has no interval.
    **line
        Options of matplotlib's `Line2D`.
    """
    import seaborn  # imports SciPy's statistics, which most figures do not need

    def interval(values: pd.Series) -> tuple[float, float]:
        _, low, high = student(values / scale, within=within)
        return scale * low, scale * high

    x, y, by = axes
    kept = table[table[by].isin(list(looks))].dropna(subset=[y])
    names = [name for name in looks if (kept[by] == name).any()]
    drawn_before = len(ax.lines)
    seaborn.lineplot(
        x=kept[x].to_numpy(),
        y=scale * kept[y].to_numpy(),
        hue=kept[by].to_numpy(),
        hue_order=names,
        palette={name: looks[name][0].color for name in names},
        errorbar=interval,
        err_kws={"alpha": 0.18, "linewidth": 0},
        legend=False,
        ax=ax,
    )
    options = {"linewidth": 1.0, "markeredgewidth": 0} | line
    for drawn, name in zip(ax.lines[drawn_before:], names):
        look, text = looks[name]
        drawn.set(**{"label": text, "marker": look.marker, "linestyle": look.linestyle} | options)
    ax.set(xlabel="", ylabel="")
