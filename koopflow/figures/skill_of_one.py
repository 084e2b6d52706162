"""The figure of skill where there is one series, or one file of many: a point with its interval for each method."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from koopflow.figures.panels import interval, state_n
from koopflow.figures.style import GREY, size
from koopflow.figures.text import label


def skill_of_one(means: pd.DataFrame, name: str, against: str, counted: str) -> Figure:
    """Draw the skill of every method on one series, averaged over the steps ahead.

    Parameters
    ----------
    means : DataFrame
        Columns skill, low and high; the index names the methods, the first is drawn on top.
    name : str
        The series.
    against : str
        The reference in words.
    counted : str
        How many origins, or series, the intervals are over.
    """
    figure, ax = plt.subplots(figsize=size(2, 0.08 * len(means) + 0.3))
    for place, (method, row) in enumerate(means[::-1].iterrows()):
        interval(ax, place, row["skill"], row["low"], row["high"], str(method), text="", horizontal=True)
    ax.axvline(0, color=GREY, linewidth=0.7, zorder=0)
    ax.set_yticks(range(len(means)), [label(method) for method in means.index[::-1]])
    ax.set_ylim(-0.6, len(means) - 0.4)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_xlabel(f"1 - MAE / MAE of {against}")
    ax.set_title(f"{label(name)}: skill against {against}, mean over steps")
    state_n(ax, counted, "bars: 95 % intervals")
    return figure
