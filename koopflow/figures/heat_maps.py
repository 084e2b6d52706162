"""Matrices of set-ups, methods or tasks as heat maps, by seaborn."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from numpy.typing import ArrayLike

from koopflow.figures.style import GREY


def heat_map(
    ax: Axes,
    table: pd.DataFrame,
    words: ArrayLike | None = None,
    *,
    every: int = 1,
    rotation: float = 45,
    fontsize: float | str = "x-small",
    **look: Any,
) -> QuadMesh:
    """Draw a table as a heat map, and return its cells for a colour bar.

    Parameters
    ----------
    ax : Axes
    table : DataFrame (n, m)
        The values; its index and columns are the names that are drawn. NaN leaves a cell empty.
    words : array (n, m) of str, optional
        Text in each cell, black or white by the cell's brightness. That of an empty cell is grey.
    every : int
        Draw the name of every k-th row and column.
    rotation : float
        Angle of the columns' names, in degrees.
    fontsize : float or str
        Size of `words`.
    **look
        Options of `seaborn.heatmap`: cmap, norm, vmin, vmax, square.
    """
    import seaborn  # imports SciPy's statistics, which most figures do not need

    options = {"cmap": "cividis", "cbar": False, "fmt": "", "annot_kws": {"fontsize": fontsize}} | look
    text = None if words is None else np.asarray(words, dtype=object)
    seaborn.heatmap(table, ax=ax, annot=text, xticklabels=False, yticklabels=False, **options)
    for axis, names, angle in ((ax.xaxis, table.columns, rotation), (ax.yaxis, table.index, 0)):
        places = range(0, len(names), every)
        turned = {"rotation": angle, "ha": "right", "rotation_mode": "anchor"} if angle else {"rotation": 0}
        axis.set_ticks([place + 0.5 for place in places], [names[place] for place in places], **turned)
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    if text is not None:
        for i, j in np.argwhere(table.isna().to_numpy()):
            ax.text(j + 0.5, i + 0.5, text[i, j], ha="center", va="center", color=GREY, fontsize=fontsize)
    return ax.collections[0]  # type: ignore[return-value]  # seaborn draws one mesh
