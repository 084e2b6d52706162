"""A few leading singular directions of many states by a random sketch of their parameters: two passes in single precision.

The first pass mixes all parameters into a few more random combinations than directions are asked for; what these do over time nearly
spans the leading right singular vectors (Halko, Martinsson and Tropp, SIAM Review 53, 2011). The second pass takes the states in that
span, which is half a power iteration more, and the products of all states with it. The product of all states with each other, which the
route `time` spends its time on, is never formed. As there, float32 holds what differs from the first state, where the digits are.
"""

import numpy as np

from koopflow.koopman.runs import Runs, worker_count


def sketched(runs: Runs, wanted: int, before: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """Return the leading directions of the states `before`, which have a successor; delays are not looked at.

    Returns
    -------
    values : float64 (k,)
        Singular values, falling, k > wanted; those after `wanted` tell how fast they fall, and are rough themselves.
    states : float64 (wanted, state)
        All states in the coordinates of the directions.
    basis : float32 (parameter, wanted)
        The directions, orthonormal to about 1e-6.
    total, moved : float
        The sums of squares of the states `before`, and of what differs from the first state in them.
    """
    count, width = int(runs.offsets[-1]), min(wanted + max(10, wanted // 2), len(before))
    workers = worker_count()
    sketches = np.zeros((workers, count, width))

    def mix(worker, start, stop, block):
        first, difference = _difference(block)
        random = np.random.Generator(np.random.SFC64([0, start])).standard_normal((stop - start, width), np.float32)
        sketches[worker] += difference @ random
        sketches[worker] += first.astype(float) @ random

    runs.share(mix, workers)
    span = np.zeros((count, width))
    span[before] = np.linalg.svd(sketches.sum(axis=0)[before], full_matrices=False)[0]
    narrow, whole = span.astype(np.float32), span.sum(axis=0)

    image = np.empty((runs.width, width), np.float32)
    squares, products, sizes = np.zeros((workers, width, width)), np.zeros((workers, count, width)), np.zeros((workers, 2))

    def take(worker, start, stop, block):
        first, difference = _difference(block)
        part = image[start:stop]
        np.matmul(difference.T, narrow, out=part)
        part += np.outer(first, whole)
        squares[worker] += part.T @ part
        products[worker] += difference @ part
        products[worker] += first.astype(float) @ part
        moved = np.einsum("sp,sp->s", difference, difference)[before].sum(dtype=float)
        along = (difference @ first)[before].sum(dtype=float)
        sizes[worker] += moved, moved + 2 * along + len(before) * np.dot(first.astype(float), first)

    runs.share(take, workers)
    square, products, (moved, total) = squares.sum(axis=0), products.sum(axis=0), sizes.sum(axis=0)
    # The columns of `image` are nearly orthogonal, of very different lengths: scaled, no digit of the short ones is lost.
    lengths = np.sqrt(np.diag(square))
    lengths[lengths == 0] = 1
    sizes, turn = np.linalg.eigh(square / np.outer(lengths, lengths))
    held = sizes > 10 * np.finfo(np.float32).eps
    turn = turn[:, held] / np.sqrt(sizes[held]) / lengths[:, None]
    coordinates = turn.T @ products.T
    inner, values, _ = np.linalg.svd(coordinates[:, before], full_matrices=False)
    values = values[values > 10 * np.finfo(np.float32).eps * np.sqrt(moved)]  # the others are rounding
    inner = inner[:, : min(wanted, len(values))]
    return values, inner.T @ coordinates, image @ (turn @ inner).astype(np.float32), total, moved


def _difference(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first state (parameter,) and what all states differ from it (state, parameter), float32."""
    digits = np.result_type(block.dtype, np.float32)
    return block[0].copy(), np.subtract(block, block[0], dtype=digits).astype(np.float32, copy=False)
