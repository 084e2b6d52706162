"""Figures of pruned networks: accuracy against compression, and how far methods prune the same
weights; small multiples by family of methods."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopflow.core.intervals import AT_MOST_ONE, FRACTION
from koopflow.core.overlap import adjusted_jaccard
from koopflow.figures.means import mean_lines
from koopflow.figures.panels import nothing, outer_labels
from koopflow.figures.pruning import EMPTY, as_epochs
from koopflow.figures.style import DOUBLE, look
from koopflow.figures.text import label

JUDGED = (("koopman_magnitude", "global_magnitude"), ("koopman_gradient", "global_gradient"))
"""The pairs of methods about which the paper makes claims."""
MOST = 2
"""Most studies side by side on a page."""
MOST_PAIRS = 12
"""Most pairs of methods whose agreement is drawn as lines; the matrix `pruning_scores` has all."""


def families(names: Iterable[str], least: int = 2) -> dict[str, list[str]]:
    """Return methods by what they rank: the last word of their names, such as magnitude or gradient.

    A family has at least `least` methods; the others, such as random pruning, join every family as
    a reference. Methods without any family are one.
    """
    known = list(dict.fromkeys(names))
    by_word: dict[str, list[str]] = {}
    for name in known:
        by_word.setdefault(name.rpartition("_")[2], []).append(name)
    found = {word: members for word, members in by_word.items() if len(members) >= least}
    if not found:
        return {"": known}
    inside = [name for members in found.values() for name in members]
    return {word: [*members, *(name for name in known if name not in inside)] for word, members in found.items()}


def accuracy(table: pd.DataFrame, column: str = "accuracy") -> Figure:
    """Draw accuracy against compression: a row per study, a column per family of methods at its
    first and its last epoch; bands are 95 % intervals."""
    table = table[table[column].notna()]
    if table.empty:
        return nothing("No study fine-tunes its pruned networks." if column == "accuracy_finetuned" else EMPTY)
    studies, groups = list(dict.fromkeys(table.study)), families(table.method)
    ends = {study: _ends(table[table.study == study].epoch) for study in studies}
    columns = max(len(found) for found in ends.values())
    figure, axes = _grid(len(studies), columns * len(groups))
    for row, study in zip(axes, studies):
        for place, (family, methods) in enumerate(groups.items()):
            panels = row[columns * place : columns * (place + 1)]
            for axis, epoch in zip(panels[-len(ends[study]) :], ends[study]):
                part = table[(table.study == study) & (table.epoch == epoch)]
                looks = {name: (look(name), label(name)) for name in methods}
                mean_lines(axis, part, ("compression", column, "method"), looks, scale=100, within=FRACTION)
                axis.set_xscale("log", base=2)
                axis.set_title(", ".join(filter(None, (family, f"epoch {epoch:g}"))))
                at = sorted(part.compression.unique())
                axis.set_xticks(at, [f"{each:g}" if k % 2 == 0 else "" for k, each in enumerate(at)])
                axis.minorticks_off()
                axis.set_ylim(0, 102)
    counts = [
        f"{textwrap.fill(label(study), 16)}\n(n = {table[table.study == study].seed.nunique()})" for study in studies
    ]
    _finish(figure, axes, "compression", counts, "test accuracy (%)")
    return figure


def overlap(table: pd.DataFrame) -> Figure:
    """Draw the adjusted Jaccard index of pruned sets against the epoch of pruning: a row per study,
    a column per family of the method compared with; bands are 95 % intervals, 0 is chance.

    Agreement is averaged over compressions above 1, as in the claims. Of more than `MOST_PAIRS`
    pairs, those of Koopman methods with the two that the claims name are drawn.
    """
    table = _few_pairs(_agreement(table))
    if table.empty:
        return nothing(EMPTY)
    studies, groups = list(dict.fromkeys(table.study)), families(table.method_b, least=1)
    figure, axes = _grid(len(studies), len(groups), tall=1.35)
    for row, study in zip(axes, studies):
        for axis, (family, partners) in zip(row, groups.items()):
            part = table[(table.study == study) & table.method_b.isin(partners)]
            if part.empty:
                continue
            _pairs(axis, part, "epoch", list(dict.fromkeys(zip(part.method_a, part.method_b))))
            gap = "\n" if len(groups) > 2 else " "
            axis.set_title(f"compared with{gap}{family} pruning" if family else "pairs of methods")
            axis.axhline(0, color="black", linestyle="--", linewidth=0.8)
            axis.set_ylim(min(-0.05, axis.get_ylim()[0]), 1.03)
            as_epochs(axis, part.epoch)
    counts = [
        f"{textwrap.fill(label(study), 16)}\n(n = {table[table.study == study].seed.nunique()})" for study in studies
    ]
    _finish(figure, axes, "epoch of pruning (dashed: chance)", counts, "adjusted Jaccard index of pruned sets")
    return figure


def _few_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of at most `MOST_PAIRS` pairs."""
    pairs = list(dict.fromkeys(zip(table.method_a, table.method_b)))
    if len(pairs) <= MOST_PAIRS:
        return table
    partners = {partner for _, partner in JUDGED}
    kept = [(a, b) for a, b in pairs if a.startswith("koopman_") and b in partners] or pairs
    rows = [pair in kept[:MOST_PAIRS] for pair in zip(table.method_a, table.method_b)]
    return table[rows]


def convergence(overlaps: pd.DataFrame, accuracies: pd.DataFrame, stages: Sequence[float] = ()) -> Figure:
    """Draw the adjusted Jaccard index of pruned sets against training loss, one panel per study.

    Agreement is averaged over compressions above 1; bands are 95 % intervals over seeds. Dotted
    lines mark the `stages` at which claims are judged.
    """
    if overlaps.empty or "loss" not in accuracies or accuracies["loss"].isna().all():
        return nothing(EMPTY if overlaps.empty else "No training loss was recorded.")
    losses = accuracies.groupby(["study", "epoch"])["loss"].mean()
    table = _agreement(overlaps)
    table = table.assign(loss=losses.reindex(pd.MultiIndex.from_frame(table[["study", "epoch"]])).to_numpy())
    studies = list(dict.fromkeys(table.dropna(subset="loss").study))
    figure, axes = _grid(-(-len(studies) // MOST), min(len(studies), MOST), tall=1.9)
    for axis, study in zip(axes.flat, studies):
        part = table[table.study == study]
        pairs = list(dict.fromkeys(zip(part.method_a, part.method_b)))
        _pairs(axis, part, "loss", [pair for pair in pairs if pair in JUDGED] or pairs[:2])
        axis.axhline(1, color="black", linewidth=0.4)
        for stage in stages:
            axis.axvline(stage, color="black", linewidth=0.6, linestyle=":")
        axis.set(xscale="log", ylim=(min(0, axis.get_ylim()[0]), 1.05))
        axis.invert_xaxis()
        axis.set_title(f"{label(study)} (n = {part.seed.nunique()})")
    _finish(figure, axes, "training loss (nats per image)", [""] * len(axes), "adjusted Jaccard index of pruned sets")
    return figure


def _agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Return the adjusted Jaccard index of each pair, epoch and seed, averaged over compressions
    above 1."""
    table = table[table["compression"] > 1] if len(table) else table.assign(jaccard=[], expected_jaccard=[])
    keys = ["study", "method_a", "method_b", "epoch", "seed"]
    if table.empty:
        return pd.DataFrame(columns=[*keys, "agreement"])
    table = table.assign(agreement=adjusted_jaccard(table["jaccard"], table["expected_jaccard"]))
    return table.groupby(keys, sort=False)["agreement"].mean().reset_index()


def _pairs(axis: Axes, part: pd.DataFrame, x: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Draw the agreement of each pair in the look of its first method; the second partner of a
    method is dotted and hollow."""
    both = part.assign(pair=part.method_a + " / " + part.method_b)
    looks, hollow, seen = {}, [], set()
    for a, b in pairs:
        looks[f"{a} / {b}"] = (replace(look(a), linestyle=":") if a in seen else look(a), _pair(a, b))
        hollow += [_pair(a, b)] if a in seen else []
        seen.add(a)
    mean_lines(axis, both, (x, "agreement", "pair"), looks, within=AT_MOST_ONE)
    for line in axis.lines:
        if line.get_label() in hollow:
            line.set(markerfacecolor="white", markeredgewidth=0.8, markeredgecolor=line.get_color())


def _pair(a: str, b: str) -> str:
    return f"{label(a)} / {label(b).lower()}"


def _row(study: str, networks: int) -> str:
    return f"{textwrap.fill(label(study), 16)}\n(n = {networks})"


def _ends(epochs: pd.Series) -> list[float]:
    """Return the first and the last epoch, or the only one."""
    return list(dict.fromkeys([epochs.min(), epochs.max()]))


def _grid(rows: int, columns: int, tall: float = 1.2) -> tuple[Figure, np.ndarray]:
    return pyplot.subplots(
        rows, columns, figsize=(DOUBLE, rows * tall + 0.9), squeeze=False, sharey="row", sharex=False
    )


def _finish(figure: Figure, axes: np.ndarray, x: str, rows: Sequence[str], y: str) -> None:
    """Label the outer axes and the `rows` of a grid of panels."""
    outer_labels(figure, axes, x)
    figure.supylabel(y, fontsize="medium")
    for row, words in zip(axes, rows):
        axis = next(axis for axis in row if axis.has_data())
        axis.set_ylabel(words)
        axis.tick_params(labelleft=True)
