"""Figures of the grokking study: curves of whole trainings, spectra of their first steps, and what
these predict."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from koopflow.figures.panels import mark_panels, nothing, unit_circle
from koopflow.figures.style import BLUE, DARK, GREY, PALE, VERMILLION, look, size
from koopflow.figures.text import label

PLANE = {"linestyle": "none", "fillstyle": "none", "markersize": 3.5}


def plot_curves(curves: pd.DataFrame, settings: Sequence[str], first_steps: int) -> Figure:
    """Draw loss, accuracy and weight norm over whole trainings (above), and over the first steps
    (below): mean and standard deviation over networks, as in Fig. 5A to C of Redman et al. (NeurIPS
    2024).

    Parameters
    ----------
    curves : DataFrame
        Columns `koopflow.io.columns.GROKKING_CURVES`.
    settings : sequence of str
        Settings to draw.
    first_steps : int
        End of the lower row.
    """
    shown = [name for name in settings if name in set(curves["setting"])]
    if not shown:
        return nothing("this run trained no named setting")
    figure, axes = plt.subplots(2, 3, figsize=size(2, 1.35))
    for row, last in zip(axes, (None, first_steps)):
        loss, accuracy, norm = row
        for name in shown:
            of = curves[curves["setting"] == name]
            of = of if last is None else of[of["step"] <= last]
            _lines(loss, of, name, (("train_loss", "--"), ("test_loss", "-")))
            _lines(accuracy, of, name, (("train_accuracy", "--"), ("test_accuracy", "-")))
            _lines(norm, of, name, (("weight_norm", "-"),))
        loss.set(yscale="log", ylabel="loss (nats), mean ± SD")
        accuracy.set(ylim=(-0.03, 1.03), ylabel="accuracy (share of pairs)")
        norm.set(ylabel="norm of all weights")
        for panel in row:
            panel.set(xlabel="step", xscale="linear" if last else "log")
            steps = curves.loc[curves["setting"].isin(shown), "step"]
            # A logarithmic axis has no place for step 0; the row below shows it.
            panel.set_xlim(0 if last else steps[steps > 0].min(), last or steps.max())
    axes[0, 0].plot([], [], "--", color=DARK, label="training")
    axes[0, 0].plot([], [], "-", color=DARK, label="test")
    axes[0, 0].legend(fontsize="x-small")
    axes[0, 1].legend(handles=[_entry(name) for name in shown], fontsize="x-small", loc="upper left")
    count = curves[curves["setting"].isin(shown)].groupby("setting")["seed"].nunique().min()
    axes[0, 0].set_title(f"n = {int(count)} networks of each")
    axes[1, 0].set_title(f"the first {first_steps} steps")
    mark_panels(axes.flat)
    return figure


def _entry(name: str) -> Line2D:
    return Line2D([], [], color=look(name).color, label=label(name))


def _lines(ax: Axes, curves: pd.DataFrame, name: str, columns: Sequence[tuple[str, str]]) -> None:
    for column, dash in columns:
        by_step = curves.groupby("step")[column]
        mean, spread = by_step.mean(), by_step.std().fillna(0.0)
        low = mean - spread
        if column.endswith("loss"):
            low = low.clip(lower=mean / 10)  # a logarithmic axis has no place for less
        ax.fill_between(mean.index, low, mean + spread, color=look(name).color, alpha=0.2, linewidth=0)
        ax.plot(mean.index, mean.to_numpy(), dash, color=look(name).color, linewidth=1)


def plot_spectra(
    eigenvalues: pd.DataFrame, distances: pd.DataFrame, settings: Sequence[str], pairs: Sequence[Sequence[str]]
) -> Figure:
    """Draw the eigenvalues of the first steps, and the distances between and within settings, as
    Fig. 5D of Redman et al. (NeurIPS 2024).

    Parameters
    ----------
    eigenvalues, distances : DataFrame
        Columns `GROKKING_EIGENVALUES` and `GROKKING_DISTANCES`.
    settings : sequence of str
        Settings to draw.
    pairs : sequence of (str, str)
        Settings that are compared.
    """
    if not pairs or distances.empty:
        return nothing("this run compared no two settings")
    figure, axes = plt.subplots(len(pairs), 2, figsize=size(2, 0.85 * len(pairs)), squeeze=False)
    for (plane, bars), (a, b) in zip(axes, pairs):
        for name in (a, b):
            of, seen = eigenvalues[eigenvalues["setting"] == name], look(name)
            plane.plot(of["real"], of["imag"], seen.marker, color=seen.color, label=label(name), **PLANE)
        values = eigenvalues[eigenvalues["setting"].isin([a, b])]
        unit_circle(plane, around=(values["real"] + 1j * values["imag"]).tolist())
        plane.set_title("eigenvalues of the first steps")
        plane.legend(fontsize="x-small", loc="upper left")
        _bars(bars, distances, a, b)
    mark_panels(axes.flat)
    return figure


def _bars(ax: Axes, distances: pd.DataFrame, a: str, b: str) -> None:
    groups = [("between", VERMILLION, a, b), (f"within {label(a)}", BLUE, a, a), (f"within {label(b)}", BLUE, b, b)]
    for place, (_, colour, first, second) in enumerate(groups):
        values = distances.loc[(distances["a"] == first) & (distances["b"] == second), "distance"].to_numpy(float)
        if len(values):
            ax.bar(place, values.mean(), yerr=values.std(ddof=1) if len(values) > 1 else 0.0, color=colour, width=0.6)
            ax.annotate(f"n = {len(values)}", (place, 0), ha="center", va="bottom", fontsize="x-small", color="white")
    ax.set_xticks(range(len(groups)), [name for name, *_ in groups], fontsize="x-small")
    ax.set(ylabel="Wasserstein distance, mean ± SD", title="pairs of networks")


def plot_prediction(prediction: pd.DataFrame, areas: pd.DataFrame) -> Figure:
    """Draw how well each predictor tells networks that grok from those that do not: the area under
    the curve with its interval, and the scores by the first predictor.

    Parameters
    ----------
    prediction, areas : DataFrame
        Columns `GROKKING_PREDICTION` and `GROKKING_AREAS`.
    """
    own = areas[areas["against"] == ""]
    if own.empty:
        return nothing("too few networks that grok, or that do not")
    figure, (left, right) = plt.subplots(1, 2, figsize=size(2, 0.8))
    for place, (_, row) in enumerate(own[::-1].iterrows()):
        colour = VERMILLION if row["predictor"] == "spectrum" else DARK
        ends = [[max(row["value"] - row["ci_low"], 0.0)], [max(row["ci_high"] - row["value"], 0.0)]]
        left.errorbar([row["value"]], [place], xerr=ends, fmt="o", color=colour)
    left.axvline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    left.set_yticks(range(len(own)), [label(name) for name in own["predictor"][::-1]])
    left.set(xlabel="area under the curve, 95 % interval", xlim=(-0.02, 1.03), ylim=(-0.6, len(own) - 0.4))
    first = own.iloc[0]
    left.set_title(f"{int(first['n'])} networks, {int(first['n_groks'])} grok")
    _scores(right, prediction)
    mark_panels((left, right))
    return figure


def _scores(ax: Axes, prediction: pd.DataFrame) -> None:
    """Draw the scores by the spectrum of both kinds of networks."""
    rows = prediction[prediction["predictor"] == prediction["predictor"].iloc[0]]
    bins = np.linspace(0, 1, 21).tolist()
    kinds = [rows.loc[rows["groks"] == kind, "score"] for kind in (True, False)]
    ax.hist(kinds, bins=bins, stacked=True, color=[VERMILLION, PALE], label=["groks", "does not"])
    name = str(rows["predictor"].iloc[0])
    ax.set(xlabel=f"score by the {label(name).lower()}", ylabel="networks", xlim=(0, 1), title="scores")
    ax.legend(fontsize="x-small", loc="best")
