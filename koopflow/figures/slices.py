"""Two-dimensional slices of the flow: the coupling of one layer against that of another, round by
round, with the fixed points of the linearized flow."""

from itertools import combinations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopflow.figures import panels
from koopflow.figures import tasks as drawing
from koopflow.figures.text import drawn, label
from koopflow.figures.tickets import LONGEST_NAME, grid

LAYERS = 3
"""Most layers whose couplings are drawn against each other: the first, the middle and the last."""


def slices(flow: pd.DataFrame, common: pd.DataFrame, fixed: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw the flow of couplings of pairs of layers; crosses show the standard deviation over seeds.

    Parameters
    ----------
    flow, common, fixed : DataFrame
        The tables `tickets/flow.csv`, `tickets/common_exponents.csv` and `tickets/fixed_points.csv`
        of one model.
    tasks : list of str
    """
    layers = _chosen(list(flow["layer"].unique()))
    pairs = list(combinations(layers, 2))
    if not pairs:
        return panels.nothing("A network of one layer has no flow between layers.")
    figure, axes = grid(len(pairs), height=0.8, columns=3)
    shown, resting = drawing.spread(tasks), 0
    looks = drawing.looks(shown)
    window = common.iloc[0] if len(common) else None
    for ax, (a, b) in zip(axes, pairs):
        for task, look in looks.items():
            own = flow[flow["task"] == task]
            both = [
                own[own["layer"] == name].pivot_table(index="round", columns="seed", values="coupling")
                for name in (a, b)
            ]
            x, y = (each.mean(axis=1) for each in both)
            ax.errorbar(
                x,
                y,
                xerr=both[0].std(axis=1),
                yerr=both[1].std(axis=1),
                color=look.color,
                linestyle=look.linestyle,
                linewidth=0.9,
                elinewidth=0.5,
                marker=look.marker,
                markersize=2.5,
                label=label(task) if ax is axes[0] else None,
            )
            if window is not None:
                ends = [int(window["first_round"]), int(window["last_round"])]
                ends = [end for end in ends if end in x.index]
                ax.plot(x[ends], y[ends], "o", color=look.color, markersize=5, fillstyle="none", linestyle="none")
            resting += _rest(ax, fixed[fixed["task"] == task], (a, b), look.color)
        ax.set_xlabel(f"share of {drawn(a, LONGEST_NAME)}")
        ax.set_ylabel(f"share of {drawn(b, LONGEST_NAME)}")
    seeds = flow["seed"].nunique()
    stars = "stars: fixed points" if resting else "no fixed point inside"
    note = f"seeds{drawing.told(shown, tasks)}\ncrosses: standard deviation\nrings: ends of the window\n{stars}"
    panels.state_n(axes[0], seeds, note)
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(bottom=low - 0.5 * (high - low))  # room for the note
    figure.legend(loc="outside upper center", ncols=min(6, len(shown)))
    panels.mark_panels(axes.flat)
    return figure


def _chosen(layers: list[str]) -> list[str]:
    """Return the first, middle and last layer, or all if there are no more than three."""
    if len(layers) <= LAYERS:
        return layers
    return [layers[0], layers[len(layers) // 2], layers[-1]]


def _rest(ax: Axes, fixed: pd.DataFrame, pair: tuple[str, str], colour: str) -> int:
    """Mark the fixed point, unless a network cannot reach it: shares lie between 0 and 1. Return
    the number of marks."""
    at = fixed.set_index("layer")["share"]
    if not set(pair) <= set(at.index) or not at.between(0, 1).all():
        return 0
    ax.plot(*(float(at[name]) for name in pair), "*", color=colour, markersize=7, linestyle="none")
    return 1
