"""The number of singular directions to keep: `svd_rank` as in PyDMD."""

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError, UnfitError


class RankError(UnfitError):
    """A rank above that of the data."""


def check_svd_rank(svd_rank: float) -> None:
    """Raise a KoopflowError unless `svd_rank` is 0, -1, a whole number of at least 1, or a share
    between 0 and 1.
    """
    number = isinstance(svd_rank, int | float | np.integer | np.floating) and not isinstance(svd_rank, bool)
    if not number or not ((float(svd_rank).is_integer() and svd_rank >= -1) or 0 < svd_rank < 1):
        raise KoopflowError(
            "svd_rank must be 0 (optimal hard threshold), a share of energy strictly between 0 and 1, a "
            "positive integer, or "
            f"-1 (all) (got {svd_rank!r})"
        )


def refuse_rank(svd_rank: float, available: int) -> None:
    """Raise a RankError when the whole number `svd_rank` exceeds the `available` rank of the
    data."""
    if svd_rank > available:
        raise RankError(f"svd_rank must be at most {available}, the rank of the data (got {int(svd_rank)})")


def numerical_rank(singular_values: NDArray[np.float64], rows: int, columns: int, *, squared: bool = False) -> int:
    """Return the number of singular values above rounding error: s > max(rows, columns) * eps *
    s_1.

    `numpy.linalg.matrix_rank` uses the same rule.

    Parameters
    ----------
    singular_values : float64 (n,)
        In descending order.
    rows, columns : int
        Shape of the matrix they come from.
    squared : bool
        Whether the singular values are square roots of a Gram matrix's eigenvalues, so that their
        squares must exceed rounding error.
    """
    if not len(singular_values) or singular_values[0] == 0:
        return 0
    relative = singular_values / singular_values[0]
    return int(np.count_nonzero((relative**2 if squared else relative) > max(rows, columns) * np.finfo(float).eps))


def choose_rank(
    singular_values: NDArray[np.float64], rows: int, columns: int, svd_rank: float, *, squared: bool = False
) -> int:
    """Return the rank that `svd_rank` selects, at most the numerical rank.

    Parameters
    ----------
    singular_values : float64 (n,)
        All of them, in descending order.
    rows, columns : int
        Shape of the matrix they come from.
    svd_rank : int or float
        0: the optimal hard threshold for unknown noise (Gavish and Donoho, IEEE Trans. Inf. Theory
        60, 2014, eq. 11), median(s) * (0.56 b^3 - 0.95 b^2 + 1.82 b + 1.43) with b the matrix's
        aspect ratio. Between 0 and 1: the fewest directions that hold this share of the sum of s^2.
        A positive integer: itself. -1: the numerical rank.
    squared : bool
        As in `numerical_rank`.

    Raises
    ------
    RankError
        For an integer above the numerical rank.
    KoopflowError
        For data that are all zero.
    """
    available = numerical_rank(singular_values, rows, columns)
    if not available:
        raise UnfitError("states must not be all zero")
    if svd_rank >= 1:
        refuse_rank(svd_rank, available)
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
