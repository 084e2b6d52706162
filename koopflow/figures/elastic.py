"""Figure of elastic tickets: exponents of each depth, and tickets stretched from one depth to
another."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from koopflow.core.intervals import FRACTION, student
from koopflow.figures import panels, style
from koopflow.figures.text import drawn
from koopflow.figures.tickets import grid

KINDS = {"accuracy_own": ("own ticket", "s", style.BLUE), "accuracy": ("stretched ticket", "o", style.VERMILLION)}
KINDS |= {"accuracy_random": ("random mask", "^", style.GREY)}
DEPTH_COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY, style.BROWN)


def stretched(elastic: pd.DataFrame, exponents: pd.DataFrame) -> Figure:
    """Draw the exponents of each depth from input to output, and the accuracy of stretched tickets
    at the lowest density.

    Parameters
    ----------
    elastic : DataFrame
        Rows of the table `tickets/elastic.csv` for one comparison.
    exponents : DataFrame
        The table `tickets/exponents.csv` of all studies.
    """
    figure, axes = grid(2, height=0.95, columns=2, width_ratios=[1.1, 1])
    models = list(dict.fromkeys([*elastic["source"], *elastic["target"]]))
    models.sort(key=lambda model: len(exponents[exponents["model"] == model]))
    shown = exponents[exponents["task"].isin(elastic["task"].unique())]
    for colour, model in zip(DEPTH_COLOURS, models):
        own = shown[shown["model"] == model]
        groups = list(own["layer"].unique())
        place = own["layer"].map({group: position / max(len(groups) - 1, 1) for position, group in enumerate(groups)})
        reach = np.abs(own[["ci_low", "ci_high"]].to_numpy(dtype=float).T - own["sigma"].to_numpy(dtype=float))
        axes[0].errorbar(
            place, own["sigma"], yerr=reach, fmt="o-", color=colour, linewidth=0.8, markersize=3, label=drawn(model)
        )
    axes[0].axhline(0, color=style.GREY, linewidth=0.7, zorder=0)
    axes[0].set_xticks([0, 0.5, 1], ["input", "middle", "output"])
    axes[0].set_xlabel("place in the network")
    axes[0].set_ylabel("exponent σ")
    axes[0].legend(loc="best")
    lowest = elastic[elastic["round"] == elastic["round"].max()]
    pairs = list(lowest.groupby(["source", "target"], sort=False).groups)
    for shift, (column, (name, marker, colour)) in zip((-0.2, 0.0, 0.2), KINDS.items()):
        lines = 100 * np.array(
            [
                student(lowest.loc[(lowest["source"] == a) & (lowest["target"] == b), column].dropna(), within=FRACTION)
                for a, b in pairs
            ]
        )
        reach = np.abs(lines[:, 1:].T - lines[:, 0])
        axes[1].errorbar(
            lines[:, 0], np.arange(len(pairs)) + shift, xerr=reach, fmt=marker, color=colour, linewidth=0.8, label=name
        )
    axes[1].set_yticks(range(len(pairs)), [f"{drawn(a)} to {drawn(b)}" for a, b in pairs])
    axes[1].set_ylim(len(pairs) + 0.1, -0.6)
    axes[1].set_xlabel(f"test accuracy (%) at density {100 * lowest['density'].median():.0f} %")
    panels.state_n(axes[1], lowest["seed"].nunique(), "seeds; bars: 95 % intervals", corner="lower left")
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    panels.mark_panels(axes.flat)
    return figure
