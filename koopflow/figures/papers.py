"""The published figures of arXiv 2302.09160, redrawn from a run: the same quantities on the same
axes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from koopflow.figures.panels import mark_panels, state_n, unit_circle
from koopflow.figures.style import DARK, GREY, PALE, look, size
from koopflow.figures.text import label

METHODS = {"mirror_descent": "x", "gradient_descent": "u", "bisection_published": "z"}
"""Methods of Fig. 2 and the letter of their state. Bisection has the zeros after its stop, as in
the published figure."""
START = (0.5, 0.7)
"""Start of mirror descent in Fig. 2A."""
PLANE: dict[str, Any] = {"linestyle": "none", "fillstyle": "none", "markersize": 4}


def plot_figure_2(runs: Mapping[str, np.ndarray], eigenvalues: pd.DataFrame) -> Figure:
    """Draw Fig. 2: states and losses of one start against iteration, spectra, and their zoom.

    Parameters
    ----------
    runs : dict of str to array
        Trajectories (run, state, 2) by method, and losses (run, state) as "loss_<method>".
    eigenvalues : DataFrame
        Columns algorithm, real, imag.
    """
    figure, axes = plt.subplots(2, 2, figsize=size(2, 1.45))
    (states, losses), (plane, near) = axes
    start = int(np.linalg.norm(runs["mirror_descent"][:, 0] - np.array(START), axis=1).argmin())
    for name, letter in METHODS.items():
        colour = look(name).color
        for coordinate, dash in ((0, "-"), (1, "--")):
            text = f"${letter}_{coordinate + 1}$"
            states.plot(runs[name][start, :, coordinate], dash, color=colour, label=text)
        losses.plot(runs[f"loss_{name}"][start], color=colour, label=label(name))
    states.set(xlabel="iteration", ylabel="state", title=f"start {START}")
    states.legend(ncols=3, fontsize="x-small", loc="center right")
    losses.set(xlabel="iteration", ylabel="loss; bisection: $|f(z)|$", title="loss")
    losses.legend(fontsize="x-small")
    for panel in (plane, near):
        for name in (*METHODS, "bisection"):
            values, seen = eigenvalues[eigenvalues["algorithm"] == name], look(name)
            panel.plot(values["real"], values["imag"], seen.marker, color=seen.color, label=label(name), **PLANE)
        unit_circle(panel)
    plane.set(title="Koopman eigenvalues", xlim=(-1.15, 1.15), ylim=(-1.15, 1.15))
    near.legend(fontsize="x-small", loc="upper left")
    near.set(title="the same, near 1", xlim=(0.5, 1.1), ylim=(-0.05, 0.05))
    near.set_aspect("auto")
    state_n(near, len(runs["mirror_descent"]), "starts")
    mark_panels(axes.flat)
    return figure


def examples_by_width(examples: pd.DataFrame, widths: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Return the example weights of each width: a row per iteration, a column per weight.

    Parameters
    ----------
    examples : DataFrame
        Columns setting, iteration, weight, value.
    widths : dict of str to str
        Set-up by width.
    """
    found = {}
    for width, name in widths.items():
        own = examples[examples["setting"] == name]
        found[width] = own.pivot_table(index="iteration", columns="weight", values="value")
    return found


def plot_figure_3(
    widths: Mapping[str, str],
    losses: pd.DataFrame,
    weights: Mapping[str, pd.DataFrame],
    eigenvalues: pd.DataFrame,
    distances: pd.DataFrame,
    samples: Mapping[tuple[str, str], np.ndarray],
    tests: pd.DataFrame,
    p_values: Mapping[tuple[tuple[str, str], tuple[str, str]], float],
    batch_size: int,
) -> Figure:
    """Draw Fig. 3: losses, example weights, spectra of one seed near 1 and wide, distances between
    widths.

    Parameters
    ----------
    widths : dict of str to str
        Set-up by width, from narrow to wide.
    losses : DataFrame
        Columns setting, step, loss, spread, n.
    weights : dict of str to DataFrame
        Example weights of one network, by width, as `examples_by_width` returns them.
    eigenvalues, distances, tests : DataFrame
        Tables of the equivalence study; of `distances` and `tests`, the rows of this comparison.
    samples : dict of (str, str) to array (seed,)
        Distances at one seed, by pair of widths.
    p_values : dict of (pair, pair) to float
        The two-sample test between the distances of two pairs of widths.
    batch_size : int
        Images per step.
    """
    figure, axes = plt.subplots(2, 3, figsize=size(2, 1.4))
    (loss, first, last), (near, wide, bars) = axes
    for width, name in widths.items():
        curve, seen = losses[losses["setting"] == name], look(name)
        images = curve["step"] * batch_size
        low, high = curve["loss"] - curve["spread"], curve["loss"] + curve["spread"]
        loss.fill_between(images, low, high, color=seen.color, alpha=0.25, linewidth=0)
        loss.plot(images, curve["loss"], color=seen.color, linewidth=1, label=f"h = {width}")
    title = f"loss, n = {int(losses['n'].min())} seeds"
    loss.set(xlabel="images seen", ylabel="loss (nats), mean ± SD", title=title, yscale="log")
    loss.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    loss.yaxis.set_major_formatter("{x:g}")
    loss.yaxis.set_minor_locator(NullLocator())
    loss.legend(fontsize="x-small")
    _weights((first, last), widths, weights, batch_size)
    _planes((near, wide), widths, eigenvalues)
    _bars(bars, widths, distances, samples, tests, p_values)
    mark_panels(axes.flat)
    return figure


def _weights(
    panels: tuple[Axes, Axes], widths: Mapping[str, str], weights: Mapping[str, pd.DataFrame], batch_size: int
) -> None:
    """Draw example weights: those of the widest network with those of the narrowest, and with those
    of the next to widest."""
    *others, widest = weights
    for panel, width in zip(panels, dict.fromkeys((others[0], others[-1]))):
        for one in (width, widest):
            of = weights[one]
            panel.plot(batch_size * of.index, of.to_numpy(), color=look(widths[one]).color, linewidth=0.8)
        panel.set(xlabel="images seen", ylabel="weight", title=f"weights, h = {width}, {widest}")
    if len(others) == 1:
        panels[1].set_axis_off()


def _planes(panels: tuple[Axes, Axes], widths: Mapping[str, str], eigenvalues: pd.DataFrame) -> None:
    """Draw the eigenvalues of the first seed on the two published scales."""
    near, wide = panels
    seed = int(eigenvalues["seed"].min())
    shown = eigenvalues[eigenvalues["setting"].isin(widths.values()) & (eigenvalues["seed"] == seed)]
    for panel in panels:
        for width, name in widths.items():
            of, seen = shown[shown["setting"] == name], look(name)
            panel.plot(of["real"], of["imag"], seen.marker, color=seen.color, label=f"h = {width}", **PLANE)
        unit_circle(panel)
        panel.set_aspect("auto")
    near.set(title=f"eigenvalues, seed {seed}", xlim=(0.95, 1.025), ylim=(-0.05, 0.05))
    near.legend(fontsize="x-small", loc="upper left")
    # Wider where eigenvalues of another study lie outside the published limits.
    reach = max(0.05, 1.1 * shown["imag"].abs().max())
    wide.set(title="the same, wide", xlim=(min(0.75, shown["real"].min() - 0.02), 1.025), ylim=(-reach, reach))


def _bars(
    ax: Axes,
    widths: Mapping[str, str],
    distances: pd.DataFrame,
    samples: Mapping[tuple[str, str], np.ndarray],
    tests: pd.DataFrame,
    p_values: Mapping[tuple[tuple[str, str], tuple[str, str]], float],
) -> None:
    """Draw the mean distance of each pair of widths with its standard deviation, the two-sample
    tests above, and the verdict of the test over seeds below."""
    pairs, heights, names = list(samples), [], []
    for place, ((a, b), values) in enumerate(samples.items()):
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        ax.bar(place, values.mean(), yerr=spread, color=PALE, width=0.7, error_kw={"elinewidth": 1.0})
        heights.append(values.mean() + spread)
        verdict = _of(tests, widths[a], widths[b])["verdict"]
        names.append(f"{a}, {b}\n{verdict.iloc[0] if len(verdict) else ''}")
    step = 0.14 * max(heights)
    for level, ((one, other), p) in enumerate(p_values.items(), 1):
        left, right, y = pairs.index(one), pairs.index(other), max(heights) + level * step
        ax.plot([left, right], [y, y], color=GREY, linewidth=0.8)
        ax.annotate(f"KS p = {p:.1g}", ((left + right) / 2, y), ha="center", va="bottom", fontsize="x-small")
    ax.axhline(_of_one(distances), color=DARK, linewidth=0.8, linestyle=":")
    ax.annotate("seeds", (len(pairs) - 0.55, _of_one(distances)), fontsize="x-small", va="bottom", color=DARK)
    ax.set_xticks(range(len(pairs)), names, fontsize="x-small")
    ax.set(ylabel="Wasserstein distance", ylim=(0, max(heights) + (len(p_values) + 1) * step))
    ax.set_title("distances, mean ± SD")


def plot_figure_s4(setting: str, width: str, eigenvalues: pd.DataFrame, distances: pd.DataFrame) -> Figure:
    """Draw Fig. S4: spectra of two seeds of one width, and the distances of all pairs of its
    seeds.

    Parameters
    ----------
    setting, width : str
        The set-up and its width.
    eigenvalues, distances : DataFrame
        Tables of the equivalence study; of `distances`, the rows of this comparison.
    """
    figure, (plane, counts) = plt.subplots(1, 2, figsize=size(2, 0.75))
    of = eigenvalues[eigenvalues["setting"] == setting]
    for place, seed in enumerate(sorted(of["seed"].unique())[:2]):
        rows, colour = of[of["seed"] == seed], (look(setting).color, DARK)[place]
        plane.plot(rows["real"], rows["imag"], "o^"[place], color=colour, label=f"seed {seed}", **PLANE)
    unit_circle(plane)
    reach = 1.15 * max(of["imag"].abs().max(), 0.02)
    plane.set(
        title=f"eigenvalues of two seeds, h = {width}", xlim=(of["real"].min() - 0.02, 1.03), ylim=(-reach, reach)
    )
    plane.set_aspect("auto")
    plane.legend(fontsize="x-small")
    values = _of(distances, setting, setting)["distance"].to_numpy(float)
    counts.hist(values, bins=30, color=PALE)
    counts.axvline(values.mean(), color=DARK, linewidth=1)
    counts.set(xlabel="Wasserstein distance", ylabel="pairs of seeds", title="all pairs of seeds")
    state_n(counts, len(values), f"pairs, mean {values.mean():.4f}, SD {values.std(ddof=1):.4f}", corner="upper right")
    mark_panels((plane, counts))
    return figure


def _of(table: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Return the rows of a pair of set-ups, in either order."""
    return table[((table["a"] == a) & (table["b"] == b)) | ((table["a"] == b) & (table["b"] == a))]


def _of_one(distances: pd.DataFrame) -> float:
    """Return the mean distance between seeds of one set-up: the floor."""
    return float(distances.loc[distances["a"] == distances["b"], "distance"].mean())
