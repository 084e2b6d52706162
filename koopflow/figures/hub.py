"""Figures of the stage `hub`: the leaderboard with intervals, and fan charts."""

from collections.abc import Sequence

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from koopflow.figures.style import BLACK, BLUE, GREY, VERMILLION, size
from koopflow.figures.text import drawn

BANDS = ((0.025, 0.975), (0.1, 0.9), (0.25, 0.75))
SHADES = (0.16, 0.3, 0.5)
TICKS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST = 34
DATES_APART = 5
ALL = "all"


def leaderboard(table: pd.DataFrame, team: str) -> Figure:
    """Draw the score of every model relative to the reference, one panel per target.

    Parameters
    ----------
    table : DataFrame
        `koopflow.io.columns.HUB_LEADERBOARD` of one hub.
    team : str
        Its models are drawn in colour.
    """
    targets = [ALL, *sorted(set(table["target"]) - {ALL})]
    order = list(table[table["target"] == ALL].sort_values("ratio", ascending=False)["model"])
    reference = str(table["reference"].iloc[0])
    figure, axes = plt.subplots(
        1, len(targets), figsize=size(2, 0.085 * len(order) + 0.42), sharey=True, sharex=True, squeeze=False
    )
    for ax, target in zip(axes.flat, targets):
        part = table[table["target"] == target].set_index("model").reindex(order)
        ax.axvline(1.0, color=GREY, linewidth=0.6)
        for place, (model, row) in enumerate(part.iterrows()):
            shade = VERMILLION if str(model).startswith(f"{team}-") else BLUE
            if np.isfinite(row["ratio"]):
                ax.plot([row["ci_low"], row["ci_high"]], [place, place], color=shade, linewidth=1.2)
                ax.plot(row["ratio"], place, marker="o", color=shade, linestyle="none")
                ax.annotate(
                    f"n={int(row['n_shared'])}",
                    (1.0, place),
                    xycoords=("axes fraction", "data"),
                    ha="right",
                    va="center",
                    fontsize="xx-small",
                    color=GREY,
                )
        ax.set_title(drawn("all targets" if target == ALL else str(target), 21), fontsize="small")
    _ratio_axis(list(axes.flat), table["ci_low"].min(), table["ci_high"].max())
    axes[0, 0].set_yticks(range(len(order)), [drawn(name, LONGEST) for name in order])
    figure.supxlabel(
        f"mean weighted interval score / that of {drawn(reference, LONGEST)}, shared forecasts (left is better; "
        "95 % interval over dates)",
        fontsize="medium",
    )
    return figure


def _ratio_axis(axes: Sequence[Axes], low: float, high: float) -> None:
    for ax in axes:
        ax.set_xscale("log")
        ax.set_xlim(0.9 * low, 2.6 * high)  # room for n
        shown = [tick for tick in TICKS if 0.9 * low <= tick <= 1.1 * high]
        ax.xaxis.set_major_locator(FixedLocator(shown))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{tick:g}" for tick in shown])


def fans(
    quantiles: pd.DataFrame,
    truth: pd.DataFrame,
    model: str,
    other: pd.DataFrame,
    reference: str,
    apart: int = DATES_APART,
) -> Figure:
    """Draw the forecasts of a model from every few dates beside the truth, for the smoothest series
    of each target (usually the whole country) and the next.

    Parameters
    ----------
    quantiles : DataFrame
        `koopflow.io.columns.HUB_QUANTILES` of one hub.
    truth : DataFrame
        time, location, target, value.
    model : str
    other : DataFrame
        Quantiles of the reference model, whose medians are drawn.
    reference : str
    apart : int
        Dates from one drawn forecast to the next.
    """
    own = quantiles[quantiles["model"] == model]
    dates = np.sort(own["reference_date"].unique())
    start = dates[0] - np.timedelta64(70, "D")
    chosen = [pair for target in sorted(own["target"].unique()) for pair in _smoothest(own, truth, target, start)]
    columns = 2 if len(chosen) > 1 else 1
    rows = -(-len(chosen) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=size(2, 0.5 * rows + 0.25), squeeze=False, sharex=True)
    for ax, (target, location) in zip(axes.flat, chosen):
        for place, date in enumerate(dates[::apart]):
            _fan(ax, _wide(own, target, location, date), first=place == 0)
            beside = _wide(other, target, location, date)
            if len(beside) and 0.5 in beside:
                named = drawn(f"median of {reference}", 2 * LONGEST)
                ax.plot(beside.index, beside[0.5], color=BLUE, linestyle="--", linewidth=1.0, label=named)
        _final_values(ax, truth, target, location, (start, dates[-1] + np.timedelta64(35, "D")))
    for ax in axes.flat[len(chosen) :]:
        ax.set_visible(False)
    for ax in axes[:, 0]:
        ax.set_ylabel("value (units of the target)")
    handles: dict[str, Artist] = {}
    for ax in axes.flat:
        drawn_here, names = ax.get_legend_handles_labels()
        handles |= dict(zip(names, drawn_here))
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=3)
    return figure


def _final_values(
    ax: Axes, truth: pd.DataFrame, target: str, location: str, between: tuple[np.datetime64, np.datetime64]
) -> None:
    """Draw the final values of a series, and label its panel."""
    rows = truth[(truth["target"] == target) & (truth["location"] == location)]
    rows = rows[rows["time"].between(*between)].sort_values("time")
    ax.plot(rows["time"], rows["value"], color=BLACK, linewidth=0.9, label="final value")
    ax.set_title(drawn(f"{target}, {location}", LONGEST))
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(mdates.MonthLocator(interval=2))
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(ax.xaxis.get_major_locator()))


def _wide(quantiles: pd.DataFrame, target: str, location: str, date: np.datetime64) -> pd.DataFrame:
    """Return quantiles by the end of the forecast week."""
    chosen = (quantiles["target"] == target) & (quantiles["location"] == location)
    rows = quantiles[chosen & (quantiles["reference_date"] == date)]
    ends = rows["reference_date"] + pd.to_timedelta(7 * rows["horizon"], unit="D")
    return rows.assign(end=ends).pivot_table(index="end", columns="quantile", values="value").sort_index()


def _fan(ax: Axes, wide: pd.DataFrame, *, first: bool) -> None:
    for (low, high), shade in zip(BANDS, SHADES):
        if low in wide and high in wide:
            named = f"{round(100 * (high - low))} % interval" if first else None
            ax.fill_between(wide.index, wide[low], wide[high], color=VERMILLION, alpha=shade, linewidth=0, label=named)
    if 0.5 in wide:
        ax.plot(wide.index, wide[0.5], color=VERMILLION, linewidth=1.2, label="median" if first else None)


def _smoothest(
    own: pd.DataFrame, truth: pd.DataFrame, target: str, start: np.datetime64, count: int = 2
) -> list[tuple[str, str]]:
    """Return the series of a target with the smallest weekly changes relative to their mean."""
    known = truth[(truth["target"] == target) & (truth["time"] >= start)]
    known = known[known["location"].isin(own.loc[own["target"] == target, "location"].unique())]
    rough = {
        str(location): float(part.sort_values("time")["value"].diff().abs().mean() / max(part["value"].mean(), 1e-12))
        for location, part in known.groupby("location")
        if len(part) > 1
    }
    return [(target, name) for name in sorted(rough, key=lambda each: (rough[each], each))[:count]]
