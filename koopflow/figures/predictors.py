"""What tells a ticket's transfer before it is tried: rank correlations, and predictions beside
measurements."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopflow.figures import panels, style
from koopflow.figures.text import label
from koopflow.figures.tickets import grid

ANSWERS = {"transfers": style.BLUE, "does not transfer": style.VERMILLION, "cannot say": style.GREY}
MARKS = {"transfers": "o", "does not transfer": "s", "cannot say": "."}


def predictors(tests: pd.DataFrame, forecasts: pd.DataFrame) -> Figure:
    """Draw the rank correlation of every predictor with transfer, and predicted beside measured
    shares.

    Parameters
    ----------
    tests, forecasts : DataFrame
        The tables `tickets/predictor_tests.csv` and `tickets/will_transfer.csv` of one model.
    """
    if tests.empty:
        return panels.nothing("No transfer was measured from which predictors could be judged.")
    figure, axes = grid(2, height=1.15, columns=2, width_ratios=[1.15, 1])
    tests = tests.sort_values(["registered", "correlation"], ascending=[False, False])
    y = np.arange(len(tests))
    for word, colour, mark, text in (("yes", style.BLUE, "o", "registered"), ("no", style.GREY, "D", "exploratory")):
        kept = (tests["registered"] == word).to_numpy()
        rows, middle = tests[kept], tests.loc[kept, "correlation"].to_numpy(dtype=float)
        reach = np.abs(rows[["ci_low", "ci_high"]].to_numpy(dtype=float).T - middle)
        axes[0].errorbar(middle, y[kept], xerr=reach, fmt=mark, color=colour, linewidth=0.9, markersize=3.5, label=text)
        if "p_adjusted" in rows:
            panels.p_values(axes[0], y[kept], rows["p_adjusted"].fillna(rows["p"]).to_numpy(dtype=float), colour)
    axes[0].annotate("p", (1.04, 1.01), xycoords="axes fraction", fontsize="x-small")
    axes[0].axvline(0, color=style.GREY, linewidth=0.7, zorder=0)
    names = [
        f"{label(name)}{' *' if needs == 'target_rounds' else ''}"
        for name, needs in zip(tests["predictor"], tests["needs"].fillna(""))
    ]
    axes[0].set_yticks(y, names)
    axes[0].set_ylim(len(tests) + 1.2, -0.7)
    axes[0].set_xlim(-1.05, 1.05)
    axes[0].set_xticks([-1, -0.5, 0, 0.5, 1])
    axes[0].set_xlabel("rank correlation with transfer\n(* needs pruning on the target)")
    panels.state_n(
        axes[0], int(tests["pairs"].iloc[0]), f"pairs of {int(tests['tasks'].iloc[0])} tasks", corner="lower left"
    )
    _forecasts(axes[1], forecasts)
    figure.legend(loc="outside upper center", ncols=5)
    panels.mark_panels(axes.flat)
    return figure


def _forecasts(ax: Axes, forecasts: pd.DataFrame) -> None:
    """Draw measured against predicted shares; bars are the intervals of the predictions."""
    ax.set_xlabel("predicted share of the gain")
    ax.set_ylabel("measured share of the gain\n(0: random mask, 1: own ticket)")
    if forecasts.empty:
        ax.text(0.5, 0.5, "no forecast", ha="center", va="center", transform=ax.transAxes)
        return
    told = forecasts[forecasts["left_out"] == forecasts["target"]]
    for answer, rows in told.groupby("answer"):
        x, colour = rows["share"].to_numpy(dtype=float), ANSWERS[str(answer)]
        reach = np.abs(rows[["ci_low", "ci_high"]].to_numpy(dtype=float).T - x)
        ax.errorbar(x, rows["transfer"], xerr=reach, fmt="none", ecolor=colour, linewidth=0.4, alpha=0.25)
        ax.scatter(
            x, rows["transfer"], s=9, marker=MARKS[str(answer)], color=colour, label=f"answer: {answer}", zorder=3
        )
    low, high = min(0.0, float(told["transfer"].min())) - 0.05, max(1.0, float(told["transfer"].max())) + 0.05
    ax.plot([low, high], [low, high], color=style.GREY, linewidth=0.7, zorder=0)
    ax.set_ylim(low, high + 0.25)
    ax.axhline(float(told["threshold"].iloc[0]), color=style.GREY, linewidth=0.6, linestyle=":", zorder=0)
    level = 100 * float(told["level"].iloc[0])
    panels.state_n(ax, len(told), f"pairs, target left out;\nbars: {level:.0f} % intervals", corner="upper left")
