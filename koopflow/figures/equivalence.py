"""Figures of the stage `equivalence`: optimizers, spectra, distances, losses."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from koopflow.figures.heat_maps import heat_map
from koopflow.figures.panels import mark_panels, state_n
from koopflow.figures.style import BLUE, GREY, PALE, VERMILLION, look, size
from koopflow.figures.text import drawn, label

LEGIBLE, NAMED = 24, 40
"""Most set-ups for which the matrix has a number in each cell, and a name at every row."""

DISTANCES = {
    "wasserstein": "Wasserstein distance of spectra",
    "reliability": "distance of spectra over their scatter",
    "dsa": "distance of operators (DSA)",
}
"""What figures call the distances of `koopflow.equivalence.alternatives`."""

OPTIMIZERS = ("mirror_descent", "gradient_descent", "bisection")
COORDINATES = {
    "mirror_descent": ("$x_1$", "$x_2$"),
    "gradient_descent": (r"$u_1 = \log x_1$", r"$u_2 = \log x_2$"),
    "bisection": ("$z_1$", "$z_2$"),
}
SPECTRA = (*OPTIMIZERS, "bisection_published")
"""Methods with a spectrum: `bisection_published` has the zeros after the published script stops."""


def unit_circle(axes: Axes) -> None:
    """Draw the unit circle of the complex plane and label the axes."""
    angle = np.linspace(0, 2 * np.pi, 361)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.6, zorder=0)
    axes.set_aspect("equal")
    axes.set_xlabel(r"Re $\lambda$")
    axes.set_ylabel(r"Im $\lambda$")


def plot_optimizer_runs(runs: Mapping[str, np.ndarray]) -> Figure:
    """Draw the trajectories of each optimizer in its own coordinates, above the quantity that it
    decreases.

    Parameters
    ----------
    runs : dict of str to array
        Trajectories (run, step, 2) by algorithm, and losses (run, step) as "loss_<algorithm>".
    """
    figure, axes = plt.subplots(2, 3, figsize=size(2, 1.3), gridspec_kw={"height_ratios": [1.4, 1]})
    for column, name in enumerate(OPTIMIZERS):
        trajectory, loss, colour = runs[name], runs[f"loss_{name}"], look(name).color
        above, below = axes[:, column]
        above.set_title(label(name))
        above.plot(trajectory[:, :, 0].T, trajectory[:, :, 1].T, color=colour, linewidth=0.6, alpha=0.8)
        above.plot(trajectory[:, 0, 0], trajectory[:, 0, 1], "o", color=colour, markersize=2)
        above.set_xlabel(COORDINATES[name][0])
        above.set_ylabel(COORDINATES[name][1])
        below.plot(np.where(loss > 0, loss, np.nan).T, color=colour, linewidth=0.6, alpha=0.8)
        below.set_yscale("log")
        below.set_xlabel("step")
        below.set_ylabel("$|f(z)|$" if name == "bisection" else r"$f = \tan x_1 + \dots$")
        if name != "bisection":
            below.yaxis.set_major_locator(FixedLocator([0.2, 0.5, 1, 2]))
            below.yaxis.set_major_formatter("{x:g}")
            below.yaxis.set_minor_locator(NullLocator())
        state_n(below, len(trajectory), "starts", corner="lower left" if name == "bisection" else "upper right")
    mark_panels(axes.flat)
    return figure


def plot_optimizer_spectra(eigenvalues: pd.DataFrame, distances: pd.DataFrame) -> Figure:
    """Draw the three spectra in the complex plane, a detail near 1, and the distances between them
    with their intervals."""
    figure, (plane, near, bars) = plt.subplots(1, 3, figsize=size(2, 0.85), gridspec_kw={"width_ratios": [1, 1, 0.85]})
    for axes in (plane, near):
        for name in SPECTRA:
            values, drawn = eigenvalues[eigenvalues["algorithm"] == name], look(name)
            axes.plot(
                values["real"],
                values["imag"],
                drawn.marker,
                color=drawn.color,
                markersize=4,
                fillstyle="none",
                label=label(name),
            )
        unit_circle(axes)
    plane.set_title("Koopman eigenvalues")
    near.set(xlim=(0.5, 1.06), ylim=(-0.28, 0.28))
    near.set_title(r"the same, near $\lambda = 1$")
    versions = distances["a"].isin(SPECTRA[2:]) & distances["b"].isin(SPECTRA[2:])
    shown = distances[~versions]
    for place, (_, row) in enumerate(shown.iterrows()):
        apart, low, high = row["distance"], row["ci_low"], row["ci_high"]
        bars.barh(
            place, apart, xerr=[[apart - low], [high - apart]], color=PALE, height=0.3, error_kw={"elinewidth": 1.0}
        )
        p = "" if np.isnan(row["p_shuffle"]) else f" (shuffle p = {row['p_shuffle']:.2g})"
        words = f"{label(row['a'])}, {label(row['b']).lower()}\n{apart:.3f} [{low:.3f}, {high:.3f}]{p}"
        bars.annotate(
            words, (0, place - 0.24), fontsize="x-small", va="bottom", xytext=(2, 0), textcoords="offset points"
        )
    bars.set_yticks([])
    bars.set_ylim(len(shown) - 0.7, -0.95)
    bars.set_box_aspect(1 / 0.85)
    bars.set_xlabel("distance of spectra, 95 % interval")
    bars.set_title(f"distances (n = {int(distances['n'].min())} starts)")
    figure.legend(*plane.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def grid_of_panels(count: int, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure with one panel per comparison, at most three in a row, and the array of its
    axes."""
    columns = min(count, 3)
    rows = -(-count // 3)
    figure, axes = plt.subplots(rows, columns, figsize=size(min(columns, 2), height * rows), squeeze=False, **options)
    for panel in axes.flat[count:]:
        panel.set_axis_off()
    return figure, axes


def _nothing(panel: Axes, comparison: str) -> None:
    """Write in a comparison's panel that every replica diverged."""
    panel.set(title=label(comparison))
    panel.tick_params(labelleft=False, labelbottom=False, length=0)
    panel.text(0.5, 0.5, "every replica diverged", ha="center", va="center", transform=panel.transAxes)


def plot_spectra(eigenvalues: pd.DataFrame, comparisons: Mapping[str, list[str]]) -> Figure:
    """Draw the spectra of all seeds of each set-up, one panel per comparison. The inset shows the
    whole unit disc.

    Parameters
    ----------
    eigenvalues : DataFrame
    comparisons : dict of str to list of str
        Names of set-ups, by comparison.
    """
    figure, axes = grid_of_panels(len(comparisons), 0.72)
    for panel, (comparison, names) in zip(axes.flat, comparisons.items()):
        shown = eigenvalues[eigenvalues["setting"].isin(names)]
        if shown.empty:
            _nothing(panel, comparison)
            continue
        inset = panel.inset_axes((0.02, 0.02, 0.36, 0.36))
        for name in names:
            values = shown[shown["setting"] == name]
            if values.empty:
                continue
            for target, points in ((panel, 2.6), (inset, 1.2)):
                target.plot(
                    values["real"],
                    values["imag"],
                    ".",
                    color=look(name).color,
                    markersize=points,
                    alpha=0.7,
                    label=drawn(name),
                )
        unit_circle(panel)
        unit_circle(inset)
        inset.set(xlim=(-1.12, 1.12), ylim=(-1.12, 1.12), xticks=[], yticks=[], xlabel="", ylabel="")
        inset.set_axis_off()
        low, high = (shown["real"].quantile(q) for q in (0.01, 1.0))
        reach = 1.1 * shown["imag"].abs().quantile(0.99) or 0.1
        # The left third stays free for the legend and the inset.
        panel.set(xlim=(low - 0.75 * (high - low), high + 0.05 * (high - low)), ylim=(-reach, reach))
        panel.set_aspect("auto")
        panel.xaxis.set_major_locator(MaxNLocator(5))
        seeds = shown.groupby("setting")["seed"].nunique().min()
        panel.set_title(f"{label(comparison)} (n = {seeds} seeds)")
        panel.legend(loc="upper left", markerscale=2.5, fontsize="x-small", handletextpad=0.1, borderpad=0)
    mark_panels(axes.flat[: len(comparisons)])
    return figure


def plot_distances(distances: pd.DataFrame, tests: pd.DataFrame, kind: str = "wasserstein") -> Figure:
    """Draw the distances between set-ups beside their floor, the distances between seeds of one
    set-up, each with its geometric mean, and the excess with its interval.

    Parameters
    ----------
    distances, tests : DataFrame
        As `koopflow.equivalence.tables` returns them.
    kind : str
        The distance, one of `DISTANCES`.
    """
    pairs = tests.reset_index(drop=True)
    figure, axes = plt.subplots(figsize=size(2, 0.085 * len(pairs) + 0.35))
    for place, (_, pair) in enumerate(pairs.iterrows()):
        chosen = distances[distances["comparison"] == pair["comparison"]]
        between = chosen[(chosen["a"] == pair["a"]) & (chosen["b"] == pair["b"])]["distance"].to_numpy()
        within = chosen[(chosen["a"] == chosen["b"]) & chosen["a"].isin([pair["a"], pair["b"]])]["distance"].to_numpy()
        for values, mean, colour, shift in (
            (within, pair["within"], BLUE, 0.16),
            (between, pair["between"], VERMILLION, -0.16),
        ):
            axes.plot(values, np.full(len(values), place + shift), "|", color=colour, markersize=3, alpha=0.2)
            axes.plot(mean, place + shift, "o", color=colour, markersize=4, markeredgecolor="white")
        p = f"{pair['p_adjusted']:.2g}" if pair["p_adjusted"] >= 0.001 else "< 0.001"
        told = f"{pair['excess']:.2f} [{pair['ci_low']:.2f}, {pair['ci_high']:.2f}] {pair['verdict']}, p {p}"
        axes.annotate(
            told.replace("-", "−"),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
            annotation_clip=False,
        )
    axes.set_yticks(
        range(len(pairs)),
        [f"{label(row['comparison'])}: {drawn(row['a'])} / {drawn(row['b'])}" for _, row in pairs.iterrows()],
    )
    axes.set_ylim(max(len(pairs), 1) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.set_xlabel(f"{DISTANCES[kind]} (ticks: pairs of seeds; dots: geometric means)")
    axes.set_title("excess [95 % interval], verdict, adjusted p", loc="right", fontsize="small")
    handles = [Line2D([], [], marker="o", linestyle="", color=colour) for colour in (VERMILLION, BLUE)]
    few, many = (int(count) for count in (pairs["n"].min(), pairs["n"].max())) if len(pairs) else (0, 0)
    seeds = f"{few}" if few == many else f"{few} to {many}"
    figure.legend(
        handles,
        ["between set-ups", f"between seeds of one set-up (floor); n = {seeds} seeds a set-up"],
        loc="outside upper center",
        ncols=2,
    )
    return figure


def plot_distance_matrix(matrix: pd.DataFrame, seeds: int, kind: str = "wasserstein") -> Figure:
    """Draw the mean distance between every two set-ups, in thousandths. The diagonal is the floor
    between seeds.

    Parameters
    ----------
    matrix : DataFrame (set-up, set-up)
        NaN where set-ups are not compared.
    seeds : int
        Number of seeds per set-up.
    kind : str
        The distance, one of `DISTANCES`.
    """
    figure, axes = plt.subplots(figsize=size(2, 1.5))
    values = 1000 * matrix.astype(float).rename(index=drawn, columns=drawn)
    legible = len(values) <= LEGIBLE
    words = values.map(lambda value: f"{value:.0f}" if value == value else "") if legible else None
    # On a logarithmic scale: a reader compares ratios of distances.
    image = heat_map(axes, values, words, every=-(-len(values) // NAMED), norm=LogNorm(), square=True)
    for text in axes.texts[:: len(values) + 1]:
        text.set_fontweight("bold")
    bar = figure.colorbar(image, format="{x:g}")
    diagonal = "diagonal, bold" if legible else "diagonal"
    bar.set_label(f"mean {DISTANCES[kind]} / 0.001\n(n = {seeds} seeds a set-up; {diagonal}: between seeds)")
    bar.ax.yaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50, 100, 200, 500]))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    return figure


def plot_losses(losses: pd.DataFrame, comparisons: Mapping[str, list[str]]) -> Figure:
    """Draw the training loss of each set-up: mean over seeds, and the range from the smallest to
    the largest seed."""
    figure, axes = grid_of_panels(len(comparisons), 0.6, sharey=True)
    for panel, (comparison, names) in zip(axes.flat, comparisons.items()):
        if not losses["setting"].isin(names).any():
            _nothing(panel, comparison)
            continue
        for name in names:
            curve = losses[losses["setting"] == name]
            colour = look(name).color
            panel.fill_between(curve["step"], curve["low"], curve["high"], color=colour, alpha=0.25, linewidth=0)
            panel.plot(curve["step"], curve["loss"], color=colour, linewidth=1, label=drawn(name))
        seeds = losses.loc[losses["setting"].isin(names), "n"].min()
        panel.set(yscale="log", xlabel="optimizer step", title=f"{label(comparison)} (n = {seeds} seeds)")
        panel.legend(fontsize=5.5)
    for panel in axes[:, 0]:
        panel.set_ylabel("training loss (nats)")
    return figure
