"""The figure of a series' forecast beyond its last sample."""

from collections.abc import Collection, Iterable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from koopflow.figures.calendars import Times, places, time_axis
from koopflow.figures.forecast import LONGEST_LABEL, Choices, main_method
from koopflow.figures.style import BLACK, DARK, GREY, look, size
from koopflow.figures.text import drawn, label

BANDS = ((0.025, 0.975), (0.1, 0.9), (0.25, 0.75))
SHADES = (0.15, 0.22, 0.35)
PANELS, COLUMNS = 6, 2
"""Most series of one file that are drawn, and panels beside each other."""
SHOWN_HORIZONS = 6
"""Known samples that are drawn, in horizons."""


def strongest(skill: pd.DataFrame, among: Collection[str]) -> str | None:
    """Return the method of `among` with the smallest mean absolute error over all steps; None if
    there is none."""
    errors = skill[skill["method"].isin(list(among))].groupby("method")["mae"].mean()
    return None if errors.empty else str(errors.idxmin())


def future(
    quantiles: pd.DataFrame,
    skill: pd.DataFrame,
    values: NDArray[np.float64],
    times: tuple[Times, Times],
    choices: Choices,
    baselines: Iterable[str],
) -> Figure:
    """Draw the forecast beyond the last sample: median, intervals, and the strongest baseline.

    Parameters
    ----------
    quantiles, skill : DataFrame
        Rows of one series of `koopflow.io.columns.FORECAST_QUANTILES` and FORECAST_SKILL.
    values : float (time,)
        The series.
    times : pair of arrays
        Stamps of the samples, and of the steps after the last one.
    choices : Choices
    baselines : iterable of str
        Methods of which the one with the smallest mean absolute error from earlier origins is drawn
        beside.
    """
    known, later = places(times[0]), places(times[1])
    method = main_method(quantiles)
    start = max(0, len(values) - max(SHOWN_HORIZONS * choices.horizon, 40))
    figure, ax = plt.subplots(figsize=size(2, 0.8))
    ax.plot(known[start:], values[start:], color=BLACK, linewidth=0.9, label="known")
    _fan(ax, _wide(quantiles, method), known[-1], values[-1], later, method)
    drawable = set(quantiles["method"]) - {method}
    other = strongest(skill, drawable.intersection(baselines))
    if other is not None:
        beside = _wide(quantiles, other)[0.5].to_numpy()
        named = f"{label(other)} (strongest baseline)"
        ax.plot(later, beside, label=named, color=DARK, linestyle="--", linewidth=1.2)
    ax.axvline(known[-1], color=GREY, linewidth=0.6, linestyle=":")
    ax.set_xlim(known[start], later[-1] + 0.01 * (later[-1] - known[start]))
    time_axis(ax, times[0])
    ax.set_ylabel(drawn(choices.label, LONGEST_LABEL))
    last = quantiles["origin"].iloc[0]
    ax.set_title(f"{label(quantiles['series'].iloc[0])}: {choices.horizon} steps after {drawn(str(last))}")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def several(
    quantiles: pd.DataFrame, predictions: pd.DataFrame, skill: pd.DataFrame, choices: Choices, name: str
) -> Figure:
    """Draw the forecasts of many series beyond their last samples: those from the smallest to the
    largest error at earlier origins, evenly, PANELS at most.

    Parameters
    ----------
    quantiles, predictions, skill : DataFrame
        Rows of these series of `koopflow.io.columns.FORECAST_QUANTILES`, FORECAST_PREDICTIONS and
        FORECAST_SKILL.
    choices : Choices
    name : str
        What the series have in common: their entry in the study.
    """
    method = main_method(quantiles)
    mase = skill[skill["method"] == method].groupby("series")["mase"].mean().sort_values()
    chosen = mase.iloc[np.unique(np.linspace(0, len(mase) - 1, min(PANELS, len(mase))).round().astype(int))]
    rows = -(-len(chosen) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=size(2, 0.45 * rows + 0.1), squeeze=False)
    for ax, (series, error) in zip(axes.flat, chosen.items()):
        own = predictions[(predictions["series"] == series) & (predictions["method"] == method)]
        first = own[own["horizon"] == 1].sort_values("origin")
        recent = first[first["truth"].notna()].tail(SHOWN_HORIZONS * choices.horizon)
        last = int(own["origin"].max())
        at, values = recent["origin"].to_numpy() + 1.0 - last, recent["truth"].to_numpy()
        ax.plot(at, values, color=BLACK, linewidth=0.9, label="known")
        wide = _wide(quantiles[quantiles["series"] == series], method)
        _fan(ax, wide, 0.0, float(values[-1]), wide.index.to_numpy(dtype=float), method)
        ax.axvline(0.0, color=GREY, linewidth=0.6, linestyle=":")
        ax.set_title(f"{label(series)}: scaled error {error:.2f}", fontsize="small")
        ax.set_xlim(at[0], choices.horizon)
    for ax in axes.flat[len(chosen) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel(f"{choices.step}s after the last sample")
    for ax in axes[:, 0]:
        ax.set_ylabel(drawn(choices.label, LONGEST_LABEL))
    figure.suptitle(f"{label(name)}: {len(chosen)} of {len(mase)} series, from the smallest to the largest error")
    handles, texts = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=3)
    return figure


def _fan(ax: Axes, wide: pd.DataFrame, at: float, value: float, later: NDArray[np.float64], method: str) -> None:
    """Draw intervals and median of a method, joined to the last sample."""
    shade, steps = look(method).color, np.concatenate([[at], later])
    for (low, high), alpha in zip(BANDS, SHADES):
        if low in wide and high in wide:
            below, above = (np.concatenate([[value], wide[level].to_numpy()]) for level in (low, high))
            named = f"{round(100 * (high - low))} % interval"
            ax.fill_between(steps, below, above, color=shade, alpha=alpha, linewidth=0, label=named)
    median = np.concatenate([[value], wide[0.5].to_numpy()])
    ax.plot(steps, median, color=shade, linewidth=1.4, label=f"{label(method)}, median")


def _wide(quantiles: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the quantiles of a method, one column per level, one row per step."""
    rows = quantiles[quantiles["method"] == method]
    return rows.pivot_table(index="horizon", columns="quantile", values="value").sort_index()
