"""A few leading eigenvectors of a symmetric matrix, by ARPACK's implicitly restarted Lanczos
method.
"""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, eigsh
from threadpoolctl import threadpool_limits

from koopflow.koopman.runs import Array

RESTARTS = 300
"""Spectra without a gap may need more; dense decomposition is faster then."""
DENSE = 5
"""Matrices smaller than this many times the vectors wanted are decomposed densely."""


@threadpool_limits.wrap(limits=1, user_api="blas")  # products with one vector are limited by memory, not by processors
def leading(matrix: Array, wanted: int) -> tuple[Array, Array]:
    """Return the leading eigenpairs of a symmetric matrix.

    The starting vector is fixed, so the same matrix gives the same bytes.

    Parameters
    ----------
    matrix : float64 (n, n)
    wanted : int
        How many; one more is returned where there is one, since the gap behind the wanted ones
        matters.

    Returns
    -------
    values : float64 (k,)
        Falling.
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
        except ArpackError:  # no convergence, or a matrix of zeros
            pass
    values, vectors = eigh(matrix, subset_by_index=[size - count, size - 1])
    return values[::-1], vectors[:, ::-1]
