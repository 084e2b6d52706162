"""Figures of the stage `pruning`: eigenvalues, densities of layers."""

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import ColorType

from koopflow.core.intervals import FRACTION, student
from koopflow.figures.panels import nothing, outer_labels
from koopflow.figures.style import DOUBLE, color, look
from koopflow.figures.text import drawn, label
from koopflow.pruning.summary import leading

MOST = 2
"""Most studies side by side on a page."""

LONGEST_TICK = 40
"""Longest name of a layer, in characters."""
EMPTY = "No network was pruned."
REACH = ["below", "above"]


def bands(frame: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Return the mean of the fractions `y` at each value of `x`, and how far its 95 % interval
    reaches below and above it.

    The reach is NaN for a single seed, which has no interval.
    """
    found = frame.groupby(x)[y]
    rows = [
        (mean, mean - low, high - mean) for mean, low, high in (student(group, within=FRACTION) for _, group in found)
    ]
    return pd.DataFrame(rows, index=list(found.groups), columns=["mean", "below", "above"])


def eigenvalues(table: pd.DataFrame, modes: int = 6) -> Figure:
    """Draw the spectrum against epoch, one column per study. Points are seeds, lines are medians.

    Above: the distance of the leading eigenvalues from 1. Below: the size of all other modes
    together at the moment of pruning, relative to the leading mode. Where it is small, the leading
    mode equals the weights.
    """
    if table.empty:
        return nothing(EMPTY)
    studies = list(dict.fromkeys(table.study))
    figure, axes, panels = _panels(studies, tall=0.72, blocks=2)
    shades = pyplot.get_cmap("cividis")(np.linspace(0, 0.9, modes))
    shares = leading(table)
    for (axis, below), study in zip(panels, studies):
        part = table[table.study == study]
        first = part[["window", "rank"]].drop_duplicates().iloc[0]
        part = part[(part.window == first["window"]) & (part["rank"] == first["rank"]) & (part["mode"] < modes)]
        part = part.assign(distance=np.maximum(np.hypot(part.real - 1, part.imag), 1e-8))
        for mode, group in part.groupby("mode"):
            _points(axis, group.epoch, group.distance, shades[mode], f"Mode {mode + 1}")
        others = shares[shares.study == study]
        _points(
            below, others.epoch, others.elsewhere.clip(lower=1e-8), color("koopman_magnitude"), "Others / leading mode"
        )
        for each in (axis, below):
            each.set_yscale("log")
            as_epochs(each, part.epoch)
        axis.set_title(
            f"{label(study)}\nwindow {first['window']:g}, rank {first['rank']:g} (n = {part.seed.nunique()})"
        )
    _finish(figure, axes, "Epoch", "Distance of eigenvalue\nfrom 1 (per step)")
    for axis in axes[1::2, 0]:
        axis.set_ylabel("Size of other modes\nover the leading one's")
    return figure


def _points(axis: Axes, x: pd.Series, y: pd.Series, shade: ColorType, name: str) -> None:
    """Draw seeds as points and their medians as a line."""
    axis.plot(x, y, ".", color=shade, markersize=2.5)
    middle = y.groupby(x).median()
    axis.plot(middle.index, middle, color=shade, label=name)


def layers(table: pd.DataFrame, compression: float = 16) -> Figure:
    """Draw the share of each layer's weights kept at the last epoch, by method, one panel per
    study; bars are 95 % intervals."""
    if table.empty:
        return nothing(EMPTY)
    studies = list(dict.fromkeys(table.study))
    figure, axes, panels = _panels(studies, tall=0.9)
    for (axis,), study in zip(panels, studies):
        part = table[(table.study == study) & (table.epoch == table[table.study == study].epoch.max())]
        at = _nearest(part.compression, compression)
        part = part[part.compression == at]
        names = list(dict.fromkeys(part.layer))
        for method, shift in _side_by_side(part.method):
            line = bands(part[part.method == method], "layer", "density").reindex(names)
            where = np.arange(len(names)) + 0.8 * shift
            own = look(method)
            axis.errorbar(
                where,
                100 * line["mean"],
                100 * line[REACH].T,
                color=own.color,
                marker=own.marker,
                ls="",
                label=label(method),
                clip_on=False,  # whole markers at 0
            )
        axis.axhline(100 / at, color=color("random"), linewidth=0.6, linestyle=":")
        # Roots have a place for 0 and still separate small shares.
        axis.set_yscale("function", functions=(lambda share: np.sqrt(np.clip(share, 0, None)), np.square))
        axis.set_ylim(0, 105)
        axis.set_yticks([0, 1, 5, 20, 50, 100], ["0", "1", "5", "20", "50", "100"])
        if len(names) <= 8:
            axis.set_xticks(range(len(names)), [drawn(name, LONGEST_TICK) for name in names], rotation=30, ha="right")
        else:
            axis.set_xticks([0, len(names) - 1], ["first layer", "last layer"])
        axis.set_title(f"{label(study)}\ncompression {at:g} (n = {part.seed.nunique()})")
    _finish(figure, axes, "Layer", "Kept weights (%)")
    return figure


def _side_by_side(methods: pd.Series) -> list[tuple[str, float]]:
    """Return every method once, with its offset between -0.5 and 0.5."""
    names = list(dict.fromkeys(methods))
    return [(name, (place - (len(names) - 1) / 2) / len(names)) for place, name in enumerate(names)]


def as_epochs(axis: Axes, epochs: pd.Series) -> None:
    """Mark the pruning `epochs` on a logarithmic axis, which separates those of early training."""
    at = sorted(epochs.unique())
    axis.set_xscale("log")
    axis.set_xticks(at, [f"{epoch:g}" for epoch in at])
    axis.minorticks_off()


def _nearest(values: pd.Series, wanted: float) -> float:
    known = np.sort(values.to_numpy(dtype=float))
    return float(known[np.argmin(np.abs(np.log(known / wanted)))])


def _grid(rows: int, columns: int, tall: float = 0.72) -> tuple[Figure, np.ndarray]:
    return pyplot.subplots(rows, columns, figsize=(DOUBLE, rows * tall * 2.4 + 0.9), squeeze=False)


def _panels(studies: list[str], tall: float, blocks: int = 1) -> tuple[Figure, np.ndarray, list[np.ndarray]]:
    """Return a figure, its axes, and for each study its `blocks` panels, one above the other."""
    rows = -(-len(studies) // MOST)
    figure, axes = _grid(blocks * rows, min(len(studies), MOST), tall)
    return figure, axes, [axes[blocks * (place // MOST) :, place % MOST][:blocks] for place in range(len(studies))]


def _finish(figure: Figure, axes: np.ndarray, x: str, y: str) -> None:
    """Label the outer axes of a grid of panels."""
    outer_labels(figure, axes, x)
    for axis in axes[:, 0]:
        axis.set_ylabel(y)
