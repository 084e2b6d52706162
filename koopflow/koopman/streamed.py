"""Singular directions without Gram matrices: blockwise QR, and subspace iteration on the states."""

import numpy as np

from koopflow.koopman.delay import BLOCK_NUMBERS, combine, project, windows
from koopflow.koopman.runs import Array, Runs

EPS = float(np.finfo(float).eps)


def time_triangle(runs: Runs) -> Array:
    """Return the delayed states in reduced coordinates, at most as many as states; float64
    (coordinate, windows).

    The states (parameter, step) are reduced by the R factor of a QR, one block of parameters at a
    time, and delayed afterwards.
    """
    triangle = np.empty((0, int(runs.offsets[-1])))
    for _, _, block in runs.blocks():
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block.T.astype(float)]), mode="r"))
    rows = [triangle[:, start : start + length].T for start, length in zip(runs.offsets, runs.lengths)]
    return np.concatenate([windows(row, runs.delays) for row in rows]).T


def feature_triangle(runs: Runs) -> Array:
    """Return the R factor of a blockwise QR of the delayed states with a successor (pair,
    dimension).
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
    """Refine leading left singular vectors by subspace iteration, orthonormalizing on both sides.

    Parameters
    ----------
    runs : Runs
    basis : float64 (dimension, k)
        Initial vectors; k > `rank` converges faster.
    rank : int
        Number of directions that must converge.
    sweeps : int
        Maximum number of iterations.
    tolerance : float
        Largest allowed squared sine of the angle between the kept directions of two successive
        sweeps.

    Returns
    -------
    basis : float64 (dimension, k)
    values : float64 (k,)
        Singular values, in descending order.
    """
    before: Array | None = None
    values = np.empty(0)
    places = np.cumsum([windows - 1 for windows in runs.windows])[:-1]
    for _ in range(sweeps):
        coordinates = [project(runs.run(index), basis, runs.delays)[:-1] for index in range(len(runs.lengths))]
        right, values, inner = np.linalg.svd(np.concatenate(coordinates), full_matrices=False)
        basis = basis @ inner.T  # Ritz vectors, now in order of their singular values
        kept = basis[:, :rank]
        if before is not None:
            # the component outside the previous space, per direction: 1 - cos^2 would lose small
            # angles
            outside = np.linalg.norm(kept - before @ (before.T @ kept), axis=0)
            if outside.max() < max(np.sqrt(tolerance), 50 * EPS * values[0] / values[rank - 1]) * 0.03:
                break
        before = kept
        parts = np.split(right, places)
        image = sum(combine(runs.run(index), part, runs.delays) for index, part in enumerate(parts))
        basis = np.linalg.qr(image)[0]
    return basis, values
