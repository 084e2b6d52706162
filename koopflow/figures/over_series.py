"""The figure of methods compared over series: each series a point, their mean with its interval."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from koopflow.figures.panels import mark_panels, nothing
from koopflow.figures.style import BLUE, GREY, VERMILLION, size
from koopflow.figures.text import label
from koopflow.forecast.over_series import RECALLING, REFERENCES, paired
from koopflow.forecast.skill import WITHOUT_RECALL

KINDS = {"real": BLUE, "synthetic": VERMILLION}
PANELS = {"sliding": "against sliding", "naive": "against the better naive forecast"}
FARTHEST = 8.0
"""Ratios beyond this, or beyond its inverse, are drawn at the edge."""
TICKS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
APART = 0.32


def plot(skill: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Draw the error of every method over that of the sliding forecast, with the gate against itself
    without recall below, and over that of the better naive forecast.

    Parameters
    ----------
    skill : DataFrame
        The table `forecast/skill.csv`, with kind and group.
    table : DataFrame
        The table `forecast/over_series.csv`.
    """
    panels = [name for name in PANELS if name in set(table["reference"])]
    if not panels:
        return nothing("no method and reference have forecast the same series")
    kinds = [kind for kind in KINDS if kind in set(table["kind"])]
    order = _ordered(table[table["reference"] == panels[0]], kinds[0])
    order = [*(name for name in table["method"].unique() if name not in order), *order]
    lines = [(method, "") for method in order]
    if WITHOUT_RECALL in set(table["reference"]):
        lines.insert(0, (RECALLING, WITHOUT_RECALL))
    height = (0.075 if len(kinds) == 1 else 0.1) * len(lines) + 0.4
    figure, axes = plt.subplots(1, len(panels), figsize=size(2, height), sharey=True, squeeze=False)
    for ax, panel in zip(axes.flat, panels):
        for place, (method, against) in enumerate(lines):
            if against and ax is not axes[0, 0]:
                continue
            reference = against or panel
            own = table[(table["reference"] == reference) & (table["method"] == method)]
            for at, kind in enumerate(kinds):
                for _, row in own[own["kind"] == kind].iterrows():
                    ratios = paired(skill[skill["kind"] == kind], method, REFERENCES[reference]).ratios
                    _row(ax, place + APART * ((len(kinds) - 1) / 2 - at), row, ratios.to_numpy(), kind)
        _finish(ax, PANELS[panel])
    axes[0, 0].set_yticks(range(len(lines)), [_named(*line) for line in lines])
    axes[0, 0].set_ylim(-0.6, len(lines) - 0.4)
    if lines[0][1]:
        axes[0, 0].axhline(0.5, color=GREY, linewidth=0.4)
    handles = _handles(kinds, table)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    mark_panels(axes.flat)
    return figure


def _ordered(own: pd.DataFrame, kind: str) -> list[str]:
    """Return the methods, the one with the largest error over series of one kind first."""
    return list(own[own["kind"] == kind].sort_values("ratio", ascending=False)["method"])


def _named(method: str, against: str) -> str:
    return f"{label(method)}, against\n{label(against).lower()}" if against else label(method)


def _row(ax: Axes, height: float, row: pd.Series, ratios: np.ndarray, kind: str) -> None:
    shade = KINDS[kind]
    held = np.clip(ratios, 1 / FARTHEST, FARTHEST)
    inside = held == ratios
    ax.plot(held[inside], np.full(inside.sum(), height), "|", color=shade, alpha=0.55, markersize=5)
    for edge, marker in ((FARTHEST, ">"), (1 / FARTHEST, "<")):
        beyond = np.count_nonzero(~inside & (held == edge))
        if beyond:
            ax.plot([edge], [height], marker, color=shade, alpha=0.55, clip_on=False)
    if np.isfinite(row["ci_low"]):
        ends = np.clip([row["ci_low"], row["ci_high"]], 1 / FARTHEST, FARTHEST)
        ax.plot(ends, [height, height], color=shade, linewidth=1.6, solid_capstyle="butt")
    ax.plot([np.clip(row["ratio"], 1 / FARTHEST, FARTHEST)], [height], "o", color=shade)


def _finish(ax: Axes, title: str) -> None:
    ax.axvline(1.0, color=GREY, linewidth=0.6, zorder=0)
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    ax.set_xlim(max(low, 0.9 / FARTHEST), min(high, 1.1 * FARTHEST))
    shown = [tick for tick in TICKS if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]]
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{tick:g}" for tick in shown])
    ax.set_title(title)
    ax.set_xlabel("MAE / MAE of the reference")


def _handles(kinds: list[str], table: pd.DataFrame) -> list[Line2D]:
    """Return the entries of the legend, which state the numbers of series."""
    found = []
    for kind in kinds:
        own = table[table["kind"] == kind]
        series, groups = int(own["series"].max()), int(own["groups"].max())
        counted = f"n = {groups}" + (f" groups of {series} series" if groups < series else " series")
        few = "" if np.isfinite(own["ci_low"]).any() else ", too few for an interval"
        text = f"{kind} ({counted}{few})"
        found.append(Line2D([], [], color=KINDS[kind], marker="o", linewidth=1.6, label=text))
    found.append(Line2D([], [], color=GREY, marker="|", linestyle="none", label="one series or group"))
    return found
