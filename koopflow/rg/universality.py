"""Universality: distances between exponents, relative transfer of tickets, and Mantel's test of
their correlation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import jackknife
from koopflow.rg.groups import Array

Order = NDArray[np.int64]


@dataclass(frozen=True)
class Mantel:
    """A rank correlation between two matrices.

    Attributes
    ----------
    correlation, ci_low, ci_high : float
        Spearman's rank correlation, with its interval.
    p : float
        Share of relabellings at least as extreme as the data.
    items, relabellings : int
        Number of rows, and number of relabellings tried.
    """

    correlation: float
    ci_low: float
    ci_high: float
    p: float
    items: int
    relabellings: int


def exponent_distance(exponents: Array) -> Array:
    """Return the root mean square difference between the exponents of all pairs of tasks.

    Parameters
    ----------
    exponents : float64 (task, group)
        A group without an exponent (NaN) in either task is left out for that pair.

    Returns
    -------
    float64 (task, task)
        Symmetric, zero on the diagonal; NaN for a pair that shares no group.
    """
    difference = exponents[:, None, :] - exponents[None, :, :]
    known = np.isfinite(difference)
    counts = known.sum(axis=-1)
    squares = np.where(known, difference, 0.0) ** 2
    return np.sqrt(np.divide(squares.sum(axis=-1), counts, out=np.full(counts.shape, np.nan), where=counts > 0))


def relative_transfer(accuracy: Array, own: Array, random: Array, resolution: float = 0.005) -> Array:
    """Return the place of a foreign ticket between the random control (0) and the target's own
    ticket (1), from means over seeds.

    Parameters
    ----------
    accuracy : float64 (..., seed)
        Accuracy of the foreign ticket on the target.
    own, random : float64 (..., seed)
        Accuracy of the target's own ticket and of the random control, at equal density.
    resolution : float
        The result is NaN if `own` exceeds `random` by less than this, in means over seeds.

    Returns
    -------
    float64 (...)
    """
    gap = own.mean(axis=-1) - random.mean(axis=-1)
    gain = accuracy.mean(axis=-1) - random.mean(axis=-1)
    return np.divide(gain, gap, out=np.full(np.shape(gain), np.nan), where=gap >= resolution)


def mantel(a: Array, b: Array, relabellings: int = 9999, confidence: float = 0.95, seed: int = 0) -> Mantel:
    """Return the rank correlation of two matrices over the same items, tested by relabelling items
    (Mantel 1967).

    The off-diagonal entries are ranked over all ordered pairs, so the matrices may be asymmetric.
    Under the null hypothesis, the items of one matrix are exchangeable, rows and columns together.
    All relabellings are tried when there are at most `relabellings`; otherwise that many are drawn.
    The interval is Student's for Fisher's z over jackknifed items.

    Parameters
    ----------
    a, b : float64 (item, item)
        At least 4 items; pairs that are NaN in either are left out.
    relabellings : int
        Maximum number of relabellings.
    confidence : float
        Confidence level of the interval.
    seed : int
        Seed of random relabellings.

    Raises
    ------
    KoopflowError
        For matrices that are not square and equal in size, or fewer than 4 items.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    items = len(a)
    if a.shape != (items, items) or b.shape != a.shape:
        raise KoopflowError(f"matrices must be square and of equal size (got {a.shape} and {b.shape})")
    if items < 4:
        raise KoopflowError(f"matrices must have at least 4 items (got {items})")
    correlation = rank_correlation(a, b)
    relabelled = _relabelling(a, b)
    extreme = total = 0
    for order in _orders(items, relabellings, seed):
        total += 1
        # The slack counts the identity as at least as extreme as itself despite rounding.
        extreme += abs(relabelled(order)) >= abs(correlation) - 1e-12
    drawn = total < factorial(items)
    p = (extreme + drawn) / (total + drawn)
    low, high = _jackknife(a, b, correlation, confidence)
    return Mantel(correlation, low, high, float(p) if np.isfinite(correlation) else np.nan, items, total)


def rank_correlation(a: Array, b: Array) -> float:
    """Return Spearman's correlation over the off-diagonal entries present in both matrices; NaN if
    one is constant.
    """
    off = ~np.eye(len(a), dtype=bool) & np.isfinite(a) & np.isfinite(b)
    if off.sum() < 3 or np.ptp(a[off]) == 0 or np.ptp(b[off]) == 0:
        return float("nan")
    return float(np.corrcoef(_ranks(a[off]), _ranks(b[off]))[0, 1])


def _ranks(values: Array) -> Array:
    """Return the ranks of a vector; equal values share their mean rank."""
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def _relabelling(a: Array, b: Array) -> Callable[[Order], float]:
    """Return the rank correlation as a function of the first matrix's relabelling; complete
    matrices are ranked once.
    """
    off = ~np.eye(len(a), dtype=bool)
    if not (np.isfinite(a[off]).all() and np.isfinite(b[off]).all()):
        return lambda order: rank_correlation(a[np.ix_(order, order)], b)
    ranked = np.zeros((2, *a.shape))
    for ranks, values in zip(ranked, (a, b)):
        ranks[off] = _ranks(values[off]) - (off.sum() + 1) / 2
        ranks /= np.linalg.norm(ranks) or 1.0
    return lambda order: float((ranked[0][np.ix_(order, order)] * ranked[1]).sum())


def _orders(items: int, relabellings: int, seed: int) -> Iterator[Order]:
    """Yield all permutations of the items, or `relabellings` random ones if there are more."""
    if factorial(items) <= relabellings:
        yield from (np.array(order) for order in permutations(range(items)))
    else:
        generator = np.random.default_rng(seed)
        yield from (generator.permutation(items) for _ in range(relabellings))


def _jackknife(a: Array, b: Array, correlation: float, confidence: float) -> tuple[float, float]:
    """Return the interval of the rank correlation, jackknifed over items on Fisher's z scale."""
    items = len(a)
    left_out = np.array(
        [
            rank_correlation(np.delete(np.delete(a, i, 0), i, 1), np.delete(np.delete(b, i, 0), i, 1))
            for i in range(items)
        ]
    )
    if not (np.isfinite(left_out).all() and np.isfinite(correlation)):
        return float("nan"), float("nan")
    z = np.arctanh(np.clip(np.append(left_out, correlation), -0.999999, 0.999999))
    half = jackknife(z[:-1], confidence)
    return float(np.tanh(z[-1] - half)), float(np.tanh(z[-1] + half))
