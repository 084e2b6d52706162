"""Figure of the stage `spectra`: the complex plane with intervals, a detail near 1, and
distances."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.pyplot import subplots

from koopflow.figures.heat_maps import heat_map
from koopflow.figures.panels import mark_panels, unit_circle
from koopflow.figures.style import MARKERS, SPARE, Look, look, size
from koopflow.figures.text import drawn

VERDICTS = {"different": "\u2260", "equivalent": "=", "inconclusive": "?"}


def plot_trajectories(
    spectra: pd.DataFrame, distances: pd.DataFrame, tests: pd.DataFrame, exclusions: pd.DataFrame | None = None
) -> Figure:
    """Draw all spectra with their intervals, and the matrix of their distances. Eigenvalues that are
    not believed are hollow: their residual is too large, or random walks match them.

    Parameters
    ----------
    spectra, distances : DataFrame
        As `koopflow.koopman.tables` returns them.
    tests : DataFrame
        As `koopflow.equivalence.tables.comparison_table` returns it; may be empty.
    exclusions : DataFrame, optional
        Columns `TRAJECTORY_EXCLUSIONS`; the legend names what was left out.
    """
    names = sorted(spectra["trajectory"].unique())
    figure, axes = subplots(1, 3 if len(names) > 1 else 2, figsize=size(2, 0.9), layout="constrained")
    for name, style in apart(names).items():
        _spectrum(axes[:2], spectra[spectra["trajectory"] == name], name, style)
    unit_circle(axes[0])
    angle = np.linspace(0, 2 * np.pi, 2000)
    axes[1].plot(np.cos(angle), np.sin(angle), color="0.7", linewidth=0.8, zorder=0)
    axes[0].set_title("all eigenvalues", loc="left")
    _closer(axes[1], spectra)
    for ax in axes[:2]:
        ax.set_xlabel("real part of eigenvalue")
        ax.set_ylabel("imaginary part")
    handles, labels = axes[0].get_legend_handles_labels()
    for text in _left_out(exclusions):
        handles.append(Line2D([], [], linestyle="none"))
        labels.append(text)
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="x-small")
    if len(names) > 1:
        _distances(figure, axes[2], names, distances, tests)
    mark_panels(axes.flat)
    return figure


def _left_out(exclusions: pd.DataFrame | None) -> list[str]:
    """Return a line for each trajectory with runs that could not be fitted."""
    if exclusions is None:
        return []
    lines = []
    for name, rows in exclusions.groupby("trajectory", sort=True):
        count = int(rows["run"].notna().sum())
        what = f"{count} run{'s' if count > 1 else ''} left out" if count else "not fitted"
        lines.append(f"{drawn(str(name))}: {what}, see exclusions.csv")
    return lines


def apart(names: list[str]) -> dict[str, Look]:
    """Return the look of each name: its usual colour and marker, or the next free one where that is
    taken."""
    looks: dict[str, Look] = {}
    for name in names:
        style = look(name)
        color = _free(style.color, SPARE, {other.color for other in looks.values()})
        marker = _free(style.marker, MARKERS, {other.marker for other in looks.values()})
        looks[name] = replace(style, color=color, marker=marker)
    return looks


def _free(wanted: str, known: tuple[str, ...], taken: set[str]) -> str:
    return next((one for one in (wanted, *known) if one not in taken), wanted)


def _spectrum(axes: Iterable[Axes], rows: pd.DataFrame, name: str, style: Look) -> None:
    believed = rows["believed"].to_numpy(bool)
    runs = int(rows["runs"].iloc[0])
    text = f"{drawn(name)} (n = {runs} run{'s' if runs > 1 else ''}, {int(rows['steps'].iloc[0])} states)"
    text += "" if rows["real_low"].notna().any() else ", too few for intervals"
    for ax in axes:
        for trusted, face in ((True, style.color), (False, "none")):
            part = rows[believed == trusted]
            if len(part):
                x, y = part["real"].to_numpy(), part["imag"].to_numpy()
                bars: dict[str, Any] = {
                    "xerr": np.maximum([x - part["real_low"], part["real_high"] - x], 0),
                    "yerr": np.maximum([y - part["imag_low"], part["imag_high"] - y], 0),
                }
                label = text if trusted or not believed.any() else None
                # Intervals may be long and many: draw them faint, without caps, below all marks.
                ax.errorbar(
                    x, y, **bars, linestyle="none", color=style.color, elinewidth=0.6, capsize=0, alpha=0.5, zorder=1
                )
                ax.plot(x, y, linestyle="none", marker=style.marker, markersize=3.5, color=style.color,
                        markerfacecolor=face, zorder=3, label=label or "_nolegend_")  # fmt: skip


def _closer(ax: Axes, spectra: pd.DataFrame) -> None:
    """Show the neighbourhood of 1 that holds most of the eigenvalues."""
    away = np.hypot(spectra["real"] - 1, spectra["imag"])
    reach = 1.3 * max(float(np.quantile(away, 0.6)), 1e-4)
    ax.set_xlim(1 - reach, 1 + reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_title("near 1", loc="left")


def _distances(figure: Figure, ax: Axes, names: list[str], distances: pd.DataFrame, tests: pd.DataFrame) -> None:
    matrix = np.zeros((len(names), len(names)))
    words = np.full(matrix.shape, "", dtype=object)
    for _, row in distances.iterrows():
        a, b = names.index(str(row["a"])), names.index(str(row["b"]))
        matrix[a, b] = matrix[b, a] = row["distance"]
    for _, row in tests.iterrows():
        a, b = names.index(str(row["a"])), names.index(str(row["b"]))
        words[a, b] = words[b, a] = VERDICTS[row["verdict"]]
    shown = [drawn(name) for name in names]
    table = pd.DataFrame(matrix, shown, shown)
    image = heat_map(ax, table, words, fontsize="medium", vmin=0, vmax=matrix.max() or 1, square=True)
    ax.set_title("distance", loc="left")
    if len(tests):
        ax.set_xlabel(
            "over runs: " + ", ".join(f"{sign} {word}" for word, sign in VERDICTS.items()), fontsize="x-small"
        )
    figure.colorbar(image, ax=ax, label="Wasserstein distance", shrink=0.8)
