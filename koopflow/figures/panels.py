"""Panels and marks that more than one figure uses: intervals, the number behind a mean, the unit circle, words in place of a figure."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopflow.core.labels import label
from koopflow.figures.style import GREY, Look, look, size


def _look(name: str, as_: str | None) -> Look:
    return look(name if as_ is None else as_)


def band(ax: Axes, x, middle, low, high, name: str, *, text: str | None = None, as_: str | None = None, **line):
    """Draw a line with its interval as a band, in the colours of `name`.

    Parameters
    ----------
    ax : Axes
    x, middle, low, high : array (n,)
        Position, centre and the two ends of the interval, in the units of the axes. NaN leaves a gap.
    name : str
        Whose line it is (method, task, set-up); decides colour and dash.
    text : str, optional
        Legend entry; by default the name in words. "" leaves it out.
    as_ : str, optional
        Take the look of this name instead.
    """
    style = _look(name, as_)
    entry = label(name) if text is None else text
    ax.fill_between(x, low, high, color=style.color, alpha=0.18, linewidth=0)
    return ax.plot(x, middle, color=style.color, linestyle=style.linestyle, label=entry or "_nolegend_", **line)[0]


def interval(
    ax: Axes, x, middle, low, high, name: str, *, text: str | None = None, as_: str | None = None, horizontal=False, **marks
):
    """Draw points with their intervals as bars, in the colours and marker of `name`; arguments as for `band`.

    With ``horizontal=True`` the intervals lie along the x axis: `x` are then the heights of the points.
    """
    style = _look(name, as_)
    entry = label(name) if text is None else text
    x, middle, low, high = (np.atleast_1d(np.asarray(value, dtype=float)) for value in (x, middle, low, high))
    reach = np.vstack(
        [np.maximum(middle - low, 0.0), np.maximum(high - middle, 0.0)]
    )  # a point outside its interval has no negative bar
    look_ = {
        "color": style.color,
        "fmt": style.marker,
        "linestyle": "none",
        "elinewidth": 1.0,
        "label": entry or "_nolegend_",
    } | marks
    if horizontal:
        return ax.errorbar(middle, x, xerr=reach, **look_)
    return ax.errorbar(x, middle, yerr=reach, **look_)


def state_n(ax: Axes, n: int | str, what: str = "", *, corner: str = "lower right") -> None:
    """Write how many (``n = 25 seeds``) lie behind the panel, in one of its corners."""
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


def mark_panels(axes: Sequence[Axes]) -> None:
    """Put a, b, c … before the titles of the panels, as papers cite them."""
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", np.ravel(axes)):
        title = ax.get_title(loc="left")
        ax.set_title(f"{letter}  {title}".rstrip(), loc="left")


def unit_circle(ax: Axes, *, around: Sequence[complex] | None = None, margin: float = 0.08) -> None:
    """Make `ax` a piece of the complex plane with the unit circle, equal units on both axes.

    Parameters
    ----------
    around : complex numbers, optional
        Show only the surroundings of these (eigenvalues are often all near 1); by default the whole circle.
    margin : float
        Free space around, as a share of the extent shown.
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


def eigenvalues(ax: Axes, values, name: str, *, text: str | None = None, as_: str | None = None, **marks) -> None:
    """Draw eigenvalues (array of complex) on a plane made by `unit_circle`, in the look of `name`."""
    style = _look(name, as_)
    values = np.asarray(values, dtype=complex)
    entry = label(name) if text is None else text
    options = {"s": 12, "marker": style.marker, "facecolors": "none", "edgecolors": style.color, "linewidths": 0.9} | marks
    ax.scatter(values.real, values.imag, label=entry or "_nolegend_", **options)


def nothing(words: str) -> Figure:
    """Say what there is nothing to draw of, in place of a figure."""
    figure, ax = pyplot.subplots(figsize=size(1, 0.4))
    ax.set_axis_off()
    ax.text(0.5, 0.5, words, ha="center", va="center", color=GREY)
    return figure
