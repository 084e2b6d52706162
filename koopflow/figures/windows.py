"""Figures of windows along one training: distances between their spectra, and the spectra of
some."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullLocator

from koopflow.figures.panels import mark_panels, nothing, unit_circle
from koopflow.figures.style import BLUE, GREEN, VERMILLION, size
from koopflow.figures.text import label

SHOWN = (0, 400, 600)
"""First iterations of the windows in Fig. 4C of Redman et al. (NeurIPS 2024)."""
COLOURS = (BLUE, VERMILLION, GREEN)
MARKS = ("o", "s", "^")


def matrix(distances: pd.DataFrame) -> pd.DataFrame:
    """Return the mean distance over seeds between windows, (window, window), of one run; the
    diagonal is the mean distance between seeds, NaN for one seed.

    Parameters
    ----------
    distances : DataFrame
        Rows of one run, columns `koopflow.io.columns.WINDOW_DISTANCES`.
    """
    mean = distances.groupby(["window_a", "window_b"], as_index=False)["distance"].mean()
    windows = sorted({*distances["window_a"], *distances["window_b"]})
    table = pd.DataFrame(np.nan, index=windows, columns=windows)
    for a, b, value in zip(mean["window_a"], mean["window_b"], mean["distance"]):
        table.loc[a, b] = table.loc[b, a] = value
    return table


def plot_windows(distances: pd.DataFrame) -> Figure:
    """Draw one heat map per run: the mean distance between windows, on a logarithmic scale, and
    between seeds on the diagonal."""
    names = list(dict.fromkeys(distances["run"]))
    if not names:
        return nothing("no two windows can be compared")
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=size(columns, 0.85 * rows), squeeze=False)
    for panel, name in zip(axes.flat, names):
        heat(panel, distances[distances["run"] == name], label(name))
    for panel in axes.flat[len(names) :]:
        panel.set_axis_off()
    mark_panels(axes.flat[: len(names)])
    return figure


def plot_figure_4(distances: pd.DataFrame, eigenvalues: pd.DataFrame, names: Sequence[str]) -> Figure:
    """Draw Fig. 4 of Redman et al. (NeurIPS 2024): heat maps of the windows of epoch 1, and below
    each the eigenvalues of three windows of one seed.

    Parameters
    ----------
    distances, eigenvalues : DataFrame
        Rows of windows in epoch 1.
    names : sequence of str
        The runs, one column each.
    """
    figure, axes = plt.subplots(2, len(names), figsize=size(min(len(names), 2), 1.6), squeeze=False)
    for (above, below), name in zip(axes.T, names):
        heat(above, distances[distances["run"] == name], label(name))
        of = eigenvalues[eigenvalues["run"] == name]
        seed = int(of["seed"].min())
        windows = sorted(of["window"].unique())
        shown = [start for start in SHOWN if start in windows]
        shown = shown if len(shown) == len(SHOWN) else sorted({windows[0], windows[len(windows) // 2], windows[-1]})
        length = windows[1] - windows[0] if len(windows) > 1 else 0
        seen: list[complex] = []
        for start, colour, mark in zip(shown, COLOURS, MARKS):
            rows = of[(of["seed"] == seed) & (of["window"] == start)]
            seen += (rows["real"] + 1j * rows["imag"]).tolist()
            text = f"{start}-{start + length - 1}"
            below.plot(rows["real"], rows["imag"], mark, color=colour, fillstyle="none", markersize=4, label=text)
        unit_circle(below, around=seen)
        below.set(title=f"eigenvalues, seed {seed}")
        below.legend(fontsize="x-small", loc="upper left", title="iterations", title_fontsize="x-small")
    mark_panels(axes.flat)
    return figure


def plot_figure_s5(distances: pd.DataFrame, epochs: dict[str, int]) -> Figure:
    """Draw Fig. S5: a heat map of the windows of each later epoch, one row per run.

    Parameters
    ----------
    distances : DataFrame
    epochs : dict of str to int
        Iterations in an epoch, by run.
    """
    later: dict[str, list[pd.DataFrame]] = {}
    for name, epoch in epochs.items():
        of = distances[distances["run"] == name]
        last = int(of["window_b"].max()) // epoch
        if last > 0:
            later[name] = [_of_epoch(of, epoch, number) for number in range(1, last + 1)]
    columns = max(len(maps) for maps in later.values())
    figure, axes = plt.subplots(len(later), columns, figsize=size(2, 0.85 * len(later)), squeeze=False)
    for row, (name, maps) in zip(axes, later.items()):
        scale = limits(distances[distances["run"] == name])  # that of all epochs, so that maps can be compared
        for number, panel in enumerate(row):
            if number < len(maps) and len(maps[number]):
                heat(panel, maps[number], f"{label(name)}, epoch {number + 2}", scale)
            else:
                panel.set_axis_off()
    return figure


def first_epoch(table: pd.DataFrame, epochs: dict[str, int], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows whose windows, in `columns`, begin in the first epoch of their run."""
    limit = table["run"].map(epochs).fillna(np.inf)
    return table[np.logical_and.reduce([table[column] < limit for column in columns])]


def _of_epoch(distances: pd.DataFrame, epoch: int, number: int) -> pd.DataFrame:
    """Return the rows of windows that begin in one epoch; the first has number 0."""
    inside = [distances[column] // epoch == number for column in ("window_a", "window_b")]
    return distances[inside[0] & inside[1]]


def limits(distances: pd.DataFrame) -> tuple[float, float]:
    """Return the ends of a colour scale for all maps of one run: its smallest and largest mean
    distance."""
    values = matrix(distances).to_numpy(float)
    known = values[np.isfinite(values) & (values > 0)]
    return (float(known.min()), float(known.max())) if len(known) else (0.1, 1.0)


def heat(ax: Axes, distances: pd.DataFrame, title: str, scale: tuple[float, float] | None = None) -> AxesImage:
    """Draw the heat map of one run on `ax`, with its colour bar and the mean distance between
    seeds; `scale` is the range of colours, by default that of the map."""
    table = matrix(distances)
    starts = np.array(table.index)
    length = int(starts[1] - starts[0]) if len(starts) > 1 else 1
    ends = (starts[0], starts[-1] + length)
    extent, norm = (*ends, ends[1], ends[0]), LogNorm(*(scale or limits(distances)))
    image = ax.imshow(table.to_numpy(float), extent=extent, interpolation="nearest", norm=norm)
    seeds = distances["seed"].astype(str)
    single = sorted(set(seeds[~seeds.str.contains("-")]))
    floor = distances.loc[seeds.str.contains("-"), "distance"]
    ax.set(title=title, xlabel="iteration", ylabel="iteration")
    bar = ax.figure.colorbar(image, ax=ax)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.ax.yaxis.set_minor_locator(NullLocator())
    told = f"; between seeds {floor.mean():.2g}" if len(floor) else ""
    bar.set_label(f"Wasserstein distance\n(n = {len(single)} seeds{told})", fontsize="x-small")
    return image
