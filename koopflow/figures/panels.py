"""Panels and marks that several figures share: intervals, sample sizes, the unit circle, a message
in place of a figure."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from koopflow.figures.style import GREY, Look, look, size
from koopflow.figures.text import label


def _look(name: str, as_: str | None) -> Look:
    return look(name if as_ is None else as_)


def band(
    ax: Axes,
    x: ArrayLike,
    middle: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    name: str,
    *,
    text: str | None = None,
    as_: str | None = None,
    **line: Any,
) -> Line2D:
    """Draw a line with its interval as a band, in the colours of `name`.

    Parameters
    ----------
    ax : Axes
    x, middle, low, high : array (n,)
        Position, centre and ends of the interval, in the units of the axes. NaN leaves a gap.
    name : str
        The method, task or set-up; it decides colour and dash.
    text : str, optional
        Entry in the legend, by default the readable name; "" omits it.
    as_ : str, optional
        Name whose colour and dash replace those of `name`.
    **line
        Options of matplotlib's `plot`.
    """
    style = _look(name, as_)
    entry = label(name) if text is None else text
    ax.fill_between(x, low, high, color=style.color, alpha=0.18, linewidth=0)
    return ax.plot(x, middle, color=style.color, linestyle=style.linestyle, label=entry or "_nolegend_", **line)[0]


def interval(
    ax: Axes,
    x: ArrayLike,
    middle: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    name: str,
    *,
    text: str | None = None,
    as_: str | None = None,
    horizontal: bool = False,
    **marks: Any,
) -> ErrorbarContainer:
    """Draw points with their intervals as bars, in the colour and marker of `name`. Arguments as
    for `band`. Seaborn's pointplot takes samples and computes intervals of their mean; these come
    from tests, jackknives and bootstraps.

    If `horizontal`, intervals lie along the x axis, and `x` holds the heights of the points.
    """
    style = _look(name, as_)
    entry = label(name) if text is None else text
    place, centre, below, above = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (x, middle, low, high))
    # A point outside its interval has no negative bar.
    reach = np.vstack([np.maximum(centre - below, 0.0), np.maximum(above - centre, 0.0)])
    look_: dict[str, Any] = {
        "color": style.color,
        "fmt": style.marker,
        "linestyle": "none",
        "elinewidth": 1.0,
        "label": entry or "_nolegend_",
    } | marks
    if horizontal:
        return ax.errorbar(centre, place, xerr=reach, **look_)
    return ax.errorbar(place, centre, yerr=reach, **look_)


def state_n(ax: Axes, n: int | str, what: str = "", *, corner: str = "lower right") -> None:
    """Write the sample size in a corner of the panel, such as "n = 25 seeds"."""
    vertical, horizontal = corner.split()
    text = f"n = {n}" + (f" {what}" if what else "")
    ax.annotate(
        text,
        (0.98 if horizontal == "right" else 0.02, 0.03 if vertical == "lower" else 0.97),
        xycoords="axes fraction",
        ha=horizontal,
        va="bottom" if vertical == "lower" else "top",
        fontsize="x-small",
        color="#444444",
    )


def mark_panels(axes: Iterable[Axes]) -> None:
    """Put a, b, c … before the titles of several panels."""
    panels = list(axes)
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz" if len(panels) > 1 else "", panels):
        title = ax.get_title(loc="left")
        ax.set_title(f"{letter}  {title}".rstrip(), loc="left")


def unit_circle(ax: Axes, *, around: ArrayLike | None = None, margin: float = 0.08) -> None:
    """Draw the unit circle on `ax` as part of the complex plane, with equal units on both axes.

    Parameters
    ----------
    around : complex array, optional
        Show only the neighbourhood of these eigenvalues; by default the whole circle.
    margin : float
        Free space around them, as a share of the extent.
    """
    angle = np.linspace(0.0, 2.0 * np.pi, 721)
    ax.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.7, zorder=0, label="_nolegend_")
    ax.axhline(0.0, color=GREY, linewidth=0.4, zorder=0)
    ax.axvline(0.0, color=GREY, linewidth=0.4, zorder=0)
    ax.set_aspect("equal", adjustable="box")
    points = np.asarray([] if around is None else around, dtype=complex)
    points = points[np.isfinite(points)]
    if points.size == 0:
        points = np.array([-1, 1, 1j, -1j])
    low, high = min(points.real.min(), 1.0), max(points.real.max(), 1.0)
    half = max((high - low) / 2, np.abs(points.imag).max(), 1e-6) * (1 + 2 * margin)
    centre = (low + high) / 2
    ax.set_xlim(centre - half, centre + half)
    ax.set_ylim(-half, half)
    ax.set_xlabel("Re λ")
    ax.set_ylabel("Im λ")


def eigenvalues(
    ax: Axes, values: ArrayLike, name: str, *, text: str | None = None, as_: str | None = None, **marks: Any
) -> None:
    """Draw complex eigenvalues on a plane from `unit_circle`, with the colour and marker of
    `name`."""
    style = _look(name, as_)
    points = np.asarray(values, dtype=complex)
    entry = label(name) if text is None else text
    options: dict[str, Any] = {
        "s": 12,
        "marker": style.marker,
        "facecolors": "none",
        "edgecolors": style.color,
        "linewidths": 0.9,
    } | marks
    ax.scatter(points.real, points.imag, label=entry or "_nolegend_", **options)


def nothing(words: str) -> Figure:
    """Return a figure that only says why there is nothing to draw."""
    figure, ax = pyplot.subplots(figsize=size(1, 0.4))
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, ha="center", va="center", color=GREY)
    return figure


def p_values(ax: Axes, heights: Iterable[float], values: Iterable[float], colour: str) -> None:
    """Write p-values at the right edge of a panel, beside the rows at `heights`; NaN writes nothing."""
    for height, value in zip(heights, values):
        if np.isfinite(value):
            told = "< 0.001" if value < 0.001 else f"{value:.3f}"
            place: Any = ("axes fraction", "data")
            ax.annotate(told, (1.02, height), xycoords=place, va="center", color=colour, fontsize=5)


def outer_labels(figure: Figure, axes: np.ndarray, x: str) -> None:
    """Hide the empty panels of a grid, label the x axis of the lowest in each column, and put one
    legend for all below them.

    Parameters
    ----------
    figure : Figure
    axes : (rows, columns) of Axes
    x : str
    """
    handles: dict[str, Artist] = {}
    for axis in axes.flat:
        axis.set_visible(axis.has_data())
        for handle, name in zip(*axis.get_legend_handles_labels()):
            handles.setdefault(name, handle)
    for column in axes.T:
        for axis in [axis for axis in column if axis.has_data()][-1:]:
            axis.set_xlabel(x)
    if handles:
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=3)
