"""A few leading singular directions of many states by a random sketch of their parameters: two passes in single precision.

The first pass mixes all parameters into a few more random combinations than directions are asked for; what these do over time nearly
spans the leading right singular vectors (Halko, Martinsson and Tropp, SIAM Review 53, 2011). The second pass takes the states in that
span, which is half a power iteration more, and the products of all states with it. The product of all states with each other, which the
route `time` spends its time on, is never formed. As there, float32 holds what differs from the first state, where the digits are.
"""

from collections.abc import Iterator

import numpy as np

from koopflow.koopman.source import Runs


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
    count, width = int(runs.offsets[-1]), min(wanted + max(20, wanted // 2), len(before))
    generator = np.random.Generator(np.random.SFC64(0))
    sketch = np.zeros((count, width))
    for first, difference in _differences(runs):
        random = generator.standard_normal((len(first), width), np.float32)
        sketch += difference @ random
        sketch += first.astype(float) @ random
    span = np.zeros((count, width))
    span[before] = np.linalg.svd(sketch[before], full_matrices=False)[0]
    narrow, whole = span.astype(np.float32), span.sum(axis=0)

    image = np.empty((runs.width, width), np.float32)
    square, products = np.zeros((width, width)), np.zeros((count, width))
    total, moved, place = 0.0, 0.0, 0
    for first, difference in _differences(runs):
        part = image[place : place + len(first)]
        np.matmul(difference.T, narrow, out=part)
        part += np.outer(first, whole)
        square += part.T @ part
        products += difference @ part
        products += first.astype(float) @ part
        squares = np.einsum("sp,sp->s", difference, difference)[before].sum(dtype=float)
        moved += squares
        total += squares + 2 * (difference @ first)[before].sum(dtype=float) + len(before) * np.dot(first.astype(float), first)
        place += len(first)
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


def _differences(runs: Runs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the first state (parameter,) and what all states differ from it (state, parameter), float32, in narrow blocks.

    The differences are valid until the next: their memory is used again.
    """
    buffer = np.empty(0, np.float32)
    for _, _, block in runs.cached_blocks():
        if buffer.size < block.size:
            buffer = np.empty(block.size, np.float32)
        difference = buffer[: block.size].reshape(block.shape)
        digits = np.result_type(block.dtype, np.float32)
        yield block[0].copy(), np.subtract(block, block[0], out=difference, dtype=digits, casting="same_kind")
