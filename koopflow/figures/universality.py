"""Figures of universality: exponents across tasks, transfer beside exponent distance, and how well
one predicts the other."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import stdtrit

from koopflow.figures import panels, style
from koopflow.figures import tasks as drawing
from koopflow.figures.heat_maps import heat_map
from koopflow.figures.text import drawn, label
from koopflow.figures.tickets import LONGEST_NAME, MOST_PANELS, grid
from koopflow.rg.universality import relative_transfer

LEGIBLE = 5
"""Most tasks of matrices side by side."""


def exponents(table: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw the exponent of every layer with its interval: a panel per layer on its own scale, so that
    tasks can be compared, and how far the exponent changes over its window in words.

    Parameters
    ----------
    table : DataFrame
        The table `tickets/exponents.csv` of one model.
    tasks : list of str
    """
    own = table[table["task"].isin(tasks)]
    layers = list(own["layer"].unique())
    if len(layers) > MOST_PANELS:
        return _along_layers(own, tasks, layers)
    figure, axes = grid(len(layers), height=0.3 + 0.07 * len(tasks), sharey=True)
    for ax, layer in zip(axes, layers):
        rows = own[own["layer"] == layer].set_index("task").reindex(tasks)
        for place, (task, row) in enumerate(rows.iterrows()):
            panels.interval(ax, place, row["sigma"], row["ci_low"], row["ci_high"], str(task), horizontal=True, text="")
        low, high = ax.get_xlim()
        if low < 0 < high:
            ax.axvline(0, color=style.GREY, linewidth=0.7, zorder=0)
        ax.set_title(drawn(layer, LONGEST_NAME))
        ax.locator_params(axis="x", nbins=4)
        ax.set_xlabel(f"exponent σ\n(drift {_range(rows['drift'].abs())})")
        ax.grid(axis="y", linewidth=0.3, alpha=0.5)
    axes[0].set_yticks(range(len(tasks)), [label(task) for task in tasks])
    axes[0].set_ylim(len(tasks) - 0.4, -0.6)
    figure.suptitle(
        f"n = {int(own['n'].max())} seeds, 95 % intervals; drift: change of σ over its window", fontsize="small"
    )
    panels.mark_panels(axes.flat)
    return figure


def _range(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    low, high = f"{known.min():.2f}", f"{known.max():.2f}"
    return low if low == high else f"{low} to {high}"


def _along_layers(own: pd.DataFrame, tasks: list[str], layers: list[str]) -> Figure:
    """Draw the exponents of many layers in one panel, tasks side by side."""
    figure, ax = pyplot.subplots(figsize=style.size(2, 0.8))
    offsets = np.linspace(-0.3, 0.3, len(tasks)) if len(tasks) > 1 else [0.0]
    for (task, look), offset in zip(drawing.looks(tasks).items(), offsets):
        rows = own[own["task"] == task].set_index("layer").reindex(layers)
        ends = rows["sigma"], rows["ci_low"], rows["ci_high"]
        panels.interval(ax, np.arange(len(layers)) + offset, *ends, task, color=look.color, markersize=2.5)
    ax.axhline(0, color=style.GREY, linewidth=0.7, zorder=0)
    turned: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(len(layers)), [drawn(layer, LONGEST_NAME) for layer in layers], **turned)
    low, high = ax.get_ylim()
    ax.set_ylim(bottom=low - 0.12 * (high - low))  # room for the number of seeds
    ax.set_ylabel("exponent σ  (> 0: relevant)")
    panels.state_n(ax, int(own["n"].max()), "seeds, 95 % intervals")
    figure.legend(loc="outside upper center", ncols=5)
    return figure


def matrix_of(transfer: pd.DataFrame, tasks: list[str], density: float) -> tuple[np.ndarray, np.ndarray]:
    """Return relative transfer and exponent distance at one density, both (source, target).

    NaN on the diagonal, and where the target's own ticket is no better than the random control.
    """
    relative, distance = np.full((2, len(tasks), len(tasks)), np.nan)
    for _, group in transfer[np.isclose(transfer["density"], density)].groupby(["source", "target"]):
        place = tasks.index(group["source"].iloc[0]), tasks.index(group["target"].iloc[0])
        relative[place] = relative_transfer(*_accuracies(group))
        distance[place] = group["exponent_distance"].iloc[0]
    return relative, distance


def _accuracies(group: pd.DataFrame) -> list[Any]:
    return [group[name].to_numpy() for name in ("accuracy", "accuracy_own", "accuracy_random")]


def error_of(transfer: pd.DataFrame, tasks: list[str], density: float) -> np.ndarray:
    """Return the standard error of relative transfer, (source, target), jackknifed over seeds."""
    error = np.full((len(tasks), len(tasks)), np.nan)
    for (source, target), group in transfer[np.isclose(transfer["density"], density)].groupby(["source", "target"]):
        n, all_seeds = len(group), _accuracies(group)
        if n < 2:
            continue
        without: list[list[Any]] = [[np.delete(each, k) for each in all_seeds] for k in range(n)]
        left = np.array([relative_transfer(*each) for each in without])
        error[tasks.index(str(source)), tasks.index(str(target))] = np.sqrt(
            (n - 1) / n * ((left - left.mean()) ** 2).sum()
        )
    return error


def matrices(
    transfer: pd.DataFrame,
    tasks: list[str],
    exponents: pd.DataFrame | None = None,
    tests: pd.DataFrame | None = None,
) -> Figure:
    """Draw the matrix of transfer at the density at which predictors are tested, or else the lowest,
    with standard errors over seeds, beside the matrix of exponent distance, whose diagonal is the
    floor between seeds.

    Parameters
    ----------
    transfer : DataFrame
        The table `tickets/transfer.csv` of one model.
    tasks : list of str
    exponents : DataFrame, optional
        The table `tickets/exponents.csv` of one model, for the floor.
    tests : DataFrame, optional
        The table `tickets/predictor_tests.csv` of one model, for the density.
    """
    if transfer.empty:
        return panels.nothing("The chains ended before the rounds whose tickets are transferred.")
    density = float(transfer["density"].min() if tests is None or tests.empty else tests["density"].iloc[0])
    (relative, distance), error = matrix_of(transfer, tasks, density), error_of(transfer, tasks, density)
    floor = None if exponents is None else floor_of(exponents, tasks)
    if floor is not None:
        distance[np.diag_indices(len(tasks))] = floor
    crowded = len(tasks) > LEGIBLE  # below one another, so that the numbers stay legible
    shape = ((2, 1), style.size(2, 0.4 + 0.19 * len(tasks))) if crowded else ((1, 2), style.size(2, 1.0))
    figure, axes = pyplot.subplots(*shape[0], figsize=shape[1])
    names = [label(task) for task in tasks]
    titles = (f"Transfer at {100 * density:.1f} % density ± standard error", "Exponent distance")
    # Exponents of tasks are close together, so their distances need one more digit.
    for ax, values, title, colours, digits in zip(axes, (relative, distance), titles, ("cividis", "cividis_r"), (2, 3)):
        words = [[f"{value:.{digits}f}" if np.isfinite(value) else "–" for value in row] for row in values]
        if ax is axes[0]:
            words = [
                [f"{word}\n±{at:.2f}" if np.isfinite(at) else word for word, at in zip(*rows)]
                for rows in zip(words, error)
            ]
        for own, row in enumerate(words):
            row[own] = "own" if ax is axes[0] or floor is None else row[own]
        table = pd.DataFrame(values, names, names)
        image = heat_map(ax, table, words, rotation=35, fontsize=5, cmap=colours, vmin=0, square=not crowded)
        if ax is axes[1] and floor is not None:
            for text in ax.texts[:: len(tasks) + 1]:
                text.set_fontweight("bold")
        ax.set_xlabel("target task")
        ax.set_ylabel("source of the ticket")
        ax.set_title(title, pad=4)
        side: dict[str, Any] = {"location": "right"} if crowded else {"location": "top", "shrink": 0.9, "pad": 0.12}
        bar = figure.colorbar(image, ax=ax, **side)
        told = "root mean square difference of σ" + (
            "" if floor is None else "\n(diagonal, bold: between sets of seeds)"
        )
        bar.set_label("0: random mask, 1: own ticket" if ax is axes[0] else told)
    panels.mark_panels(axes.flat)
    return figure


def floor_of(exponents: pd.DataFrame, tasks: list[str]) -> np.ndarray:
    """Return the distance expected between the exponents of one task from two sets of seeds, (task,):
    the root mean square of √2 times the standard error over layers."""
    rows = exponents.dropna(subset=["sigma", "ci_low", "ci_high"])
    half = (rows["ci_high"] - rows["ci_low"]) / 2
    error = half / stdtrit(rows["n"] - 1, 0.975)
    return np.sqrt((2 * error**2).groupby(rows["task"]).mean()).reindex(tasks).to_numpy()


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
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(bottom=min(0.0, low) - 0.1 * (high - low))  # room for the number of pairs
    axes[0].locator_params(axis="x", nbins=5)
    axes[0].set_xlabel("distance of layer exponents")
    axes[0].set_ylabel("relative transfer\n(0: random mask, 1: own ticket)")
    count = drawn[0] if len(set(drawn)) == 1 else ", ".join(map(str, drawn))
    panels.state_n(axes[0], count, "ordered pairs of tasks", corner="lower left")
    _correlations(axes[1], correlations, {density: (marks[density], colours[density]) for density in densities})
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(densities))
    panels.mark_panels(axes.flat)
    return figure


def _correlations(ax: Axes, correlations: pd.DataFrame, looks: dict[float, tuple[str, str]]) -> None:
    """Draw the rank correlation of every observable with its interval and p-value, for each density
    with its marker and colour."""
    # A convolution has no input units, for example.
    observables = list(dict.fromkeys(correlations.dropna(subset="correlation")["observable"]))
    shifts = np.linspace(-0.2, 0.2, len(looks)) if len(looks) > 1 else [0.0]
    for (density, (mark, colour)), shift in zip(looks.items(), shifts):
        rows = (
            correlations[np.isclose(correlations["density"].astype(float), density)]
            .set_index("observable")
            .reindex(observables)
        )
        centre = rows["correlation"].to_numpy(dtype=float)
        reach = np.abs(rows[["ci_low", "ci_high"]].to_numpy(dtype=float).T - centre)
        y = np.arange(len(observables)) + shift
        ax.errorbar(centre, y, xerr=reach, fmt=mark, color=colour, linewidth=0.8)
        if "p" in rows:
            panels.p_values(ax, y, rows["p"].to_numpy(dtype=float), colour)
    ax.axvline(0, color=style.GREY, linewidth=0.7, zorder=0)
    ax.set_xlim(-1.05, 1.05)
    ax.annotate("p", (1.04, 1.01), xycoords="axes fraction", fontsize="x-small")
    ax.set_yticks(range(len(observables)), [label(name) for name in observables])
    ax.invert_yaxis()
    ax.set_xlabel("rank correlation of closeness with transfer")
