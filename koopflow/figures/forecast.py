"""Figures of the stage `forecast`: forecasts and the windows they recalled, error by horizon,
skill, recurrence of spectra."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from koopflow.figures.calendars import Times, places, time_axis
from koopflow.figures.heat_maps import heat_map
from koopflow.figures.skill_of_one import skill_of_one
from koopflow.figures.style import BLACK, GREY, PALE, color, look, size
from koopflow.figures.text import drawn, label

SHOWN_MATCHES = 3
"""Recalled windows that are drawn."""
SHOWN_METHODS = ("sliding", "episodic", "gated")
"""Methods whose errors are drawn with intervals."""
WORST = -5.0
"""Least skill with a colour of its own."""
SHOWN_ORIGINS = 4
"""Origins from which forecasts are drawn."""
LONGEST_LABEL = 40
"""Longest label of an axis that is a user's text, in characters."""


@dataclass(frozen=True)
class Choices:
    """The forecast settings of a series that its figures need.

    Attributes
    ----------
    early : int
        Number of samples on which settings were chosen.
    window, horizon : int
        Samples per window, and steps ahead.
    label : str
        Axis label of the values.
    step : str
        Unit of a step, such as "month".
    shown : str
        Name of the series that figures show, where one job forecasts many.
    coverage : float
        Nominal coverage of the prediction intervals.
    scales : mapping of str to float
        The scale of the errors of each series that the job forecasts.
    """

    early: int
    window: int
    horizon: int
    label: str
    step: str
    shown: str = ""
    coverage: float = 0.9
    scales: Mapping[str, float] = field(default_factory=dict)


def read_choices(path: str | os.PathLike[str]) -> Choices:
    """Read the settings that `koopflow.forecast.evaluate` recorded for a series."""
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    return Choices(**{name: found[name] for name in Choices.__dataclass_fields__})


def main_method(table: pd.DataFrame, method: str = "gated") -> str:
    """Return the method that is drawn with intervals: `method`, or the table's first."""
    return method if method in table["method"].unique() else str(table["method"].iloc[0])


def forecasts(
    predictions: pd.DataFrame,
    recalled: pd.DataFrame,
    values: NDArray[np.float64],
    times: tuple[Times, Times],
    choices: Choices,
    method: str = "gated",
) -> Figure:
    """Draw the whole series with the windows that the last forecast recalled, and forecasts from
    several origins beside the truth.

    Parameters
    ----------
    predictions, recalled : DataFrame
        Rows of one series.
    values : float (time,)
        The series, regular and filled.
    times : pair of arrays
        Stamps of the samples, and of the steps after the last one.
    choices : Choices
    method : str
        The method whose forecasts and intervals are drawn, beside the sliding method's forecasts.
    """
    method, at = main_method(predictions, method), np.concatenate([places(each) for each in times])
    last = int(predictions["origin"].max())
    found = recalled[(recalled["origin"] == last) & (recalled["method"] == method)].sort_values("match")
    figure, (above, below) = plt.subplots(2, 1, figsize=size(2, 1.3), height_ratios=(1, 1.4))
    ends = apart(found["recalled_origin"].astype(int), choices.window)
    _recollection(above, ends, values, at, choices)
    shown = f"{len(ends)} of " if len(ends) < len(found) else ""
    shown += f"{len(found)} window" + ("" if len(found) == 1 else "s")
    above.set_title(
        f"{label(predictions['series'].iloc[0])}: {shown} recalled by the last forecast (blue), and what followed (red)"
    )
    above.set_xlim(at[0], at[last + choices.horizon])
    _from_origins(below, predictions, values, at, choices, method)
    for ax in (above, below):
        time_axis(ax, times[0])
    return figure


def apart(origins: Iterable[int], window: int) -> list[int]:
    """Return up to `SHOWN_MATCHES` of the recalled origins, the nearest first: each at least half a
    window from those before it, as windows that overlap more show the same.

    >>> apart([100, 101, 60, 99, 20], window=40)
    [100, 60, 20]
    """
    chosen: list[int] = []
    for origin in origins:
        if len(chosen) < SHOWN_MATCHES and all(abs(origin - other) >= window / 2 for other in chosen):
            chosen.append(int(origin))
    return chosen


def _recollection(
    ax: Axes, ends: Sequence[int], values: NDArray[np.float64], at: NDArray[np.float64], choices: Choices
) -> None:
    """Draw the whole series, the recalled windows, and what followed each."""
    ax.plot(at[: len(values)], values, color=BLACK, linewidth=0.5)
    ax.axvspan(at[0], at[choices.early], color=GREY, alpha=0.18, linewidth=0)
    ax.text(
        at[int(0.99 * choices.early)],
        0.02,
        "choices made here, not scored",
        transform=ax.get_xaxis_transform(),
        ha="right",
        va="bottom",
        fontsize="small",
        bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1},
    )
    for end in ends:
        after = at[end : end + choices.horizon + 1]
        ax.axvspan(at[end - choices.window + 1], at[end], color=color("sliding"), alpha=0.2, linewidth=0)
        ax.plot(after, values[end : end + choices.horizon + 1], color=color("gated"), linewidth=1.4)
    ax.set_ylabel(drawn(choices.label, LONGEST_LABEL))


def _from_origins(
    ax: Axes,
    predictions: pd.DataFrame,
    values: NDArray[np.float64],
    at: NDArray[np.float64],
    choices: Choices,
    method: str,
) -> None:
    """Draw the end of the series, with forecasts from several origins whose truth is known."""
    last, horizon = int(predictions["origin"].max()), choices.horizon
    start = max(0, last - max(8 * horizon, choices.window))
    ax.plot(at[start : last + 1], values[start : last + 1], color=BLACK, linewidth=0.9, label="truth")
    origins = np.unique(predictions["origin"])
    wanted = [last - (2 * step + 1) * horizon for step in range(SHOWN_ORIGINS)]
    for count, wish in enumerate(each for each in wanted if each >= max(start, origins[0])):
        origin = int(origins[np.argmin(np.abs(origins - wish))])
        for each in dict.fromkeys(("sliding", method)):
            part = predictions[(predictions["method"] == each) & (predictions["origin"] == origin)].sort_values(
                "horizon"
            )
            if part.empty:
                continue
            steps, shade = at[origin + part["horizon"].to_numpy()], look(each).color
            ax.plot(steps, part["prediction"], color=shade, linewidth=1.2, label=label(each) if count == 0 else None)
            if each == method:
                named = f"{100 * choices.coverage:g} % interval" if count == 0 else None
                ax.fill_between(steps, part["lower"], part["upper"], color=shade, alpha=0.18, linewidth=0, label=named)
        ax.axvline(at[origin], color=GREY, linewidth=0.4, linestyle=":")
    low, high = ax.get_ylim()  # whole intervals, and room for the legend
    ax.set_ylim(low, high + 0.2 * (high - low))
    ax.set_xlim(at[start], at[last])
    ax.set_ylabel(drawn(choices.label, LONGEST_LABEL))
    ax.legend(ncols=4, loc="upper left")


def errors(skill: pd.DataFrame, series: Sequence[str]) -> Figure:
    """Draw mean absolute error against horizon, one panel per series: the Koopman methods with
    bootstrap intervals, the strongest of the other methods, which is named, and the rest in grey."""
    columns = min(3, len(series))
    rows = -(-len(series) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=size(2 if columns > 1 else 1, 0.62 * rows + 0.25), squeeze=False)
    for ax, name in zip(axes.flat, series):
        part = skill[skill["series"] == name]
        others = part[~part["method"].isin(SHOWN_METHODS)]
        best = others[~others["method"].str.startswith("gated_")].groupby("method")["mae"].mean()
        strongest = None if best.empty else str(best.idxmin())
        for method, line in others.groupby("method"):
            chosen = method == strongest
            shade, dash = (BLACK, "--") if chosen else (PALE, "-")
            text = "strongest simple method (named above)" if chosen else "each of the others"
            ax.plot(line["horizon"], line["mae"], dash, color=shade, linewidth=1.1 if chosen else 0.6, label=text)
        for method in SHOWN_METHODS:
            line, shade = part[part["method"] == method], look(method).color
            if len(line):
                ax.plot(line["horizon"], line["mae"], color=shade, linewidth=1.5, label=label(method))
                ends = line["mae_ci_low"], line["mae_ci_high"]
                ax.fill_between(line["horizon"], *ends, color=shade, alpha=0.15, linewidth=0)
        dashed = "" if strongest is None else f"\ndashed: {label(strongest)}"
        many = "counted" in part and int(part["counted"].max()) > 1
        ax.set_title(f"{label(name)}, n = {int(part['n'].max())}{' series' if many else ''}{dashed}")
        ax.set_ylim(bottom=0)
        ax.set_xlabel("steps ahead")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.set_ylabel("scaled error (MASE)" if many else "mean absolute error")
    for ax in axes.flat[len(series) :]:
        ax.set_visible(False)
    handles = {text: handle for ax in axes.flat[: len(series)] for handle, text in zip(*ax.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3 if columns > 1 else 1)
    return figure


def skill_table(skill: pd.DataFrame, reference: str = "sliding") -> Figure:
    """Draw the skill averaged over the horizon, by method and series. A star marks an interval of
    that average that excludes 0; of one series the intervals themselves are drawn.

    The interval runs between the averages of the ends at each step, which is exact if the errors of
    all steps move together and too wide otherwise. Both tables have the same order of rows: by skill
    over the naive forecast.

    Parameters
    ----------
    skill : DataFrame
        Columns `koopflow.io.columns.FORECAST_SKILL`, and optionally counted: how many series a row
        stands for.
    reference : {"sliding", "naive"}
        The naive reference is the better of persistence and seasonal naive at each step.
    """
    column, low, high = {
        "sliding": ("skill_vs_sliding", "ci_low", "ci_high"),
        "naive": ("skill_vs_naive", "naive_ci_low", "naive_ci_high"),
    }[reference]
    names = list(
        dict.fromkeys(skill.sort_values("kind", kind="stable")["series"] if "kind" in skill else skill["series"])
    )
    shown = ("skill_vs_naive", column, low, high)
    naive, *means = (skill.pivot_table(index="method", columns="series", values=name, dropna=False) for name in shown)
    order = naive.median(axis=1).sort_values(ascending=False).index
    table, below, above = (mean.reindex(index=order, columns=names) for mean in means)
    against = "sliding DMD" if reference == "sliding" else "the better naive forecast"
    if len(names) == 1:
        own = pd.DataFrame({"skill": table[names[0]], "low": below[names[0]], "high": above[names[0]]})
        units = "series" if "counted" in skill and skill["counted"].max() > 1 else "origins"
        return skill_of_one(own, names[0], against, f"{skill['n'].max():.0f} {units};")
    stars = ((below > 0) | (above < 0)).map(lambda sure: "*" if sure else "")
    figure, ax = plt.subplots(figsize=size(2, 0.09 * len(table) + 0.35))
    words = table.map(lambda number: f"{number:.2f}" if number > -9.995 else "< -10") + stars
    worst = float(np.clip(table.min().min(), WORST, -0.5))
    counted = skill.groupby("series")["counted"].max() if "counted" in skill else pd.Series(dtype=int)
    columns = {name: label(name) + (f" ({n:.0f} series)" if (n := counted.get(name, 1)) > 1 else "") for name in names}
    cells = table.clip(lower=worst).rename(index=label, columns=columns)
    image = heat_map(ax, cells, words, rotation=30, fontsize="small", cmap="PuOr", norm=TwoSlopeNorm(0, worst, 1))
    ax.set_title(f"Skill against {against}, mean over steps\n(* its 95 % interval excludes 0)")
    cut: Any = "min" if table.min().min() < worst else "neither"
    figure.colorbar(image, ax=ax, label="1 - MAE / MAE of reference", extend=cut)
    return figure


def recurrence(ends: NDArray[np.int_], points: NDArray[np.float64], name: str, times: Times) -> Figure:
    """Draw the distances between the spectra of all windows. Regimes that return are dark patches
    off the diagonal.

    Parameters
    ----------
    ends : int (window,)
        Last sample of each window.
    points : float (window, coordinate)
        Coordinates of the spectra, as `koopflow.forecast.evaluate` returns them.
    name : str
        Name of the series.
    times : (time,)
        Stamps of the samples.
    """
    distance = np.abs(points[:, None, :] - points[None, :, :]).sum(axis=-1)
    figure, ax = plt.subplots(figsize=size(1, 0.85))
    first, last = places(times[ends[[0, -1]]])
    extent = (first, last, last, first)
    image = ax.imshow(distance, extent=extent, vmax=np.quantile(distance, 0.98) or 1.0, interpolation="nearest")
    figure.colorbar(image, ax=ax, label="distance between spectra", extend="max")
    ax.set_title(f"{label(name)}, {len(ends)} windows")
    time_axis(ax, times, "x", "end of window")
    time_axis(ax, times, "y", "end of window")
    return figure
