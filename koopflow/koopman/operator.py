"""The operator fitted to pairs of reduced states: least squares, total least squares, or
forward-backward DMD.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eig

from koopflow.core.errors import KoopflowError
from koopflow.koopman.runs import Array, ComplexArray

PARALLEL = 1e-11
"""Eigenvectors are parallel where singular values of their matrix fall below this share of the largest."""
MANY_PAIRS = 20_000
"""Pairs from which least squares is solved through products of states, if these are nearly orthogonal."""
VARIANTS = ("standard", "total_least_squares", "forward_backward")


def operator(before: Array, after: Array, variant: str = "standard") -> Array:
    """Return A with after ≈ A before.

    Parameters
    ----------
    before, after : float64 (r, pairs)
        States and their successors, one pair per column.
    variant : {"standard", "total_least_squares", "forward_backward"}
        Least squares (Schmid, J. Fluid Mech. 656, 2010), for noise in the steps. Total least squares,
        for noise in the recorded states and so in both members of a pair (Hemati et al., Theor.
        Comput. Fluid Dyn. 31, 2017; Dawson et al., Exp. Fluids 57, 2016, sec. 2.4). The square root
        of A_forward A_backward^-1, each eigenvalue's sign as in A_forward (Dawson et al., sec. 2.3),
        for the same noise.

    Returns
    -------
    float64 (r, r)

    Raises
    ------
    KoopflowError
        For another variant.
    """
    if variant == "standard":
        if before.shape[1] >= MANY_PAIRS:
            square = before @ before.T
            scale = np.sqrt(np.diag(square))
            scale[scale == 0] = 1
            square = square / np.outer(scale, scale)
            if np.linalg.eigvalsh(square)[0] > 0.5:  # nearly orthonormal rows: products lose no digit
                return np.linalg.solve(square, (before @ after.T) / scale[:, None]).T / scale
        scale = np.linalg.norm(before, axis=1)
        scale[scale == 0] = 1
        solution, *_ = np.linalg.lstsq((before / scale[:, None]).T, after.T, rcond=None)
        return (solution / scale[:, None]).T
    if variant == "total_least_squares":
        rank = len(before)
        left = np.linalg.svd(np.concatenate([before, after]), full_matrices=False)[0]
        return left[rank:, :rank] @ np.linalg.inv(left[:rank, :rank])
    if variant == "forward_backward":
        forward, backward = operator(before, after), operator(after, before)
        squares, vectors = np.linalg.eig(forward @ np.linalg.inv(backward))
        roots = np.sqrt(squares.astype(complex))
        inverse = np.linalg.inv(vectors)
        near = np.diag(inverse @ forward @ vectors)
        roots = np.where(np.abs(roots - near) <= np.abs(roots + near), roots, -roots)
        return np.real((vectors * roots) @ inverse)
    raise KoopflowError(f"variant must be one of {', '.join(VARIANTS)} to fit pairs of states (got {variant!r})")


def eigenpairs(matrix: Array | ComplexArray) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Return the eigenvalues of `matrix` (r, r) by decreasing modulus, with right and left
    eigenvectors.

    Right eigenvectors are columns of norm 1; left eigenvectors are rows, with left @ right = 1. The
    left and right eigenvectors of a defective eigenvalue are orthogonal; there, left ones have norm
    1.
    """
    values, left, right = eig(matrix, left=True, right=True)
    order = np.lexsort((-values.imag, -values.real, -np.round(np.abs(values), 10)))
    values, left, right = values[order], left[:, order], right[:, order]
    overlap = np.sum(left.conj() * right, axis=0)
    overlap[np.abs(overlap) < np.finfo(float).eps] = 1
    return values, right, left.conj().T / overlap[:, None]


def mode_weights(right: ComplexArray, coordinates: NDArray[Any]) -> ComplexArray:
    """Return the weights, complex (r, k), with which the columns of `right` (r, r) come closest to
    `coordinates` (r, k), by least squares; nearly parallel columns share their weight.
    """
    return np.asarray(np.linalg.lstsq(right, coordinates.astype(complex), rcond=PARALLEL)[0])


def residuals(values: ComplexArray, left: ComplexArray, before: Array, after: Array) -> Array:
    """Return |g(after) - λ g(before)| / |g(before)| over all pairs for each eigenfunction g, a row
    of `left`; float64 (r,).

    This is the residual of ResDMD (Colbrook and Townsend, Commun. Pure Appl. Math. 77, 2024, eq.
    3.5). An eigenpair with a large residual is spurious, however precisely it is computed.
    """
    scaled = values[:, None] * left
    both = np.concatenate([left.real, left.imag]), np.concatenate([scaled.real, scaled.imag])
    now, error = np.zeros((2, len(both[0])))
    for start in range(0, before.shape[1], MANY_PAIRS):  # in parts that stay in the processor's cache
        part = slice(start, start + MANY_PAIRS)
        values_now = both[0] @ before[:, part]
        missed = both[0] @ after[:, part] - both[1] @ before[:, part]
        now += np.einsum("ij,ij->i", values_now, values_now)
        error += np.einsum("ij,ij->i", missed, missed)
    now, error = now.reshape(2, -1).sum(axis=0), error.reshape(2, -1).sum(axis=0)
    return np.asarray(np.sqrt(error) / np.maximum(np.sqrt(now), 1e-150))
