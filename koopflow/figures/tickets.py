"""Figures of the stage `tickets`: accuracy with controls, flows with their scaling windows,
composition of steps."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator
from matplotlib.typing import ColorType

from koopflow.core.intervals import FRACTION, NOT_NEGATIVE, student
from koopflow.figures import panels, style
from koopflow.figures import tasks as drawing
from koopflow.figures.gains import gains
from koopflow.figures.means import mean_lines
from koopflow.figures.text import drawn, label

CONTROLS = ("ticket", "one_shot", "reinitialized", "random_mask")
MOST_PANELS = 6
"""Most tasks with a panel each, or a line each in one panel."""
LONGEST_NAME = 40
"""Longest name of a layer, in characters."""
LAYER_COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY, style.BROWN)


def grid(count: int, height: float = 0.62, columns: int = 3, **options: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure two columns wide with `count` panels, and the array of its axes."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=style.size(2, height * rows), squeeze=False, **options)
    axes = axes.ravel()
    for unused in axes[count:]:
        unused.set_visible(False)
    return figure, axes[:count]


def density_axis(ax: Axes, low: float) -> None:
    """Make the x axis a density in percent on a log scale, falling from left to right as pruning
    proceeds."""
    ax.set_xscale("log")
    ax.set_xlim(1.08, low / 1.08)
    ticks = (1, 0.9, 0.8, 0.7, 0.6, 0.5) if low > 0.3 else (1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if tick >= low / 1.08]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    ax.set_xlabel("density (% of weights)")


def accuracy(rounds: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw the tickets' test accuracy against density, and by how much each kind of control is less
    accurate, paired by seed: a line per task, or a row per task if they are many.

    Parameters
    ----------
    rounds : DataFrame
        The table `tickets/rounds.csv` of one model.
    tasks : list of str
    """
    won = rounds[rounds["control"] == "ticket"]
    lost = rounds.merge(won, on=["task", "seed", "round"], suffixes=("", "_ticket"))
    lost["gain"] = lost["accuracy_ticket"] - lost["accuracy"]
    known = [control for control in CONTROLS[1:] if (rounds["control"] == control).any()]
    if len(tasks) > MOST_PANELS:
        return gains(won, lost, known, tasks)
    figure, axes = grid(1 + len(known), height=0.8, columns=2)
    looks = {task: (style.look(task), label(task)) for task in tasks}
    low = float(rounds["density"].min())
    # A ticket has a point in every round.
    mean_lines(
        axes[0], won, ("density", "accuracy", "task"), looks, scale=100, within=FRACTION, markersize=3, marker=""
    )
    axes[0].set(title="Ticket", ylabel="test accuracy (%)")
    for ax, control in zip(axes[1:], known):
        own = lost[lost["control"] == control]
        mean_lines(ax, own, ("density", "gain", "task"), looks, scale=100, markersize=3)
        ax.axhline(0, color=style.GREY, linewidth=0.7, zorder=0)
        ax.set(title=f"Ticket against {label(control).lower()}", ylabel="gain of the ticket (points)")
    for ax in axes:
        density_axis(ax, low)
    panels.state_n(axes[0], rounds["seed"].nunique(), "seeds", corner="lower left")
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    panels.mark_panels(axes.flat)
    return figure


def flow(flow_table: pd.DataFrame, exponents: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw the coupling of every layer against density on log axes, with the fitted power law over
    its scaling window: a panel per layer with all tasks, or six of many, or a panel per task if the
    layers are many.

    Parameters
    ----------
    flow_table, exponents : DataFrame
        The tables `tickets/flow.csv` and `tickets/exponents.csv` of one model.
    tasks : list of str
    """
    layers = list(flow_table["layer"].unique())
    by_layer = len(layers) <= MOST_PANELS
    shown = drawing.spread(tasks) if by_layer else tasks
    look_of = drawing.looks(shown)
    figure, axes = grid(len(layers) if by_layer else len(tasks), height=0.85 if by_layer else 0.62)
    for ax, panel in zip(axes, layers if by_layer else tasks):
        own = flow_table[flow_table["layer" if by_layer else "task"] == panel]
        lines = [task for task in shown if (own["task"] == task).any()] if by_layer else layers
        colours = [look_of[task].color for task in lines] if by_layer else _colours(len(lines))
        fits = exponents.set_index(["task", "layer"])
        named = lines if by_layer else _named(exponents[exponents["task"] == panel], layers)
        for name, colour in zip(lines, colours):
            key = (name, panel) if by_layer else (panel, name)
            rows = own[own["task" if by_layer else "layer"] == name]
            text = _power_law(ax, rows, fits.loc[key], colour)
            if not by_layer and name in named:
                ax.plot([], [], color=colour, label=f"{drawn(name, LONGEST_NAME)}: {text}")
        density_axis(ax, float(own["density"].min()))
        _log_shares(ax)
        ax.set_title(drawn(panel, LONGEST_NAME) if by_layer else label(panel))
        shades = "" if by_layer or len(layers) <= len(LAYER_COLOURS) else "; dark: input, light: output"
        if by_layer:
            ax.set_ylim(bottom=ax.get_ylim()[0] / 1.35)
            panels.state_n(
                ax, _fitted(exponents[exponents["layer"] == panel], drawing.told(shown, tasks)), corner="lower left"
            )
        else:
            low, high = ax.get_ylim()
            ax.set_ylim(low / 1.7, high * 4)  # room for the legend and the number of seeds
            ax.legend(loc="upper left", fontsize="x-small", labelspacing=0.2)
            panels.state_n(ax, own["seed"].nunique(), f"seeds{shades}")
    if by_layer:
        handles = [Line2D([], [], color=look_of[task].color, marker=".", label=label(task)) for task in shown]
        figure.legend(handles=handles, loc="outside upper center", ncols=6)
    axes[0].set_ylabel("coupling (share of magnitude)")
    panels.mark_panels(axes.flat)
    return figure


def _power_law(ax: Axes, rows: pd.DataFrame, fit: pd.Series, colour: ColorType) -> str:
    """Draw the coupling of one layer of one task with its fit, and return the exponent as text."""
    table = rows.pivot_table(index="round", columns="seed", values="coupling")
    density = rows.groupby("round")["density"].first().to_numpy()
    logs = np.log(table.to_numpy())
    points = np.exp(np.array([student(values) for values in logs]))
    reach = np.abs(points[:, 1:] - points[:, :1]).T
    ax.errorbar(density, points[:, 0], yerr=reach, fmt="o", color=colour, markersize=2.2, linewidth=0.7, alpha=0.8)
    if not np.isfinite(fit["sigma"]):
        return "no scaling"
    window = slice(int(fit["first_round"]), int(fit["last_round"]) + 1)
    scale = -np.log(density[window])
    line = logs[window].mean() + fit["sigma"] * (scale - scale.mean())
    ax.plot(density[window], np.exp(line), color=colour, linewidth=0.9)
    return f"σ = {fit['sigma']:+.2f}, R² = {fit['r2']:.2f}"


def _fitted(fits: pd.DataFrame, some: str) -> str:
    """Return the seeds and the ranges of exponents and of R² over all tasks, as text after "n = ".
    `some` says how many of the tasks are drawn, if not all."""
    seeds, found = int(fits["n"].max()), fits.dropna(subset="sigma")
    if found.empty:
        return f"{seeds} seeds{some}; no scaling"
    ranges = [
        f"{found[name].min():{form}}" + (f" to {found[name].max():{form}}" if len(found) > 1 else "")
        for name, form in (("sigma", "+.2f"), ("r2", ".2f"))
    ]
    of_all = " of all" if some else ""
    return f"{seeds} seeds{some}\nσ{of_all}: {ranges[0]}\nR²{of_all}: {ranges[1]}"


def _log_shares(ax: Axes) -> None:
    """Make the y axis logarithmic, with ticks at round shares."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    near = low > 0.002  # over few decades there is room for more ticks
    ticks = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1] if near else [10.0**power for power in range(-8, 1)]
    if high < 2.5 * low:
        ticks = [*ticks, 0.3, 0.4, 0.6, 0.7, 0.8]
    if high < 1.7 * low:
        ticks = [*ticks, 0.15, 0.25, 0.35, 0.45]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_locator(NullLocator())


def _colours(count: int) -> list[ColorType]:
    """Return a colour for each of `count` layers: distinct colours if they are few, else shades
    from input to output."""
    if count <= len(LAYER_COLOURS):
        return list(LAYER_COLOURS[:count])
    return [matplotlib.colormaps["viridis"](place) for place in np.linspace(0, 0.95, count)]


def _named(exponents: pd.DataFrame, layers: list[str]) -> list[str]:
    """Return the layers that the legend names: all if they are few, else the first, the last and
    those with extreme exponents."""
    if len(layers) <= len(LAYER_COLOURS):
        return layers
    sigma = exponents.set_index("layer")["sigma"].dropna()
    extremes = [str(sigma.idxmin()), str(sigma.idxmax())] if len(sigma) else []
    return [layers[0], *extremes, layers[-1]]


def composition(table: pd.DataFrame, ratios: pd.DataFrame, tasks: list[str]) -> Figure:
    """Draw how much one large step in place of two small ones changes couplings and masks, beside
    the change from rerunning the same steps.

    Parameters
    ----------
    table, ratios : DataFrame
        The tables `tickets/composition.csv` and `tickets/composition_ratios.csv` of one model.
    tasks : list of str
    """
    if table.empty:
        return panels.nothing("The chains ended before the densities of small and large steps met.")
    figure, axes = pyplot.subplots(1, 3, figsize=style.size(2, 0.75), width_ratios=[1, 1, 0.9])
    names = {"composition": "two small steps or one large", "rerun": "same steps, other batches"}
    colours = {"composition": style.VERMILLION, "rerun": style.BLUE}
    table = table.assign(
        moved=100 * np.abs(np.log(table["coupling_a"] / table["coupling_b"])), overlap=table["jaccard"]
    )
    for comparison, name in names.items():
        own = table[table["comparison"] == comparison]
        for ax, column, bounds in zip(axes, ("moved", "overlap"), (NOT_NEGATIVE, FRACTION)):
            # Each pair of task and seed is an independent unit: average within it first.
            means = own.groupby(["density", "task", "seed"])[column].mean().groupby("density")
            lines = np.array([student(values, within=bounds) for _, values in means])
            reach = np.abs(lines[:, 1:] - lines[:, :1]).T
            ax.errorbar(
                [at for at, _ in means],
                lines[:, 0],
                yerr=reach,
                fmt="o-",
                color=colours[comparison],
                label=name,
                linewidth=1,
            )
    low = float(table["density"].min())
    for ax in axes[:2]:
        density_axis(ax, low)
    axes[0].set_ylabel("difference of couplings (%)")
    axes[1].set_ylabel("overlap of masks (Jaccard)")
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1)
    panels.state_n(axes[1], table.groupby(["task", "seed"]).ngroups, "chains", corner="lower left")
    ordered = ratios.set_index("task").loc[tasks]
    y = np.arange(len(tasks))
    axes[2].errorbar(
        ordered["ratio"],
        y,
        xerr=np.abs(ordered[["ci_low", "ci_high"]].to_numpy().T - ordered["ratio"].to_numpy()),
        fmt="s",
        color=style.DARK,
    )
    axes[2].axvline(1, color=style.GREY, linewidth=0.7)
    axes[2].set_yticks(y, [label(task) for task in tasks])
    axes[2].invert_yaxis()
    axes[2].set_xlabel("composing / running again")
    axes[2].set_xlim(left=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    panels.mark_panels(axes.flat)
    return figure
