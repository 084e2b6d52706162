"""A few leading singular directions by a random sketch of the parameters, in two single-precision
passes.

The first pass forms random combinations of all parameters, a few more than the wanted directions;
their time series nearly span the leading right singular vectors (Halko, Martinsson and Tropp, SIAM
Review 53, 2011). The second pass projects the states on that span, which adds half a power
iteration, and forms the products of all states with it. The Gram matrix of all states, which
dominates the cost of route `time`, is never formed. As in that route, float32 holds differences
from the first state, to keep significant digits.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.koopman.runs import Array, Runs, worker_count

EPS = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Sketch:
    """Leading directions found by a sketch.

    Attributes
    ----------
    values : float64 (k,)
        Singular values, in descending order. k may exceed the number wanted; the extra values are
        rough and show how fast the spectrum decays.
    states : float64 (wanted, state)
        All states in the coordinates of the directions.
    basis : float32 (parameter, wanted)
        The directions, orthonormal to about 1e-6.
    total, moved : float
        Sums of squares of the states that have a successor, and of their differences from the first
        state.
    """

    values: Array
    states: Array
    basis: NDArray[np.float32]
    total: float
    moved: float


def sketched(runs: Runs, wanted: int, before: NDArray[np.intp]) -> Sketch:
    """Return the `wanted` leading directions of the states `before`, which have a successor; delays
    are ignored.
    """
    count, width = int(runs.offsets[-1]), min(wanted + max(10, wanted // 2), len(before))
    span = _span(runs, before, width)
    narrow, whole = span.astype(np.float32), span.sum(axis=0)
    workers = worker_count()
    image = np.empty((runs.width, width), np.float32)
    squares, products = np.zeros((workers, width, width)), np.zeros((workers, count, width))
    sizes = np.zeros((workers, 2))

    def take(worker: int, start: int, stop: int, block: NDArray[Any]) -> None:
        first = block[0].copy()
        changes = difference(block, first)
        part = image[start:stop]
        np.matmul(changes.T, narrow, out=part)
        part += np.outer(first, whole)
        squares[worker] += part.T @ part
        products[worker] += changes @ part
        products[worker] += first.astype(float) @ part
        moved = np.einsum("sp,sp->s", changes, changes)[before].sum(dtype=float)
        along = (changes @ first)[before].sum(dtype=float)
        sizes[worker] += moved, moved + 2 * along + len(before) * np.dot(first.astype(float), first)

    runs.share(take, workers)
    moved, total = (float(size) for size in sizes.sum(axis=0))
    turn = _orthonormalizing(squares.sum(axis=0))
    coordinates = turn.T @ products.sum(axis=0).T
    inner, values, _ = np.linalg.svd(coordinates[:, before], full_matrices=False)
    values = values[values > 10 * EPS * np.sqrt(moved)]  # the others are rounding errors
    inner = inner[:, : min(wanted, len(values))]
    return Sketch(values, inner.T @ coordinates, image @ (turn @ inner).astype(np.float32), total, moved)


def _span(runs: Runs, before: NDArray[np.intp], width: int) -> Array:
    """Return an orthonormal basis of `width` random combinations of all parameters, (state, width),
    zero outside `before`.
    """
    count, workers = int(runs.offsets[-1]), worker_count()
    sketches = np.zeros((workers, count, width))

    def mix(worker: int, start: int, stop: int, block: NDArray[Any]) -> None:
        first = block[0].copy()
        changes = difference(block, first)
        random = np.random.Generator(np.random.SFC64([0, start])).standard_normal((stop - start, width), np.float32)
        sketches[worker] += changes @ random
        sketches[worker] += first.astype(float) @ random

    runs.share(mix, workers)
    span = np.zeros((count, width))
    span[before] = np.linalg.svd(sketches.sum(axis=0)[before], full_matrices=False)[0]
    return span


def _orthonormalizing(square: Array) -> Array:
    """Return the matrix (width, k) that orthonormalizes columns with the Gram matrix `square`.

    The columns are nearly orthogonal, but of very different norms; scaling preserves the digits of
    the short ones.
    """
    lengths = np.sqrt(np.diag(square))
    lengths[lengths == 0] = 1
    sizes, turn = np.linalg.eigh(square / np.outer(lengths, lengths))
    held = sizes > 10 * EPS
    return turn[:, held] / np.sqrt(sizes[held]) / lengths[:, None]


def difference(
    states: NDArray[Any], first: NDArray[Any], out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return all states minus the first, float32 (state, parameter), subtracted in their own
    precision; written to `out`, if given.
    """
    digits = np.result_type(states.dtype, np.float32)
    if out is not None:
        return np.subtract(states, first, out=out, dtype=digits, casting="same_kind")
    return np.subtract(states, first, dtype=digits).astype(np.float32, copy=False)
