"""A few leading eigenvectors of a symmetric matrix, by ARPACK's implicitly restarted Lanczos
method.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, eigsh
from threadpoolctl import threadpool_limits

from koopflow.koopman.runs import Array

RESTARTS = 300
"""Spectra without a gap may need more restarts; a dense decomposition is then faster."""
DENSE = 5
"""Matrices smaller than this multiple of the wanted eigenvectors are decomposed densely."""


@threadpool_limits.wrap(limits=1, user_api="blas")  # products with one vector are limited by memory, not by processors
def leading(matrix: Array, wanted: int) -> tuple[Array, Array]:
    """Return the leading eigenpairs of a symmetric matrix.

    The starting vector is fixed, so equal matrices give bit-identical results.

    Parameters
    ----------
    matrix : float64 (n, n)
    wanted : int
        Number of eigenpairs. One more is returned if it exists, to show the gap after the last
        wanted one.

    Returns
    -------
    values : float64 (k,)
        In descending order.
    vectors : float64 (n, k)
        Orthonormal columns.
    """
    size = len(matrix)
    count = min(wanted + 1, size)
    if size >= DENSE * count:
        start = np.random.Generator(np.random.PCG64(0)).standard_normal(size)
        try:
            values, vectors = eigsh(matrix, count, v0=start, maxiter=RESTARTS)
            order = np.argsort(-values, kind="stable")
            return values[order], vectors[:, order]
        except ArpackError:  # no convergence, or an all-zero matrix
            pass
    values, vectors = eigh(matrix, subset_by_index=[size - count, size - 1])
    return values[::-1], vectors[:, ::-1]
