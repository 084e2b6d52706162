"""Figures of universality: exponents across tasks, transfer beside exponent distance, and how well the one predicts the other."""

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.figure import Figure

from koopflow.core.labels import label
from koopflow.figures import panels, style
from koopflow.figures.tickets import grid
from koopflow.rg.universality import relative_transfer


def exponents(table: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw every layer's exponent with its interval, task beside task (exponents.csv)."""
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
    crowded = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if len(layers) > 8 else {}
    ax.set_xticks(range(len(layers)), [str(layer) for layer in layers], **crowded)
    ax.margins(y=0.2)
    ax.set_ylabel("exponent σ  (> 0: relevant)")
    panels.state_n(ax, int(own["n"].max()), "seeds; bars: 95 % intervals;\nbroad bars: change of the exponent over its window")
    ax.legend(loc="upper left", ncols=2)
    return figure


def matrix_of(transfer: pd.DataFrame, tasks: list[str], density: float) -> tuple[np.ndarray, np.ndarray]:
    """Return relative transfer and exponent distance (source, target) at one density; NaN on the diagonal and where undefined."""
    relative, distance = np.full((2, len(tasks), len(tasks)), np.nan)
    for (source, target), group in transfer[np.isclose(transfer["density"], density)].groupby(["source", "target"]):
        place = tasks.index(source), tasks.index(target)
        relative[place] = relative_transfer(*(group[name].to_numpy() for name in ("accuracy", "accuracy_own", "accuracy_random")))
        distance[place] = group["exponent_distance"].iloc[0]
    return relative, distance


def matrices(transfer: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw the matrix of transfer at the lowest density beside the matrix of exponent distance."""
    if transfer.empty:
        return panels.nothing("The chains ended before the rounds whose tickets are transferred.")
    density = transfer["density"].min()
    relative, distance = matrix_of(transfer, tasks, density)
    figure, axes = pyplot.subplots(1, 2, figsize=style.size(2, 1.0))
    names = [label(task) for task in tasks]
    titles = (f"Transfer at {100 * density:.1f} % density", "Exponent distance")
    # Exponents of tasks lie near one another: their distances need a digit more.
    for ax, values, title, colours, digits in zip(axes, (relative, distance), titles, ("cividis", "cividis_r"), (2, 3)):
        image = ax.imshow(values, cmap=colours)
        low, high = np.nanmin(values), np.nanmax(values)
        for (row, column), value in np.ndenumerate(values):
            if row == column:
                ax.text(column, row, "own", ha="center", va="center", color=style.GREY, fontsize="x-small")
            elif np.isfinite(value):
                light = (value - low) / ((high - low) or 1) > 0.5
                dark_ground = light if colours.endswith("_r") else not light
                ax.text(
                    column,
                    row,
                    f"{value:.{digits}f}",
                    ha="center",
                    va="center",
                    color="white" if dark_ground else "black",
                    fontsize="x-small",
                )
            else:
                # The target's own ticket is no better than the random control: nothing can be placed between them.
                ax.text(column, row, "–", ha="center", va="center", color=style.GREY, fontsize="x-small")
        ax.set_xticks(range(len(tasks)), names, rotation=35, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(tasks)), names)
        ax.set_xlabel("target task")
        ax.set_ylabel("source of the ticket")
        ax.set_title(title, pad=4)
        ax.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=ax, orientation="horizontal", location="top", shrink=0.9, pad=0.12)
        bar.set_label("0: random mask, 1: own ticket" if ax is axes[0] else "root mean square difference of σ")
    panels.mark_panels(axes)
    return figure


def prediction(transfer: pd.DataFrame, correlations: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw transfer against exponent distance, and every observable's rank correlation with transfer, with its interval."""
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
            distance, relative, s=12, marker=marks[density], color=colours[density], label=f"{100 * density:.1f} % density"
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
        rows = correlations[np.isclose(correlations["density"].astype(float), density)].set_index("observable").reindex(observables)
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
    panels.mark_panels(axes)
    return figure
