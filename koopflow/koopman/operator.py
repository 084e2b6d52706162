"""From pairs of states in few coordinates to the operator between them: least squares, total least squares, forward-backward."""

import numpy as np
from scipy.linalg import eig

from koopflow.core.errors import KoopflowError

VARIANTS = ("standard", "total_least_squares", "forward_backward")


def operator(before: np.ndarray, after: np.ndarray, variant: str = "standard") -> np.ndarray:
    """Return A, float64 (r, r), with after ~ A before; both (r, pairs).

    standard : least squares (Schmid, J. Fluid Mech. 656, 2010).
    total_least_squares : noise in both members of a pair (Hemati et al., Theor. Comput. Fluid Dyn. 31, 2017; Dawson et al.,
        Exp. Fluids 57, 2016, sec. 2.4).
    forward_backward : (A_forward A_backward^-1)^(1/2), each eigenvalue's sign as in A_forward (Dawson et al., sec. 2.3).
    """
    if variant == "standard":
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
    raise KoopflowError(
        f"variant: found {variant!r}, whose operator is not made of pairs alone; accepted are {', '.join(VARIANTS)}"
    )


def eigenpairs(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return eigenvalues by falling modulus, right eigenvectors (columns, norm 1) and left ones (rows, with left @ right = 1)."""
    values, left, right = eig(matrix, left=True, right=True)
    order = np.lexsort((-values.imag, -values.real, -np.round(np.abs(values), 10)))
    values, left, right = values[order], left[:, order], right[:, order]
    return values, right, left.conj().T / np.sum(left.conj() * right, axis=0)[:, None]


def residuals(values: np.ndarray, left: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return, for each eigenfunction g (a row of `left`), |g(after) - lambda g(before)| / |g(before)| over all pairs, (r,).

    The residual of ResDMD (Colbrook and Townsend, Commun. Pure Appl. Math. 77, 2024, eq. 3.5): an eigenpair that it gives a large
    number to is not one of the system's, however many digits it has.
    """
    now = left @ before
    return np.linalg.norm(left @ after - values[:, None] * now, axis=1) / np.maximum(np.linalg.norm(now, axis=1), 1e-300)
