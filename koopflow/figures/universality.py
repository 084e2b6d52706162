"""Figures of universality: exponents across tasks, transfer beside exponent distance, and how well
one predicts the other."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from koopflow.figures import panels, style
from koopflow.figures.heat_maps import heat_map
from koopflow.figures.text import drawn, label
from koopflow.figures.tickets import LONGEST_NAME, grid
from koopflow.rg.universality import relative_transfer


def exponents(table: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw the exponent of every layer with its interval, tasks side by side. Broad bars show its
    change over the window.

    Parameters
    ----------
    table : DataFrame
        The table `tickets/exponents.csv` of one model.
    tasks : list of str
    """
    own = table[table["task"].isin(tasks)]
    layers = list(own["layer"].unique())
    figure, ax = pyplot.subplots(figsize=style.size(2, 0.8))
    offsets = np.linspace(-0.3, 0.3, len(tasks)) if len(tasks) > 1 else [0.0]
    for task, offset in zip(tasks, offsets):
        rows = own[own["task"] == task].set_index("layer").reindex(layers)
        x, half = np.arange(len(layers)) + offset, rows["drift"].abs() / 2
        ax.vlines(x, rows["sigma"] - half, rows["sigma"] + half, color=style.color(task), linewidth=4, alpha=0.25)
        panels.interval(ax, x, rows["sigma"], rows["ci_low"], rows["ci_high"], task)
    ax.axhline(0, color=style.GREY, linewidth=0.7, zorder=0)
    crowded: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if len(layers) > 8 else {}
    ax.set_xticks(range(len(layers)), [drawn(layer, LONGEST_NAME) for layer in layers], **crowded)
    ax.margins(y=0.2)
    ax.set_ylabel("exponent σ  (> 0: relevant)")
    panels.state_n(
        ax, int(own["n"].max()), "seeds; bars: 95 % intervals;\nbroad bars: change of the exponent over its window"
    )
    ax.legend(loc="upper left", ncols=2)
    return figure


def matrix_of(transfer: pd.DataFrame, tasks: list[str], density: float) -> tuple[np.ndarray, np.ndarray]:
    """Return relative transfer and exponent distance at one density, both (source, target).

    NaN on the diagonal, and where the target's own ticket is no better than the random control.
    """
    relative, distance = np.full((2, len(tasks), len(tasks)), np.nan)
    for _, group in transfer[np.isclose(transfer["density"], density)].groupby(["source", "target"]):
        place = tasks.index(group["source"].iloc[0]), tasks.index(group["target"].iloc[0])
        ticket, own, random = (group[name].to_numpy() for name in ("accuracy", "accuracy_own", "accuracy_random"))
        relative[place] = relative_transfer(ticket, own, random)
        distance[place] = group["exponent_distance"].iloc[0]
    return relative, distance


def matrices(transfer: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw the matrix of transfer at the lowest density beside the matrix of exponent distance.

    Parameters
    ----------
    transfer : DataFrame
        The table `tickets/transfer.csv` of one model.
    tasks : list of str
    """
    if transfer.empty:
        return panels.nothing("The chains ended before the rounds whose tickets are transferred.")
    density = transfer["density"].min()
    relative, distance = matrix_of(transfer, tasks, density)
    figure, axes = pyplot.subplots(1, 2, figsize=style.size(2, 1.0))
    names = [label(task) for task in tasks]
    titles = (f"Transfer at {100 * density:.1f} % density", "Exponent distance")
    # Exponents of tasks are close together, so their distances need one more digit.
    for ax, values, title, colours, digits in zip(axes, (relative, distance), titles, ("cividis", "cividis_r"), (2, 3)):
        words = [[f"{value:.{digits}f}" if np.isfinite(value) else "–" for value in row] for row in values]
        for own, row in enumerate(words):
            row[own] = "own"
        image = heat_map(ax, pd.DataFrame(values, names, names), words, rotation=35, cmap=colours, vmin=0, square=True)
        ax.set_xlabel("target task")
        ax.set_ylabel("source of the ticket")
        ax.set_title(title, pad=4)
        bar = figure.colorbar(image, ax=ax, orientation="horizontal", location="top", shrink=0.9, pad=0.12)
        bar.set_label("0: random mask, 1: own ticket" if ax is axes[0] else "root mean square difference of σ")
    panels.mark_panels(axes.flat)
    return figure


def prediction(transfer: pd.DataFrame, correlations: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw transfer against exponent distance, and the rank correlation of every observable with
    transfer.

    Parameters
    ----------
    transfer, correlations : DataFrame
        The tables `tickets/transfer.csv` and `tickets/universality.csv` of one model.
    tasks : list of str
    """
    if transfer.empty:
        return panels.nothing("The chains ended before the rounds whose tickets are transferred.")
    figure, axes = grid(2, height=0.95, columns=2, width_ratios=[1, 1.1])
    densities = sorted(transfer["density"].unique(), reverse=True)
    marks = dict(zip(densities, ("o", "s", "^", "D", "v")))
    colours = dict(zip(densities, (style.BLUE, style.VERMILLION, style.GREEN, style.ORANGE, style.PURPLE)))
    drawn = []
    for density in densities:
        relative, distance = matrix_of(transfer, tasks, density)
        # Transfer is undefined where a target's own ticket is no better than the random control.
        drawn.append(int((np.isfinite(relative) & np.isfinite(distance)).sum()))
        axes[0].scatter(
            distance,
            relative,
            s=12,
            marker=marks[density],
            color=colours[density],
            label=f"{100 * density:.1f} % density",
        )
    for level in (0, 1):
        axes[0].axhline(level, color=style.GREY, linewidth=0.6, zorder=0)
    axes[0].set_ylim(bottom=min(-0.16, axes[0].get_ylim()[0]))
    axes[0].locator_params(axis="x", nbins=5)
    axes[0].set_xlabel("distance of layer exponents")
    axes[0].set_ylabel("relative transfer\n(0: random mask, 1: own ticket)")
    count = drawn[0] if len(set(drawn)) == 1 else ", ".join(map(str, drawn))
    panels.state_n(axes[0], count, "ordered pairs of tasks", corner="lower left")
    observables = list(dict.fromkeys(correlations["observable"]))
    shifts = np.linspace(-0.2, 0.2, len(densities)) if len(densities) > 1 else [0.0]
    for density, shift in zip(densities, shifts):
        rows = (
            correlations[np.isclose(correlations["density"].astype(float), density)]
            .set_index("observable")
            .reindex(observables)
        )
        centre = rows["correlation"].to_numpy(dtype=float)
        reach = np.abs(rows[["ci_low", "ci_high"]].to_numpy(dtype=float).T - centre)
        y = np.arange(len(observables)) + shift
        axes[1].errorbar(centre, y, xerr=reach, fmt=marks[density], color=colours[density], linewidth=0.8)
    axes[1].axvline(0, color=style.GREY, linewidth=0.7, zorder=0)
    axes[1].set_xlim(-1.05, 1.05)
    axes[1].set_yticks(range(len(observables)), [label(name) for name in observables])
    axes[1].invert_yaxis()
    axes[1].set_xlabel("rank correlation of closeness with transfer")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(densities))
    panels.mark_panels(axes.flat)
    return figure
