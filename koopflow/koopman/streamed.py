"""Singular directions without products of states: QR of blocks, and subspace iteration on the
states themselves.
"""

import numpy as np

from koopflow.koopman.delay import BLOCK_NUMBERS, combine, project, windows
from koopflow.koopman.runs import Array, Runs

EPS = float(np.finfo(float).eps)


def time_triangle(runs: Runs) -> Array:
    """Return the delayed states in at most as many coordinates as there are states, float64
    (coordinate, windows).

    The triangle of a QR of the states (parameter, step), a block of parameters at a time; then the
    delays.
    """
    triangle = np.empty((0, int(runs.offsets[-1])))
    for _, _, block in runs.blocks():
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block.T.astype(float)]), mode="r"))
    rows = [triangle[:, start : start + length].T for start, length in zip(runs.offsets, runs.lengths)]
    return np.concatenate([windows(row, runs.delays) for row in rows]).T


def feature_triangle(runs: Runs) -> Array:
    """Return the triangle of a QR of the delayed states that have a successor (pair, dimension), a
    block at a time.
    """
    triangle = np.empty((0, runs.dimension))
    step = max(runs.dimension, BLOCK_NUMBERS // runs.dimension)
    for index, count in enumerate(runs.windows):
        states = runs.run(index)
        for start in range(0, count - 1, step):
            block = windows(states[start : min(start + step, count - 1) + runs.delays], runs.delays)
            triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block]), mode="r"))
    return triangle


def refined(runs: Runs, basis: Array, rank: int, sweeps: int = 60, tolerance: float = 1e-13) -> tuple[Array, Array]:
    """Improve leading left singular vectors by subspace iteration, orthonormalizing on both sides.

    Parameters
    ----------
    runs : Runs
    basis : float64 (dimension, k)
        Start; k > `rank` converges faster.
    rank : int
        How many directions must converge.
    sweeps : int
        At most.
    tolerance : float
        Greatest squared sine of the angle between the kept directions of two sweeps.

    Returns
    -------
    basis : float64 (dimension, k)
    values : float64 (k,)
        Singular values, falling.
    """
    before: Array | None = None
    values = np.empty(0)
    places = np.cumsum([windows - 1 for windows in runs.windows])[:-1]
    for _ in range(sweeps):
        coordinates = [project(runs.run(index), basis, runs.delays)[:-1] for index in range(len(runs.lengths))]
        right, values, inner = np.linalg.svd(np.concatenate(coordinates), full_matrices=False)
        basis = basis @ inner.T  # Ritz vectors: their order and singular values are now right
        kept = basis[:, :rank]
        if before is not None:
            # what sticks out of the previous space, direction by direction: 1 - cos^2 would lose
            # the small angles
            outside = np.linalg.norm(kept - before @ (before.T @ kept), axis=0)
            if outside.max() < max(np.sqrt(tolerance), 50 * EPS * values[0] / values[rank - 1]) * 0.03:
                break
        before = kept
        parts = np.split(right, places)
        image = sum(combine(runs.run(index), part, runs.delays) for index, part in enumerate(parts))
        basis = np.linalg.qr(image)[0]
    return basis, values
