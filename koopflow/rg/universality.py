"""Universality: are tickets of like exponents interchangeable? Distances of exponents, and the Mantel test against transfer."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from scipy import stats

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import jackknife


@dataclass(frozen=True)
class Mantel:
    """`correlation` with its interval, `p` (share of relabellings at least as extreme), `items`, number of relabellings."""

    correlation: float
    ci_low: float
    ci_high: float
    p: float
    items: int
    relabellings: int


def exponent_distance(exponents: np.ndarray) -> np.ndarray:
    """Return the root mean square difference between the exponent vectors of all pairs.

    Parameters
    ----------
    exponents : array (task, group)
        Groups without an exponent in any one of the tasks (NaN) are left out for that pair.

    Returns
    -------
    array (task, task)
        Symmetric, zero on the diagonal; NaN for a pair that shares no group.
    """
    difference = exponents[:, None, :] - exponents[None, :, :]
    known = np.isfinite(difference)
    counts = known.sum(axis=-1)
    squares = np.where(known, difference, 0.0) ** 2
    return np.sqrt(np.divide(squares.sum(axis=-1), counts, out=np.full(counts.shape, np.nan), where=counts > 0))


def relative_transfer(accuracy: np.ndarray, own: np.ndarray, random: np.ndarray, resolution: float = 0.005) -> np.ndarray:
    """Place a foreign ticket between the random control (0) and the target's own ticket (1), on means over seeds.

    Parameters
    ----------
    accuracy : array (..., seed)
        Of the foreign ticket on the target.
    own, random : array (..., seed)
        Of the target's own ticket and of the random control, at equal density.
    resolution : float
        Where own and random differ by less (in accuracy), there is nothing to place and the result is NaN.

    Returns
    -------
    array (...)
    """
    gap = own.mean(axis=-1) - random.mean(axis=-1)
    gain = accuracy.mean(axis=-1) - random.mean(axis=-1)
    return np.divide(gain, gap, out=np.full(np.shape(gain), np.nan), where=gap >= resolution)


def mantel(a: np.ndarray, b: np.ndarray, relabellings: int = 9999, confidence: float = 0.95, seed: int = 0) -> Mantel:
    """Correlate two matrices between the same items by rank, respecting that entries share items (Mantel 1967).

    Both matrices may be asymmetric; their off-diagonal entries are ranked over all ordered pairs. Under the null hypothesis
    the items of one matrix may be relabelled, rows and columns together; all relabellings are gone through when they are no
    more than `relabellings`, else that many are drawn. The interval is a Student interval of Fisher's z over the jackknife
    that leaves out one item at a time.

    Parameters
    ----------
    a, b : array (item, item)
        At least 4 items; pairs that are NaN in either are left out.
    relabellings : int
        Most relabellings to go through.
    confidence : float
        Of the interval.
    seed : int
        For drawn relabellings.

    Returns
    -------
    Mantel

    Raises
    ------
    KoopflowError
        For matrices that are not square and equal in size, or fewer than 4 items.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    items = len(a)
    if a.shape != (items, items) or b.shape != a.shape:
        raise KoopflowError(f"matrices of shape {a.shape} and {b.shape}: two square ones of equal size are accepted")
    if items < 4:
        raise KoopflowError(f"a rank correlation between matrices needs at least 4 items; found {items}")
    correlation = rank_correlation(a, b)
    relabelled = _relabelling(a, b)
    extreme = total = 0
    for order in _orders(items, relabellings, seed):
        total += 1
        # Ties in rounding must not make the identity look less extreme than itself.
        extreme += abs(relabelled(order)) >= abs(correlation) - 1e-12
    drawn = total < factorial(items)
    p = (extreme + drawn) / (total + drawn)
    low, high = _jackknife(a, b, correlation, confidence)
    return Mantel(correlation, low, high, float(p) if np.isfinite(correlation) else np.nan, items, total)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's correlation of two matrices over their off-diagonal entries that both have; NaN when one does not vary."""
    off = ~np.eye(len(a), dtype=bool) & np.isfinite(a) & np.isfinite(b)
    if off.sum() < 3 or np.ptp(a[off]) == 0 or np.ptp(b[off]) == 0:
        return float("nan")
    return float(np.corrcoef(stats.rankdata(a[off]), stats.rankdata(b[off]))[0, 1])


def _relabelling(a: np.ndarray, b: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the rank correlation as a function of the first matrix's relabelling; ranked once where every pair is known."""
    off = ~np.eye(len(a), dtype=bool)
    if not (np.isfinite(a[off]).all() and np.isfinite(b[off]).all()):
        return lambda order: rank_correlation(a[np.ix_(order, order)], b)
    ranked = np.zeros((2, *a.shape))
    for ranks, values in zip(ranked, (a, b)):
        ranks[off] = stats.rankdata(values[off]) - (off.sum() + 1) / 2
        ranks /= np.linalg.norm(ranks) or 1.0
    return lambda order: float((ranked[0][np.ix_(order, order)] * ranked[1]).sum())


def _orders(items: int, relabellings: int, seed: int):
    """Yield all orders of the items, or `relabellings` random ones where all would be more."""
    if factorial(items) <= relabellings:
        yield from (np.array(order) for order in permutations(range(items)))
    else:
        generator = np.random.default_rng(seed)
        yield from (generator.permutation(items) for _ in range(relabellings))


def _jackknife(a: np.ndarray, b: np.ndarray, correlation: float, confidence: float) -> tuple[float, float]:
    """Return the interval of the rank correlation over jackknifed items, on Fisher's scale."""
    items = len(a)
    left_out = np.array(
        [rank_correlation(np.delete(np.delete(a, i, 0), i, 1), np.delete(np.delete(b, i, 0), i, 1)) for i in range(items)]
    )
    if not (np.isfinite(left_out).all() and np.isfinite(correlation)):
        return float("nan"), float("nan")
    z = np.arctanh(np.clip(np.append(left_out, correlation), -0.999999, 0.999999))
    half = jackknife(z[:-1], confidence)
    return float(np.tanh(z[-1] - half)), float(np.tanh(z[-1] + half))
