"""The figure of claims: statistic, interval, criterion and verdict of each claim."""

import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from koopflow.figures.style import DOUBLE, FAMILIES
from koopflow.figures.text import drawn

PAPERS = {
    "arXiv 2302.09160": "When are two ways of training the same dynamics?",
    "arXiv 2110.14856": "Pruning by Koopman modes",
    "arXiv 2110.03210": "Winning tickets and the renormalization group",
    "arXiv 2311.12615": "Forecasting with episodic memory",
    "NeurIPS 2024": "Does the start of a training tell that a network will grok?",
}
HEADING: dict[str, Any] = {
    "ha": "left",
    "va": "center",
    "fontsize": "small",
    "weight": "bold",
    "annotation_clip": False,
}
WANTED = "#DCE8F2"
WIDTH_OF_STATEMENT, WIDTH_OF_REASON = 52, 58
"""Widths of the texts beside a bar, in characters; at most three lines are shown."""
LONGEST = 100
"""Longest heading, in characters."""
REACH, TALL, LEAST = 3.0, 0.28, 0.06
"""Half the width and height of a row's axis, and the least length of an interval, on the page's scale."""
VALUE = "value"
"""Label of the line that marks a claim's statistic."""


def plot(claims: pd.DataFrame) -> Figure:
    """Draw the table of claims.

    Claims have different units, so each row has an axis of its own, which shows the whole interval
    and the criterion.

    Parameters
    ----------
    claims : DataFrame
        The table `claims.csv`.
    """
    heads = claims["paper"].str.replace(r" \(.*\)", "", regex=True)
    # Papers keep the order of the configuration. Extensions and controls of a paper are grouped
    # with it.
    claims = (
        claims.assign(head=heads, order=pd.factorize(heads)[0])
        .sort_values("order", kind="stable")
        .reset_index(drop=True)
    )
    starts = claims["head"] != claims["head"].shift()
    places = np.arange(len(claims)) + 0.7 * np.cumsum(starts.to_numpy())
    verdicts = FAMILIES["verdicts"]
    height = 0.34 * (places[-1] + 1) + 0.5 if len(claims) else 1.0
    figure, ax = pyplot.subplots(figsize=(DOUBLE, height))
    for place, starting, (_, claim) in zip(places.tolist(), starts, claims.iterrows()):
        if starting:
            title = (
                f"{PAPERS[claim['head']]} ({claim['head']})"
                if claim["head"] in PAPERS
                else drawn(claim["head"], LONGEST)
            )
            ax.annotate(
                title, (0, place - 0.8), xytext=(0.01, place - 0.8), xycoords=("figure fraction", "data"), **HEADING
            )
        colour = verdicts[claim["verdict"]]
        words = "\n".join(textwrap.wrap(drawn(claim["statement"], 3 * WIDTH_OF_STATEMENT), WIDTH_OF_STATEMENT))
        ax.text(-REACH - 0.3, place, words, ha="right", va="center", fontsize="x-small")
        if np.isfinite(claim["value"]):
            _draw(ax, place, claim, colour)
            told = _numbers(claim)
        else:
            told = "\n".join(textwrap.wrap(drawn(claim["reason"], 3 * WIDTH_OF_REASON), WIDTH_OF_REASON))
        ax.plot([REACH + 0.35], [place], "s", color=colour, markersize=4, clip_on=False)
        ax.text(REACH + 0.6, place - 0.02, claim["verdict"], ha="left", va="bottom", fontsize="x-small", weight="bold")
        ax.text(REACH + 0.6, place + 0.04, told, ha="left", va="top", fontsize="xx-small", color="#444444")
    ax.set_xlim(-REACH, REACH)
    ax.set_ylim(places[-1] + 0.7 if len(claims) else 1, -0.6)
    ax.set_yticks([])
    ax.set_xticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    handles: list[Line2D | Patch] = [
        Line2D([], [], marker="s", linestyle="none", color=colour, label=word) for word, colour in verdicts.items()
    ]
    handles.append(Line2D([], [], color="black", marker="|", linestyle="none", label="statistic"))
    handles.append(Patch(color=WANTED, label="where the criterion wants the interval"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize="x-small")
    return figure


def _draw(ax: Axes, place: float, claim: pd.Series, colour: str) -> None:
    """Draw one claim's interval over the range that the criterion accepts, on an axis of its own that
    shows both whole."""
    above, below = claim["above"], claim["below"]
    criteria = [float(each) for each in (above, below) if np.isfinite(each)]
    ends = [float(claim[name]) for name in ("ci_low", "value", "ci_high") if np.isfinite(claim[name])]
    least, most = min(ends + criteria), max(ends + criteria)
    margin = 0.12 * (most - least or abs(most) or 1.0)
    least, most = least - margin, most + margin

    def at(value: ArrayLike) -> NDArray[np.float64]:
        return REACH * (2 * (np.asarray(value, dtype=float) - least) / (most - least) - 1)

    wanted = (
        float(at(above)) if np.isfinite(above) else -REACH,
        float(at(below)) if np.isfinite(below) else REACH,
    )
    ax.fill_betweenx([place - TALL, place + TALL], *wanted, color=WANTED, linewidth=0, zorder=-1)
    for edge in at(criteria):
        ax.plot([edge, edge], [place - TALL, place + TALL], color="black", linewidth=0.6)
    _ticks(ax, place, [tick for tick in MaxNLocator(4).tick_values(least, most) if least <= tick <= most], at)
    low, high = at([min(ends), max(ends)])
    thin = max(LEAST - (high - low), 0.0) / 2  # an interval narrower than the line's end stays visible
    ax.plot([low - thin, high + thin], [place, place], color=colour, linewidth=4, solid_capstyle="butt")
    value = float(at(claim["value"]))
    ax.plot([value, value], [place - 0.14, place + 0.14], color="black", linewidth=0.9, label=VALUE)


def _ticks(ax: Axes, place: float, ticks: list[float], at: Callable[[ArrayLike], NDArray[np.float64]]) -> None:
    """Draw the axis of a row: its line, its ticks and their numbers."""
    ax.plot([-REACH, REACH], [place + TALL] * 2, color="#888888", linewidth=0.4)
    for tick, where in zip(ticks, at(ticks)):
        ax.plot([where, where], [place + TALL, place + TALL + 0.05], color="#888888", linewidth=0.4)
        ax.text(where, place + TALL + 0.06, f"{tick:g}", ha="center", va="top", fontsize=4.5, color="#444444")


def _numbers(claim: pd.Series) -> str:
    """Return the statistic, its interval, the criterion and n, short enough for one line."""
    above, below = claim["above"], claim["below"]
    wanted = f"> {above:g}" if np.isfinite(above) else f"< {below:g}"
    if np.isfinite(above) and np.isfinite(below):
        wanted = f"{above:g} to {below:g}"
    told = f"{claim['value']:.3g} [{claim['ci_low']:.3g}, {claim['ci_high']:.3g}], wanted {wanted}"
    return f"{told}; n = {int(claim['n'])} {drawn(claim['unit'], LONGEST)}"
