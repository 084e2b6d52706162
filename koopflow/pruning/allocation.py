"""How many weights each tensor keeps: by one ranking, by size, or by the sum of its dimensions."""

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from koopflow.core import masks

Scope = Literal["global", "layer", "output", "erk"]
"""global: one ranking over all tensors; layer: the same density in each; output: the same density
for each output unit; erk: densities by Erdős–Rényi kernel."""
SCOPES = ("global", "layer", "output", "erk")


def erk_counts(shapes: Sequence[tuple[int, ...]], available: Sequence[int], keep: int) -> list[int]:
    """Return how many weights each tensor keeps, `keep` in all, by Erdős–Rényi kernel.

    A tensor's density is proportional to the sum of its dimensions over their product; tensors
    that would exceed density 1 stay whole (Evci et al., arXiv 1911.11134).

    Parameters
    ----------
    shapes : sequence of tuple of int
    available : sequence of int
        How many weights each tensor may keep.
    keep : int

    Examples
    --------
    >>> erk_counts([(100, 10), (10, 10)], [1000, 100], 130)
    [110, 20]
    """
    wanted = np.array([sum(shape) for shape in shapes], dtype=float)
    room = np.array(available, dtype=float)
    whole = np.zeros(len(shapes), dtype=bool)
    shares = np.zeros(len(shapes))
    while True:
        left = keep - room[whole].sum()
        shares = np.where(whole, room, 0.0)
        free = ~whole
        if free.any() and wanted[free].sum() > 0:
            shares[free] = left * wanted[free] / wanted[free].sum()
        over = free & (shares > room)
        if not over.any():
            return _rounded(shares, room.astype(int), keep)
        whole |= over


def _rounded(shares: NDArray[np.float64], room: NDArray[np.int64], keep: int) -> list[int]:
    """Return whole numbers near `shares` that sum to `keep`, none above its `room`."""
    counts = np.minimum(np.floor(shares + 1e-9).astype(int), room)
    order = np.argsort(-(shares - counts), kind="stable")
    while counts.sum() < keep:
        for i in order:
            if counts.sum() < keep and counts[i] < room[i]:
                counts[i] += 1
    return [int(count) for count in counts]


def chosen(
    values: NDArray[np.generic], candidates: NDArray[np.bool_], keep: int, shapes: Sequence[tuple[int, ...]], scope: str
) -> NDArray[np.bool_]:
    """Return which of the `candidates` are kept: `keep` of highest value, allocated by `scope`.

    Parameters
    ----------
    values, candidates : ndarray, shape (parameter,)
    keep : int
    shapes : sequence of tuple of int
        Shapes of the tensors in the flat vectors.
    scope : {"global", "layer", "output", "erk"}
    """
    if scope == "global":
        return masks.keep_largest(values, keep, candidates)
    edges = np.cumsum([0, *(math.prod(shape) for shape in shapes)])
    spans = list(itertools.pairwise(edges))
    available = [int(np.count_nonzero(candidates[start:stop])) for start, stop in spans]
    if scope == "erk":
        counts = erk_counts(shapes, available, keep)
    else:
        counts = masks.apportion(available, keep)
    rows = [shape[0] if scope == "output" and len(shape) > 1 else 1 for shape in shapes]
    parts = [_by_row(values[a:b], candidates[a:b], count, height) for (a, b), count, height in zip(spans, counts, rows)]
    return np.concatenate(parts)


def _by_row(values: NDArray[np.generic], candidates: NDArray[np.bool_], keep: int, rows: int) -> NDArray[np.bool_]:
    """Return the mask of one tensor with `keep` weights, the same number in each row."""
    if rows == 1 or keep == 0:
        return masks.keep_largest(values, keep, candidates)
    table, allowed = values.reshape(rows, -1), candidates.reshape(rows, -1)
    counts = masks.apportion([int(count) for count in allowed.sum(1)], keep)
    return np.concatenate([masks.keep_largest(*row) for row in zip(table, counts, allowed)])
