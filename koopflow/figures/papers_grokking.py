"""Fig. 5 of Redman et al. (NeurIPS 2024), redrawn from a run: the same quantities on the same
axes."""

from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopflow.figures.panels import mark_panels, unit_circle
from koopflow.figures.style import BLACK, BLUE, GREEN, PURPLE, VERMILLION, size

PLANE: dict[str, Any] = {"linestyle": "none", "fillstyle": "none", "markersize": 3.5}


def plot_figure_5(
    curves: pd.DataFrame,
    eigenvalues: pd.DataFrame,
    grokking: str,
    constrained: str,
    first_steps: int,
    first_state: int = 1,
    copies: int = 1,
    states: tuple[int, int] | None = None,
) -> Figure:
    """Draw accuracy and weight norm of whole trainings, without (A) and with the norm held (B);
    accuracy in the first steps (C); Koopman eigenvalues of these steps of one network (D).

    The published axis of C is labelled "Loss", but its values are accuracies: they begin at 1 / p
    and rise. As published, D has axes of its own scale, since the eigenvalues are near 1.

    Parameters
    ----------
    curves, eigenvalues : DataFrame
        Columns `GROKKING_CURVES` and `GROKKING_EIGENVALUES`.
    grokking, constrained : str
        The two settings.
    first_steps, first_state : int
        The first steps, and the first state of a spectrum.
    copies : int
        Copies of a network that share its spectrum.
    states : (int, int), optional
        Number of states of the spectra of both settings; `first_steps` by default.
    """
    figure, axes = plt.subplots(2, 2, figsize=size(2, 1.4))
    (free, held), (early, plane) = axes
    titles = ((free, grokking, "norm free"), (held, constrained, "norm held"))
    for panel, name, title in titles:
        _whole(panel, curves[curves["setting"] == name], title)
    _early(early, curves, {grokking: "free", constrained: "held"}, first_steps)
    _plane(plane, eigenvalues, {grokking: "free", constrained: "held"})
    pooled = f"{copies} copies of one" if copies > 1 else "one network"
    ends = dict.fromkeys(str(first_state + count - 1) for count in states or (first_steps,))
    plane.set_title(f"states {first_state} to {' or '.join(ends)}, {pooled}")
    mark_panels(axes.flat)
    return figure


def _early(ax: Axes, curves: pd.DataFrame, titles: dict[str, str], first_steps: int) -> None:
    """Draw the accuracies in the first steps, mean and quartiles over networks, as published."""
    for (name, title), colour in zip(titles.items(), (BLACK, VERMILLION)):
        of = curves[(curves["setting"] == name) & (curves["step"] <= first_steps)]
        for column, dash, part in (("train_accuracy", "-", "training"), ("test_accuracy", "--", "test")):
            by_step = of.groupby("step")[column]
            mean, low, high = by_step.mean(), by_step.quantile(0.25), by_step.quantile(0.75)
            ax.fill_between(mean.index, low, high, color=colour, alpha=0.25, linewidth=0)
            ax.plot(mean.index, mean.to_numpy(), dash, color=colour, linewidth=1, label=f"{title}, {part}")
    counts = dict.fromkeys(str(curves.loc[curves["setting"] == name, "seed"].nunique()) for name in titles)
    title = f"the first {first_steps} steps, n = {' and '.join(counts)}{' each' if len(counts) == 1 else ''}"
    ax.set(xlabel="step", ylabel="accuracy, mean and quartiles", title=title)
    ax.legend(fontsize="x-small")


def _plane(ax: Axes, eigenvalues: pd.DataFrame, titles: dict[str, str]) -> None:
    """Draw the eigenvalues of the first network of each setting."""
    unit_circle(ax)
    seen = []
    for (name, title), colour, mark in zip(titles.items(), (BLACK, VERMILLION), "o^"):
        of = eigenvalues[eigenvalues["setting"] == name]
        of = of[of["seed"] == of["seed"].min()]
        ax.plot(of["real"], of["imag"], mark, color=colour, label=title, **PLANE)
        seen.append(of)
    both = pd.concat(seen)
    low, high, reach = min(both["real"].min(), 1.0), max(both["real"].max(), 1.0), max(both["imag"].abs().max(), 0.01)
    spare = 0.08 * max(high - low, 0.01)
    ax.set(xlim=(low - spare, high + spare), ylim=(-1.12 * reach, 1.12 * reach))
    ax.set_aspect("auto")
    ax.legend(fontsize="x-small", loc="best")


def _whole(ax: Axes, curves: pd.DataFrame, title: str) -> None:
    """Draw the accuracies of one network against the step, and the norm of its weights on a second
    axis."""
    of = curves[(curves["seed"] == curves["seed"].min()) & (curves["step"] > 0)].sort_values("step")
    ax.plot(of["step"], of["train_accuracy"], color=BLUE, label="training")
    ax.plot(of["step"], of["test_accuracy"], color=GREEN, label="test")
    ax.set(xscale="log", ylim=(-0.03, 1.03), xlabel="step", ylabel="accuracy", title=f"{title}, one network")
    ax.legend(fontsize="x-small", loc="upper left")
    norm = ax.twinx()
    norm.plot(of["step"], of["weight_norm"], color=PURPLE, linewidth=0.9)
    middle = float(of["weight_norm"].mean())
    # A held norm differs by rounding alone, which the axis should not enlarge.
    norm.set_ylim(min(0.8 * middle, 0.98 * of["weight_norm"].min()), max(1.2 * middle, 1.02 * of["weight_norm"].max()))
    norm.set_ylabel("norm of all weights", color=PURPLE)
    norm.spines["right"].set_visible(True)
