"""Overlap of two masks, and its correction for chance.

Pruning compares two masks by the sets of weights that they *prune*; tickets compare the weights
that survive. The two Jaccard indices differ, so every table and caption names its sets. Chance
means two independent, uniformly random sets of the same sizes. Two different quantities correct for
it:

- the *adjusted Jaccard index*, (J - E J) / (1 - E J), which the claims use;
- the *agreement beyond chance*, (s - E s) / (max s - E s) where s is the number of weights in both
  sets; the columns ``beyond_chance`` and results derived from them use it. It is equal for the
  pruned and the kept weights.

Both are 0 at chance and 1 for equal sets.
"""

import functools
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError

Values = TypeVar("Values")


def jaccard(
    a: NDArray[np.bool_], b: NDArray[np.bool_], axis: int | tuple[int, ...] | None = None
) -> NDArray[np.float64]:
    """Return the Jaccard index |a and b| / |a or b| of two sets, given as bool arrays of equal
    shape.

    Parameters
    ----------
    a, b : bool array
    axis : int or tuple of int, optional
        The axes over which members are counted; all by default.

    Returns
    -------
    array
        1 for two empty sets, which are equal.
    """
    both, either = np.sum(a & b, axis=axis), np.sum(a | b, axis=axis)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


@functools.lru_cache(maxsize=4096)
def expected_jaccard(n: int, size_a: int, size_b: int) -> float:
    """Return the expected Jaccard index of two independent, uniformly random subsets of `n` items.

    The intersection I is hypergeometric. I / (size_a + size_b - I) is convex in I, so its value at
    the mean of I would be too low; the expectation is summed instead, to 12 standard deviations on
    either side.

    Raises
    ------
    KoopflowError
        For sizes outside 0 to `n`.
    """
    if not (0 <= size_a <= n and 0 <= size_b <= n):
        raise KoopflowError(f"overlap: set sizes must be between 0 and {n} (got {size_a} and {size_b})")
    if size_a + size_b == 0:
        return 1.0
    if n in (size_a, size_b) or 0 in (size_a, size_b):
        return min(size_a, size_b) / max(size_a, size_b)
    low, high = max(0, size_a + size_b - n), min(size_a, size_b)
    mean = size_a * size_b / n
    spread = 12 * (mean * (n - size_a) * (n - size_b) / (n * (n - 1.0))) ** 0.5 + 12
    shared = np.arange(max(low, int(mean - spread)), min(high, int(mean + spread) + 1) + 1)
    # Ratios of neighbouring probabilities; scipy.stats has them ready, but takes half a second to import.
    before = shared[:-1].astype(np.float64)
    ratios = (size_a - before) * (size_b - before) / ((before + 1) * (n - size_a - size_b + before + 1))
    logarithms = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    chance = np.exp(logarithms - logarithms.max())
    return float(np.sum(chance * shared / (size_a + size_b - shared)) / np.sum(chance))


def adjusted_jaccard(index: Values, expected: Values) -> Values:
    """Return (J - E J) / (1 - E J): 0 at chance, 1 for equal sets.

    Accepts numbers, arrays and pandas Series.
    """
    return (index - expected) / (1 - expected)  # type: ignore[operator]


def beyond_chance(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return (s - E s) / (max s - E s) of two sets, given as bool vectors (n,).

    s is the number of common members and max s that of the smaller set. The complements of the two
    sets have the same agreement. NaN if the sizes determine s.
    """
    n, size_a, size_b = a.size, int(np.count_nonzero(a)), int(np.count_nonzero(b))
    expected = size_a * size_b / n
    most = min(size_a, size_b) - expected
    return float("nan") if most == 0 else float((np.count_nonzero(a & b) - expected) / most)
