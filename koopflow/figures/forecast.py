"""Figures of the forecasts: against truth with recalled episodes, error against horizon, skill as a table, recurrence of spectra."""

import json
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from koopflow.core.labels import label
from koopflow.figures.style import BLACK, GREY, color, look, size

SHOWN_MATCHES = 3


def read_choices(path) -> dict:
    """Return what `koopflow.forecast.evaluate` recorded of a series."""
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def forecasts(
    predictions: pd.DataFrame, recalled: pd.DataFrame, values: np.ndarray, choices: Mapping, method: str = "gated"
) -> Figure:
    """Draw the whole series with what the last forecast recalled, and forecasts from a few origins against the truth.

    Parameters
    ----------
    predictions, recalled : DataFrame
        Of one series.
    values : (time,)
        The series, regular and filled.
    choices : mapping
        early, window, horizon, label, step.
    method : str
        Whose forecasts and intervals are drawn; the sliding method's are beside them.
    """
    method = method if method in predictions["method"].unique() else str(predictions["method"].iloc[0])
    name, horizon, window = predictions["series"].iloc[0], choices["horizon"], choices["window"]
    last = int(predictions["origin"].max())
    figure, (above, below) = plt.subplots(2, 1, figsize=size(2, 1.3), height_ratios=(1, 1.4))
    above.plot(values, color=BLACK, linewidth=0.5)
    above.axvspan(0, choices["early"], color=GREY, alpha=0.18, linewidth=0)
    above.text(
        0.99 * choices["early"],
        0.02,
        "choices made here, not scored",
        transform=above.get_xaxis_transform(),
        ha="right",
        va="bottom",
        fontsize="small",
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1},
    )
    found = recalled[(recalled["origin"] == last) & (recalled["method"] == method)].sort_values("match")
    for _, row in found.head(SHOWN_MATCHES).iterrows():
        end = int(row["recalled_origin"])
        above.axvspan(end - window + 1, end, color=color("sliding"), alpha=0.2, linewidth=0)
        above.plot(np.arange(end, end + horizon + 1), values[end : end + horizon + 1], color=color("gated"), linewidth=1.4)
    shown = min(SHOWN_MATCHES, len(found))
    above.set_title(
        f"{label(name)}: nearest {shown} of {len(found)} recalled by the last forecast (blue: window, red: how it went on)"
    )
    above.set_ylabel(choices["label"])
    above.set_xlim(0, last + horizon)
    start = max(0, last - max(8 * horizon, window))
    below.plot(np.arange(start, last + 1), values[start : last + 1], color=BLACK, linewidth=0.9, label="truth")
    origins = np.unique(predictions["origin"])
    wanted = [last - step * 2 * horizon for step in range(4) if last - step * 2 * horizon >= max(start, origins[0])]
    for count, wish in enumerate(wanted):
        origin = int(origins[np.argmin(np.abs(origins - wish))])
        for each in dict.fromkeys(("sliding", method)):
            part = predictions[(predictions["method"] == each) & (predictions["origin"] == origin)].sort_values("horizon")
            if part.empty:
                continue
            steps = origin + part["horizon"].to_numpy()
            below.plot(steps, part["prediction"], color=look(each).color, linewidth=1.2, label=label(each) if count == 0 else None)
            if each == method:
                below.fill_between(
                    steps,
                    part["lower"],
                    part["upper"],
                    color=look(each).color,
                    alpha=0.18,
                    linewidth=0,
                    label="prediction interval" if count == 0 else None,
                )
        below.axvline(origin, color=GREY, linewidth=0.4, linestyle=":")
    shown = values[start : last + 1]
    reach = np.ptp(shown) or 1.0
    below.set_ylim(shown.min() - 0.25 * reach, shown.max() + 0.4 * reach)
    below.set_xlim(start, last + horizon + 1)
    below.set_ylabel(choices["label"])
    below.set_xlabel(f"time ({choices['step']}s since the start)")
    below.legend(ncols=4, loc="upper left")
    return figure


def errors(skill: pd.DataFrame, series: Sequence[str]) -> Figure:
    """Draw mean absolute error against horizon for every method, with bootstrap intervals; one panel a series."""
    columns = min(3, len(series))
    rows = -(-len(series) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=size(2 if columns > 1 else 1, 0.62 * rows + 0.25), squeeze=False)
    for ax, name in zip(axes.flat, series):
        part = skill[skill["series"] == name]
        for method, line in part.groupby("method", sort=True):
            style = look(method)
            horizons = line["horizon"].to_numpy()
            strong = method in ("gated", "episodic", "sliding")
            ax.plot(
                horizons,
                line["mae"],
                color=style.color,
                linestyle=style.linestyle,
                linewidth=1.6 if strong else 0.8,
                label=label(method),
            )
            if strong:
                ax.fill_between(horizons, line["mae_ci_low"], line["mae_ci_high"], color=style.color, alpha=0.15, linewidth=0)
        ax.set_title(f"{label(name)}, n = {int(part['n'].max())}")
        ax.set_ylim(0, 1.15 * part["mae"].quantile(0.97) + 1e-12)
        ax.set_xlabel("steps ahead")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.set_ylabel("mean absolute error")
    for ax in axes.flat[len(series) :]:
        ax.set_visible(False)
    handles, texts = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=5 if columns > 1 else 2)
    return figure


def skill_table(skill: pd.DataFrame, reference: str = "sliding") -> Figure:
    """Draw the mean skill over the horizon, method by series; a star where the interval excludes zero at half of the steps or more.

    The naive reference is the better of persistence and seasonal naive at each step.
    """
    column, low, high = {
        "sliding": ("skill_vs_sliding", "ci_low", "ci_high"),
        "naive": ("skill_vs_naive", "naive_ci_low", "naive_ci_high"),
    }[reference]
    scored = skill.assign(sure=(skill[low] > 0) | (skill[high] < 0))
    table = scored.pivot_table(index="method", columns="series", values=column, aggfunc="mean")
    sure = scored.pivot_table(index="method", columns="series", values="sure", aggfunc="mean").reindex_like(table)
    order = table.mean(axis=1).sort_values(ascending=False).index
    table, sure = table.loc[order], sure.loc[order]
    figure, ax = plt.subplots(figsize=size(2, 0.09 * len(table) + 0.35))
    image = ax.imshow(table.clip(-1, 1), cmap="PuOr", norm=TwoSlopeNorm(0, -1, 1), aspect="auto")
    for (i, j), number in np.ndenumerate(table.to_numpy()):
        if np.isfinite(number):
            text = f"{number:.2f}" if number > -9.995 else "< -10"
            shade = "white" if abs(np.clip(number, -1, 1)) > 0.7 else "black"
            ax.text(
                j, i, text + ("*" if sure.to_numpy()[i, j] >= 0.5 else ""), ha="center", va="center", color=shade, fontsize="small"
            )
    ax.set_xticks(range(table.shape[1]), [label(name) for name in table.columns], rotation=30, ha="right")
    ax.set_yticks(range(len(table)), [label(name) for name in table.index])
    against = "sliding DMD" if reference == "sliding" else "the better naive forecast"
    ax.set_title(f"Skill against {against}, mean over steps\n(* interval excludes 0 at half of the steps or more)")
    figure.colorbar(image, ax=ax, label="1 - MAE / MAE of reference")
    return figure


def recurrence(ends: np.ndarray, points: np.ndarray, name: str, step: str) -> Figure:
    """Draw the distances between the spectra of all windows; returning regimes are dark patches off the diagonal.

    Parameters
    ----------
    ends : (m,)
        Where the windows end.
    points : (m, coordinates)
        See `koopflow.forecast.evaluate.evaluate`.
    """
    distance = np.abs(points[:, None, :] - points[None, :, :]).sum(axis=-1)
    figure, ax = plt.subplots(figsize=size(1, 0.85))
    extent = (ends[0], ends[-1], ends[-1], ends[0])
    image = ax.imshow(distance, extent=extent, vmax=np.quantile(distance, 0.98) or 1.0, interpolation="nearest")
    figure.colorbar(image, ax=ax, label="distance between spectra")
    ax.set_title(f"{label(name)}, {len(ends)} windows")
    ax.set_xlabel(f"end of window ({step}s)")
    ax.set_ylabel(f"end of window ({step}s)")
    return figure
