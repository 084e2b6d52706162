"""How alike all pruning scores are: a matrix of agreement, ordered by hierarchical clustering."""

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from koopflow.core.overlap import adjusted_jaccard
from koopflow.figures.heat_maps import heat_map
from koopflow.figures.panels import nothing
from koopflow.figures.style import DOUBLE
from koopflow.figures.text import drawn, label

FEWEST = 3
"""Fewest methods of a matrix."""
LONGEST = 24
"""Longest name of a method, in characters."""


def agreements(overlap: pd.DataFrame, study: str, epoch: float) -> pd.DataFrame:
    """Return the agreement beyond chance of every two methods of a study at one epoch, methods by
    methods.

    It is averaged over compressions above 1 and over seeds; methods that are not compared with all
    others are left out.
    """
    part = overlap[(overlap.study == study) & (overlap.epoch == epoch) & (overlap.compression > 1)]
    part = part.assign(agreement=adjusted_jaccard(part["jaccard"], part["expected_jaccard"]))
    found = part.groupby(["method_a", "method_b"])["agreement"].mean()
    names = list(dict.fromkeys([*part.method_a, *part.method_b]))
    matrix = pd.DataFrame(np.eye(len(names)), names, names)
    matrix = matrix.where(matrix == 1)
    for a, b, value in found.reset_index().itertuples(index=False):
        matrix.loc[a, b] = matrix.loc[b, a] = value
    while len(matrix) and matrix.isna().to_numpy().any():
        worst = matrix.isna().sum().idxmax()
        matrix = matrix.drop(index=worst, columns=worst)
    return matrix


def ordered(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return a matrix of agreement with its methods in the order of the leaves of `linkage`."""
    order = hierarchy.leaves_list(linkage(matrix))
    return matrix.iloc[order, order]


def linkage(matrix: pd.DataFrame) -> NDArray[np.float64]:
    """Return the average linkage of methods by one minus their agreement."""
    apart = np.clip(1 - matrix.to_numpy(), 0, None)
    np.fill_diagonal(apart, 0)
    return hierarchy.linkage(squareform((apart + apart.T) / 2, checks=False), "average", optimal_ordering=True)


def matrix(overlap: pd.DataFrame) -> Figure:
    """Draw the agreement of all scores of each study at its first and its last epoch of pruning.

    A dendrogram above each matrix shows how methods cluster. Seaborn's clustermap fills a whole
    figure, and here several matrices share one.
    """
    panels = []
    for study in dict.fromkeys(overlap.study):
        epochs = sorted(overlap[overlap.study == study].epoch.unique())
        for epoch in dict.fromkeys((epochs[0], epochs[-1])):
            found = agreements(overlap, study, epoch)
            if len(found) >= FEWEST:
                panels.append((study, epoch, found))
    if not panels:
        return nothing("No study compares all of its methods (pairs: all).")
    rows = -(-len(panels) // 2)
    figure, axes = pyplot.subplots(
        2 * rows, 2, figsize=(DOUBLE, rows * 4.1), height_ratios=[1.2, 5] * rows, squeeze=False
    )
    image = None
    for place, (study, epoch, found) in enumerate(panels):
        tree, axis = axes[2 * (place // 2) : 2 * (place // 2) + 2, place % 2]
        seeds = overlap[(overlap.study == study) & (overlap.epoch == epoch)].seed.nunique()
        _tree(tree, found, f"{label(study)}\nepoch {epoch:g} (n = {seeds})")
        image = _cells(axis, ordered(found))
    for axis in axes.flat:
        axis.set_visible(axis.has_data())
    assert image is not None
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.5, aspect=40)
    bar.set_label("Agreement beyond chance (1: the same weights)")
    return figure


def _tree(axis: Axes, found: pd.DataFrame, title: str) -> None:
    drawn_tree = hierarchy.dendrogram(linkage(found), no_plot=True)  # leaves in the order of the matrix
    for x, y in zip(drawn_tree["icoord"], drawn_tree["dcoord"]):
        axis.plot((np.array(x) - 5) / 10, y, color="black", linewidth=0.8)
    axis.set(xlim=(-0.5, len(found) - 0.5), xticks=[], title=title, ylabel="Distance")
    axis.spines[["top", "right", "bottom"]].set_visible(False)


def _cells(axis: Axes, found: pd.DataFrame) -> QuadMesh:
    names = {name: drawn(label(name), LONGEST) for name in found}
    words = found.map("{:.1f}".format).replace("-0.0", "0.0")
    table = found.rename(index=names, columns=names)
    return heat_map(axis, table, words, rotation=60, fontsize=5, vmin=0, vmax=1)
