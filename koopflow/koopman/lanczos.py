"""A few leading eigenvectors of a symmetric matrix by block Lanczos with full orthogonalization (Golub and Underwood 1977).

Blocks keep the processor busy where a one-vector Lanczos waits for memory. The start is fixed, so that the same matrix gives the same
bytes. One thread: these products are so narrow that threads spend more time waiting for each other than they save (measured).
"""

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import dgemm
from threadpoolctl import threadpool_limits

DEPTH = 16  # blocks before a restart from the best vectors so far
FIRST_CHECK = 5
EPS = np.finfo(float).eps


@threadpool_limits.wrap(limits=1, user_api="blas")
def leading(matrix: np.ndarray, wanted: int, restarts: int = 8, tolerance: float = 1e-9) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading eigenvalues, falling, and orthonormal vectors (n, k) of `matrix` (n, n), symmetric; k > `wanted`.

    Ends when the first `wanted` vectors are out of their invariant subspace by at most `tolerance` (a residual against the gap that
    follows them, not below rounding), the vectors after these being a by-product.
    """
    size = len(matrix)
    count = min(wanted + max(6, wanted // 2), size)
    if size < count * FIRST_CHECK:
        values, vectors = (part[..., ::-1] for part in np.linalg.eigh(matrix))
        return values[:count], vectors[:, :count]
    depth = min(DEPTH, size // count)
    block = np.linalg.qr(np.random.Generator(np.random.PCG64(0)).standard_normal((size, count)))[0]
    for _ in range(restarts):
        space, small = np.empty((size, count * depth), order="F"), np.zeros((count * depth, count * depth))
        for blocks in range(1, depth + 1):
            have = blocks * count
            space[:, have - count : have] = block
            image = dgemm(1.0, matrix.T, space[:, have - count : have])
            products = space[:, :have].T @ image
            small[:have, have - count : have], small[have - count : have, :have] = products, products.T
            image -= space[:, :have] @ products  # what leaves the space so far: the residuals, and the next block
            if blocks >= FIRST_CHECK:
                values, vectors = (part[..., ::-1] for part in np.linalg.eigh(small[:have, :have]))
                outside = np.linalg.norm(image @ vectors[-count:, :wanted], axis=0).max()
                gap = values[wanted - 1] - values[wanted] if have > wanted else values[wanted - 1]
                done = outside <= max(tolerance * gap, EPS * values[0])
                if done:
                    break
            if blocks < depth:
                block = _orthonormal(image, space[:, :have])
        block = space[:, :have] @ vectors[:, :count]
        if done:
            break
    return values[:count], block


def _orthonormal(vectors: np.ndarray, against: np.ndarray) -> np.ndarray:
    """Return `vectors` made orthonormal to `against` and to each other: twice is enough, by products where they suffice."""
    for again in (False, True):
        if again:
            vectors = vectors - against @ (against.T @ vectors)
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=0), 1e-300)
        try:
            triangle = np.linalg.cholesky(vectors.T @ vectors)
            if triangle.diagonal().min() < 1e-6:
                raise np.linalg.LinAlgError
            vectors = solve_triangular(triangle, vectors.T, lower=True).T
        except np.linalg.LinAlgError:
            vectors = np.linalg.qr(vectors)[0]
    return vectors
