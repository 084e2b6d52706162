"""The figure of claims: statistic, interval, criterion and verdict of each claim."""

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from koopflow.figures.style import DOUBLE, FAMILIES
from koopflow.figures.text import drawn

PAPERS = {
    "arXiv 2302.09160": "When are two ways of training the same dynamics?",
    "arXiv 2110.14856": "Pruning by Koopman modes",
    "arXiv 2110.03210": "Winning tickets and the renormalization group",
    "arXiv 2311.12615": "Forecasting with episodic memory",
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
REACH = 3.0
"""Half the width of a row, in steps."""


def plot(claims: pd.DataFrame) -> Figure:
    """Draw the table of claims.

    Claims have different units, so each row is scaled by its own criterion: the criterion is at 0,
    and one step is the larger of the interval's half width and the criterion itself. An arrow at
    the edge marks an interval that extends beyond 3 steps.

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
    height = 0.31 * (places[-1] + 1) + 0.5 if len(claims) else 1.0
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
    ax.set_ylim(places[-1] + 0.6 if len(claims) else 1, -0.6)
    ax.set_yticks([])
    ax.set_xticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    handles: list[Line2D | Patch] = [
        Line2D([], [], marker="s", linestyle="none", color=colour, label=word) for word, colour in verdicts.items()
    ]
    handles.append(Patch(color=WANTED, label="where the criterion wants the interval"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize="x-small")
    return figure


def _draw(ax: Axes, place: float, claim: pd.Series, colour: str) -> None:
    """Draw one claim's interval, in steps from the criterion, over the range that the criterion
    accepts."""
    above, below = claim["above"], claim["below"]
    both = np.isfinite(above) and np.isfinite(below)
    centre = (above + below) / 2 if both else above if np.isfinite(above) else below
    half = (claim["ci_high"] - claim["ci_low"]) / 2
    step = (below - above) / 2 if both else max(half, abs(centre), 1e-12)
    low, value, high = (
        np.clip((claim[name] - centre) / step, -REACH, REACH) for name in ("ci_low", "value", "ci_high")
    )
    wanted = (-1.0, 1.0) if both else (0.0, REACH) if np.isfinite(above) else (-REACH, 0.0)
    ax.fill_betweenx([place - 0.36, place + 0.36], *wanted, color=WANTED, linewidth=0, zorder=-1)
    for edge in wanted if both else (0.0,):
        ax.plot([edge, edge], [place - 0.36, place + 0.36], color="black", linewidth=0.6)
    ax.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
    for end, edge, marker in ((low, -REACH, "<"), (high, REACH, ">")):
        if end == edge:
            ax.plot([end], [place], marker, color=colour, markersize=4, clip_on=False)
    if abs(value) < REACH:
        ax.plot([value], [place], "o", color=colour, markersize=4)


def _numbers(claim: pd.Series) -> str:
    """Return the statistic, its interval, the criterion and n, short enough for one line."""
    above, below = claim["above"], claim["below"]
    wanted = f"> {above:g}" if np.isfinite(above) else f"< {below:g}"
    if np.isfinite(above) and np.isfinite(below):
        wanted = f"{above:g} to {below:g}"
    told = f"{claim['value']:.3g} [{claim['ci_low']:.3g}, {claim['ci_high']:.3g}], wanted {wanted}"
    return f"{told}; n = {int(claim['n'])} {drawn(claim['unit'], LONGEST)}"
