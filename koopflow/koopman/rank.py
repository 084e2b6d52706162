"""How many singular directions to keep: `svd_rank` as in PyDMD."""

import numpy as np

from koopflow.core.errors import KoopflowError


class RankError(KoopflowError):
    """A rank above that of the data."""


def check_svd_rank(svd_rank) -> None:
    """Raise KoopflowError unless `svd_rank` is 0, -1, a whole number of at least 1, or a share between 0 and 1."""
    whole = float(svd_rank).is_integer()
    if not (whole and svd_rank >= -1) and not 0 < svd_rank < 1:
        raise KoopflowError(
            f"svd_rank: found {svd_rank}; accepted are 0 (optimal hard threshold), a share of energy between 0 and 1, a whole"
            " number, or -1 (all)"
        )


def numerical_rank(singular_values: np.ndarray, rows: int, columns: int, *, squared: bool = False) -> int:
    """Return how many singular values stand above rounding: s > max(rows, columns) * eps * s_1 (as `numpy.linalg.matrix_rank`).

    squared : bool
        They are roots of a Gram matrix's eigenvalues, in which it is the squares that must stand above rounding.
    """
    if not len(singular_values) or singular_values[0] == 0:
        return 0
    relative = singular_values / singular_values[0]
    return int(np.count_nonzero((relative**2 if squared else relative) > max(rows, columns) * np.finfo(float).eps))


def choose_rank(singular_values: np.ndarray, rows: int, columns: int, svd_rank, *, squared: bool = False) -> int:
    """Return the rank that `svd_rank` stands for, given all singular values in descending order.

    0: the optimal hard threshold for unknown noise of Gavish and Donoho (IEEE Trans. Inf. Theory 60, 2014, eq. 11), median(s) times
    omega = 0.56 b^3 - 0.95 b^2 + 1.82 b + 1.43 with b the matrix's aspect ratio; between 0 and 1: the fewest directions with that
    share of the sum of s^2; a whole number: itself; -1: all that stand above rounding. Never more than the numerical rank (of which
    `squared` is told).

    Raises RankError for a whole number above the numerical rank, KoopflowError for data that are all zero.
    """
    available = numerical_rank(singular_values, rows, columns)
    if not available:
        raise KoopflowError("the states are all zero: nothing can be fitted")
    if svd_rank >= 1:
        if svd_rank > available:
            raise RankError(f"svd_rank: found {int(svd_rank)}, but the data have rank {available}; accepted is at most that")
        return int(svd_rank)
    rank = available
    if svd_rank == 0:
        ratio = min(rows, columns) / max(rows, columns)
        omega = 0.56 * ratio**3 - 0.95 * ratio**2 + 1.82 * ratio + 1.43
        rank = max(1, int(np.count_nonzero(singular_values > omega * np.median(singular_values))))
    elif svd_rank > 0:
        energy = np.cumsum(singular_values**2)
        rank = int(np.searchsorted(energy / energy[-1], svd_rank)) + 1
    return min(rank, numerical_rank(singular_values, rows, columns, squared=squared))
