"""Means over seeds with their intervals as bands, by seaborn."""

from typing import Any

import pandas as pd
import seaborn
from matplotlib.axes import Axes

from koopflow.core.intervals import REALS, student
from koopflow.figures.style import Look


def mean_line(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    look: Look,
    text: str,
    *,
    scale: float = 1.0,
    within: tuple[float, float] = REALS,
    **line: Any,
) -> None:
    """Draw the mean of `y` at each `x`, with Student's 95 % interval as a band.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        One row per `x` and seed.
    x, y : str
        Columns.
    look : Look
        Colour, marker and dash.
    text : str
        Entry in the legend.
    scale : float
        Factor of `y`, such as 100 for percent.
    within : (float, float)
        The range of `y`; intervals are clipped to it. A single seed has no interval.
    **line
        Options of matplotlib's `plot`.
    """

    def interval(values: pd.Series) -> tuple[float, float]:
        _, low, high = student(values / scale, within=within)
        return scale * low, scale * high

    options = {"linestyle": look.linestyle, "marker": look.marker, "linewidth": 1.0, "markeredgewidth": 0} | line
    seaborn.lineplot(
        x=table[x].to_numpy(),
        y=scale * table[y].to_numpy(),
        errorbar=interval,
        err_kws={"alpha": 0.18, "linewidth": 0},
        color=look.color,
        label=text,
        legend=False,
        ax=ax,
        **options,
    )
    ax.set(xlabel="", ylabel="")
