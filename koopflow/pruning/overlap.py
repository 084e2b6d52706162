"""How alike two pruned sets are, against what chance would give."""

import functools

import numpy as np
from scipy import stats

from koopflow.core.errors import KoopflowError


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Return |A and B| / |A or B| of two bool vectors (n,); 1 for two empty sets, which are equal."""
    union = int(np.count_nonzero(a | b))
    return 1.0 if union == 0 else int(np.count_nonzero(a & b)) / union


@functools.lru_cache(maxsize=4096)
def expected_jaccard(n: int, size_a: int, size_b: int) -> float:
    """Return the expected Jaccard index of two independent uniformly random subsets, of size_a and size_b members among n.

    The intersection I is hypergeometric; I / (size_a + size_b - I) is convex, so its value at the mean of I would be too low. The
    sum is exact to rounding (its terms further than 12 standard deviations out are left away).
    """
    if not (0 <= size_a <= n and 0 <= size_b <= n):
        raise KoopflowError(f"overlap: sets of {size_a} and {size_b} members among {n} things; accepted are sizes from 0 to {n}")
    if size_a + size_b == 0:
        return 1.0
    if n in (size_a, size_b) or 0 in (size_a, size_b):
        return min(size_a, size_b) / max(size_a, size_b)
    law = stats.hypergeom(n, size_a, size_b)
    low, high = max(0, size_a + size_b - n), min(size_a, size_b)
    mean, spread = law.mean(), 12 * law.std() + 12
    shared = np.arange(max(low, int(mean - spread)), min(high, int(mean + spread) + 1) + 1)
    chance = law.pmf(shared)
    return float(np.sum(chance * shared / (size_a + size_b - shared)) / np.sum(chance))


def beyond_chance(a: np.ndarray, b: np.ndarray) -> float:
    """Return (shared - expected) / (largest possible - expected): 0 at chance, 1 for sets as equal as their sizes allow.

    It is the same number for the pruned and for the kept weights, where the Jaccard index is not (at high compression two random
    pruned sets overlap almost wholly). NaN where nothing could differ.
    """
    n, size_a, size_b = a.size, int(np.count_nonzero(a)), int(np.count_nonzero(b))
    expected = size_a * size_b / n
    most = min(size_a, size_b) - expected
    return float("nan") if most == 0 else float((np.count_nonzero(a & b) - expected) / most)
