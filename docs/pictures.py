"""The pictures of the glossary: one small figure per word. `python -m docs.pictures` draws them into
docs/figures/glossary, where the glossary and the page of a run's results find them."""

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from koopflow.figures.style import BLUE, GREY, ORANGE, PALE, VERMILLION

SIZE = (3.4, 1.7)


def _axes(x: str, y: str, count: int = 1) -> list[Axes]:
    """Return the axes of a small figure, labelled, without ticks: the pictures show shapes, not numbers."""
    plt.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    _, axes = plt.subplots(1, count, figsize=SIZE, layout="constrained", squeeze=False)
    for ax in axes[0]:
        ax.set(xlabel=x, ylabel=y, xticks=[], yticks=[])
    return list(axes[0])


def observable() -> None:
    """Two numbers read off a network while it trains."""
    (ax,) = _axes("optimizer step", "value")
    t = np.linspace(0, 1, 80)
    ax.plot(t, 0.2 + 0.7 * (1 - np.exp(-4 * t)), color=BLUE)
    ax.text(0.6, 0.92, "a weight", color=BLUE)
    ax.plot(t, 0.8 * np.exp(-3 * t), color=VERMILLION)
    ax.text(0.6, 0.22, "the loss", color=VERMILLION)
    ax.set_ylim(0, 1.1)


def koopman_mode() -> None:
    """A curve as the sum of a decaying and an oscillating mode."""
    whole, parts = _axes("step", "", 2)
    t = np.arange(60)
    decaying, oscillating = 0.95**t, 0.5 * 0.98**t * np.cos(0.4 * t)
    whole.plot(t, decaying + oscillating, color="black")
    whole.set_title("weight", fontsize=8)
    parts.plot(t, decaying, color=BLUE, label="|λ| < 1, real")
    parts.plot(t, oscillating, color=ORANGE, label="λ complex")
    parts.set_title("= sum of modes", fontsize=8)
    parts.legend(frameon=False, fontsize=7)


def residual() -> None:
    """What an eigenpair predicts beside what the data do."""
    (ax,) = _axes("step", "eigenfunction")
    t = np.arange(25)
    seen = 0.93**t + 0.06 * np.random.default_rng(1).standard_normal(25)
    ax.vlines(t, np.minimum(seen, 0.93**t), np.maximum(seen, 0.93**t), color=VERMILLION, linewidth=1)
    ax.plot(t, 0.93**t, color=BLUE, label="λ times the value before")
    ax.plot(t, seen, ".", color="black", markersize=4, label="data")
    ax.legend(frameon=False, fontsize=7)


def delay() -> None:
    """Successive values stacked into one state."""
    (ax,) = _axes("step", "value")
    t = np.arange(30)
    ax.plot(t, np.sin(t / 3), ".-", color=GREY, markersize=3, linewidth=0.8)
    for first, colour in ((8, BLUE), (9, ORANGE)):
        ax.axvspan(first - 0.3, first + 4.3, color=colour, alpha=0.25, linewidth=0)
    ax.text(14, 1.1, "two states with four delays each", fontsize=7)
    ax.set_ylim(-1.2, 1.4)


def mirror_descent() -> None:
    """The same step taken in other coordinates."""
    own, mirrored = _axes("$x_1$", "$x_2$", 2)
    x = np.array([0.9, 0.62, 0.4, 0.25, 0.15])
    own.plot(x, x**0.5, "o-", color=BLUE, markersize=3)
    own.set_title("in x: steps shrink", fontsize=8)
    mirrored.plot(np.log(x), 0.5 * np.log(x), "o-", color=ORANGE, markersize=3)
    mirrored.set(xlabel="log $x_1$", ylabel="log $x_2$")
    mirrored.set_title("in log x: steps are even", fontsize=8)


def ticket() -> None:
    """A dense and a sparse network."""
    axes = _axes("", "", 2)
    generator = np.random.default_rng(0)
    for ax, kept, words in zip(axes, (1.0, 0.25), ("network", "ticket: weights that stay")):
        for i in range(4):
            for j in range(3):
                if generator.random() < kept:
                    ax.plot([0, 1], [i, j + 0.5], color=BLUE, linewidth=0.8)
        ax.plot([0] * 4 + [1] * 3, [*range(4), 0.5, 1.5, 2.5], "o", color="black", markersize=4)
        ax.set_title(words, fontsize=8)
        ax.axis("off")


def rewind() -> None:
    """Weights go back to an early step after each pruning."""
    (ax,) = _axes("optimizer step", "weights")
    t = np.linspace(0.1, 1, 50)
    for number, colour in enumerate((PALE, GREY, BLUE)):
        ax.plot(t, (0.5 + 0.15 * number) * np.log(1 + 8 * t), color=colour)
    ax.annotate("", (0.1, 0.35), (1, 1.1), arrowprops={"arrowstyle": "->", "color": VERMILLION, "linestyle": "--"})
    ax.text(0.42, 0.5, "prune, go back, train again", color=VERMILLION, fontsize=7)


def coupling() -> None:
    """The magnitude that each layer holds, round by round."""
    (ax,) = _axes("pruning round", "share of magnitude")
    rounds = np.arange(6)
    for first, colour, name in ((0.5, BLUE, "layer 1"), (0.3, ORANGE, "layer 2"), (0.2, GREY, "layer 3")):
        slope = {BLUE: -0.05, ORANGE: 0.01, GREY: 0.04}[colour]
        ax.plot(rounds, first + slope * rounds, "o-", color=colour, markersize=3, label=name)
    ax.legend(frameon=False, fontsize=7, ncols=3, loc="upper center")
    ax.set_ylim(0.1, 0.68)


def relevant() -> None:
    """Couplings that grow and shrink under the flow."""
    (ax,) = _axes("pruning round", "log coupling")
    rounds = np.arange(8)
    for sign, colour, name in ((1, VERMILLION, "relevant: grows"), (-1, BLUE, "irrelevant: shrinks")):
        ax.plot(rounds, sign * 0.2 * rounds, "o-", color=colour, markersize=3)
        ax.text(0.3, sign * 1.2, name, color=colour, va="center")


def scaling_window() -> None:
    """The rounds in which a coupling follows a power law."""
    (ax,) = _axes("log density", "log coupling")
    x = np.linspace(0, 10, 21)
    y = np.where(x < 6, 0.5 * x, 3 + 0.9 * np.maximum(x - 6, 0) ** 0.6)
    ax.plot(x, y, "o", color="black", markersize=3)
    ax.plot([0, 6], [0, 3], color=BLUE, linewidth=2)
    ax.axvspan(0, 6, color=BLUE, alpha=0.12, linewidth=0)
    ax.text(0.3, 3.6, "slope = exponent", color=BLUE)


def episode() -> None:
    """An earlier stretch that resembles the present one."""
    (ax,) = _axes("time", "value")
    t = np.arange(160)
    fast = ((t // 40) % 2).astype(bool)
    ax.plot(t, np.sin(np.cumsum(np.where(fast, 0.55, 0.25))), color="black", linewidth=0.8)
    ax.axvspan(48, 78, color=ORANGE, alpha=0.35, linewidth=0)
    ax.axvspan(128, 158, color=BLUE, alpha=0.3, linewidth=0)
    ax.text(63, 1.15, "episode", color=ORANGE, ha="center")
    ax.text(143, 1.15, "now", color=BLUE, ha="center")
    ax.set_ylim(-1.15, 1.6)


def gate() -> None:
    """Weights of three forecasters, by their past errors."""
    (ax,) = _axes("time", "weight")
    t = np.arange(50)
    first = 1 / (1 + np.exp((t - 25) / 5))
    ax.stackplot(t, 0.75 * first, 0.25 + 0 * t, 0.75 * (1 - first), colors=(BLUE, PALE, ORANGE))
    for x, y, name in ((4, 0.35, "sliding"), (20, 0.7, "persistence"), (36, 0.6, "recall")):
        ax.text(x, y, name, fontsize=7)
    ax.set_xlim(0, 49)


def mantel() -> None:
    """Two distance matrices over the same tasks."""
    axes = _axes("task", "task", 2)
    place = np.array([0, 1, 1.3, 3, 3.5])
    distances = np.abs(place[:, None] - place)
    shaken = distances + 0.6 * np.abs(np.random.default_rng(3).standard_normal((5, 5)))
    for ax, matrix, words in zip(axes, (distances, (shaken + shaken.T) / 2), ("exponents", "failed transfer")):
        ax.imshow(matrix, cmap="cividis")
        ax.set_title(words, fontsize=8)


def skill() -> None:
    """The error that a forecast takes off a simpler one."""
    (ax,) = _axes("", "mean absolute error")
    ax.bar(["simple", "forecast"], [1, 0.7], color=(GREY, BLUE), width=0.5)
    ax.set_xticks([0, 1], ["simple forecast", "forecast"])
    ax.annotate("", (1, 1), (1, 0.7), arrowprops={"arrowstyle": "<->", "color": VERMILLION})
    ax.text(1.08, 0.82, "skill 0.3", color=VERMILLION)
    ax.set_xlim(-0.5, 1.7)


def wis() -> None:
    """A narrow interval costs less, a missed one more."""
    (ax,) = _axes("", "value")
    ax.axhline(0.5, color="black", linewidth=0.8)
    ax.text(2.75, 0.53, "what happened", fontsize=7, ha="right")
    for x, low, high, words in (
        (0, 0.4, 0.62, "narrow: low"),
        (1, 0.1, 0.95, "wide: higher"),
        (2, 0.68, 0.85, "missed: highest"),
    ):
        ax.plot([x, x], [low, high], color=(BLUE, ORANGE, VERMILLION)[x], linewidth=5, solid_capstyle="butt")
        ax.text(x, 0.0, words, ha="center", fontsize=7)
    ax.set(ylim=(-0.08, 1), xlim=(-0.6, 2.8))


def functions() -> dict[str, Callable[[], None]]:
    """Return the function of each picture by its name."""
    here = {name: thing for name, thing in globals().items() if getattr(thing, "__module__", "") == __name__}
    return {name: draw for name, draw in here.items() if not name.startswith("_") and draw not in (functions, main)}


def main() -> None:
    """Draw all pictures; a palette of 64 colours makes them a third of the size."""
    folder = Path(__file__).parent / "figures/glossary"
    folder.mkdir(exist_ok=True)
    for name, draw in functions().items():
        draw()
        content = io.BytesIO()
        plt.savefig(content, dpi=160, metadata={"Software": None})
        plt.close()
        Image.open(content).convert("RGB").quantize(64).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
