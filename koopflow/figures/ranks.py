"""Figure of the rank of the operators: why it was chosen, and what other ranks say."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from koopflow.figures.equivalence import grid_of_panels
from koopflow.figures.panels import mark_panels
from koopflow.figures.style import BLUE, GREY, PALE, SPARE, VERMILLION
from koopflow.figures.text import drawn, label

LOWEST = 0.5
"""Lower end of the axis of ratios."""


def plot_ranks(
    rank_tests: pd.DataFrame, stability: pd.DataFrame, comparisons: Mapping[str, list[str]], margin: float, share: float
) -> Figure:
    """Draw the excess of every pair of set-ups over the rank of the operators, and why the rank was
    chosen.

    Parameters
    ----------
    rank_tests, stability : DataFrame
        Columns `RANK_TESTS` and `STABILITY`; stability may be empty.
    comparisons : dict of str to list of str
        Names of set-ups, by comparison.
    margin, share : float
        The margin of the verdicts, and the largest ratio of scatter to spacing of a stable rank.
    """
    figure, axes = grid_of_panels(len(comparisons) + (len(stability) > 0), 0.62)
    panels = list(axes.flat)
    if len(stability):
        _draw_stability(panels.pop(0), stability, share)
    for panel, comparison in zip(panels, comparisons):
        _draw_excess(panel, rank_tests[rank_tests["comparison"] == comparison], margin)
        panel.set_title(label(comparison))
    mark_panels(axes.flat[: len(comparisons) + (len(stability) > 0)])
    return figure


def _draw_excess(panel: Axes, tests: pd.DataFrame, margin: float) -> None:
    """Draw the ratio between / within of each pair of one comparison, with its interval."""
    highest = max([2.0, *(1.6 * (1 + tests["ci_high"]))])
    panel.axhspan(LOWEST, 1 + margin, color=PALE, alpha=0.35, linewidth=0)
    pairs = list(tests.groupby(["a", "b"], sort=False))
    for place, ((a, b), rows) in enumerate(pairs):
        at = rows["rank"] + 0.09 * (place - (len(pairs) - 1) / 2)
        ends = [rows["excess"] - rows["ci_low"], rows["ci_high"] - rows["excess"]]
        name, colour = f"{drawn(a)} / {drawn(b)}", SPARE[place % len(SPARE)]
        panel.errorbar(
            at, 1 + rows["excess"], yerr=ends, fmt="o", markersize=2.5, linewidth=0.8, color=colour, label=name
        )
    for rank in tests.loc[tests["chosen"], "rank"].unique():
        panel.axvline(rank, color=GREY, linewidth=0.6, linestyle=":", zorder=0)
    panel.set(yscale="log", ylim=(LOWEST, highest), xlabel="rank", ylabel="between / within")
    panel.yaxis.set_major_locator(FixedLocator([0.5, 1, 2, 4, 8, 16, 32]))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    if pairs:
        panel.legend(fontsize=5, loc="upper right")


def _draw_stability(panel: Axes, stability: pd.DataFrame, share: float) -> None:
    """Draw the ratio of scatter to spacing over the rank, for each set-up and on average."""
    for _, rows in stability.groupby("setting"):
        panel.plot(rows["rank"], rows["ratio"], color=PALE, linewidth=0.6)
    mean = stability.groupby("rank")["ratio"].mean()
    count = stability["setting"].nunique()
    panel.plot(mean.index, mean, "o-", color=BLUE, markersize=2.5, label=f"mean of {count} set-ups")
    panel.axhline(share, color=VERMILLION, linewidth=0.8, label=f"largest share: {share:g}")
    for rank in stability.loc[stability["chosen"], "rank"].unique():
        panel.axvline(rank, color=GREY, linewidth=0.6, linestyle=":")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set(xlabel="rank", ylabel="scatter / spacing", title="Stability over seeds", ylim=(0, None))
    panel.legend(fontsize=5)
