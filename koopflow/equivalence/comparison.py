"""Do two sets of spectra come from the same dynamics? The excess distance with its interval, and a
permutation test.

Each set-up has one spectrum per seed. The excess is the typical distance between spectra of two
set-ups over the typical distance between seeds of one, minus 1; typical is the geometric mean over
all pairs of spectra. Its interval and a margin decide: nothing else does.

The permutation test is shown beside it. If two set-ups have the same dynamics, permuting their
labels leaves the distribution of the excess unchanged. A small p says that a difference exists, not
that it matters; a large p does not show equivalence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from koopflow.config.equivalence import FEWEST
from koopflow.core import intervals
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.spectrum import distances

EXHAUSTIVE = 20_000
"""Maximum number of relabellings to enumerate; above it, `DRAWS` random ones are tried."""
DRAWS = 9_999
ROUNDING = 1e-12
"""Distances below this are rounding; their logarithm is that of this number."""
COUNTED_TWICE = 0.22
"""Share of the variance between pairs that is taken off the jackknife's, which counts it twice.
Chosen by simulation: the interval covers in 95 ± 2 % from four to sixteen seeds, see
``benchmarks/calibration``.
"""

DIFFERENT, EQUIVALENT, INCONCLUSIVE = "different", "equivalent", "inconclusive"


@dataclass(frozen=True)
class Excess:
    """The excess distance and its interval, NaN for fewer than `FEWEST` seeds on a side."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The comparison of two set-ups.

    Attributes
    ----------
    between, within : float
        Geometric mean distance between spectra of the two set-ups, and between seeds of one set-up
        (geometric mean of both).
    p : float
        Share of relabellings, including the true one, whose excess is at least the true one.
    excess, low, high : float
        between / within - 1, with its interval over seeds; the interval is NaN for fewer than
        `FEWEST` seeds.
    seeds : int
        Number of spectra of the smaller set-up.
    """

    between: float
    within: float
    p: float
    excess: float
    low: float
    high: float
    seeds: int


def distance_matrix(spectra: Sequence[ComplexArray], wanted: NDArray[np.bool_] | None = None) -> Array:
    """Return the symmetric matrix of distances between spectra, float64 (spectrum, spectrum); NaN
    where `wanted` (spectrum, spectrum) is false.
    """
    count = len(spectra)
    known = np.ones((count, count), bool) if wanted is None else wanted
    matrix = np.where(known | np.eye(count, dtype=bool), 0.0, np.nan)
    for i, first in enumerate(spectra):
        others = (i + 1 + np.flatnonzero(known[i, i + 1 :])).tolist()
        matrix[i, others] = matrix[others, i] = distances(first, [spectra[j] for j in others])
    return matrix


def compare(matrix: Array, first: int, generator: np.random.Generator, level: float = 0.95) -> Comparison:
    """Return the comparison of two set-ups, from the distances between all their spectra.

    Parameters
    ----------
    matrix : float64 (first + second, first + second)
        Distances, with the spectra of the first set-up first.
    first : int
        Number of spectra of the first set-up; both set-ups need at least 2.
    generator : numpy Generator
        For random relabellings.
    level : float
        Level of the interval.
    """
    total = len(matrix)
    logs = logarithms(matrix)
    members = np.arange(total) < first
    between, within = _means(logs, members)
    inside = _relabellings(total, first, generator).astype(float)
    true = between - within
    reached = int(np.sum(_statistics(logs, inside, 1.0 - inside) >= true - 1e-12 * max(abs(true), 1e-300)))
    exhaustive = comb(total, first) <= EXHAUSTIVE
    p = reached / len(inside) if exhaustive else (reached + 1) / (len(inside) + 1)
    found = excess(matrix, [np.flatnonzero(members), np.flatnonzero(~members)], [(0, 1)], level)
    ends = found.value, found.low, found.high
    return Comparison(float(np.exp(between)), float(np.exp(within)), p, *ends, min(first, total - first))


def excess(
    matrix: Array, groups: Sequence[NDArray[np.intp]], pairs: Sequence[tuple[int, int]], level: float = 0.95
) -> Excess:
    """Return the excess distance of pairs of set-ups, averaged over the pairs, with its interval.

    The logarithm of 1 + excess is, for each pair, the mean log distance between the set-ups minus
    the mean of those within each: a U-statistic in the seeds. Its variance is the jackknife's over
    the seeds of each set-up (Arvesen, Ann. Math. Stat. 40, 1969), less a share of the part that
    belongs to pairs of seeds, which the jackknife counts twice (Efron and Stein, Ann. Stat. 9,
    1981). Student's quantile has Satterthwaite's degrees of freedom.

    Parameters
    ----------
    matrix : float64 (spectrum, spectrum)
        Distances between spectra.
    groups : sequence of int (seed,)
        Indices of each set-up's spectra; at least 2 each.
    pairs : sequence of (int, int)
        Pairs of groups. A group may be in several.
    level : float
        Level of the interval.

    Returns
    -------
    Excess
        The geometric mean over the pairs, minus 1.
    """
    logs, share = logarithms(matrix), 1 / len(pairs)
    weights = {group: 0.5 * share * sum(group in pair for pair in pairs) for group in sorted({*sum(pairs, ())})}
    blocks = [(share, g, h, logs[np.ix_(groups[g], groups[h])]) for g, h in pairs]
    inner = {g: _off_diagonal(logs[np.ix_(groups[g], groups[g])]) for g in weights}
    value = sum(weight * block.mean() for weight, _, _, block in blocks)
    value -= sum(weights[g] * np.nanmean(block) for g, block in inner.items())
    if min(len(groups[g]) for g in weights) < FEWEST:
        return Excess(float(np.expm1(value)), float("nan"), float("nan"))
    parts = np.array([_jackknife(g, blocks, weights[g], inner[g]) for g in weights])
    freedom = np.array([len(groups[g]) - 1 for g in weights])
    twice = sum(weight**2 * _interaction(block) / block.size for weight, _, _, block in blocks)
    twice += sum(weights[g] ** 2 * _inner_interaction(block) * 2 / _pairs(block) for g, block in inner.items())
    total = float(parts.sum())
    variance = max(total - COUNTED_TWICE * float(twice), total / 4)
    degrees = total**2 / float(np.sum(parts**2 / freedom)) if total > 0 else float(freedom.sum())
    half = float(intervals.half_width(np.sqrt(variance), degrees, level))
    return Excess(float(np.expm1(value)), float(np.expm1(value - half)), float(np.expm1(value + half)))


def verdict(low: float, high: float, margin: float) -> str:
    """Return "different" if the interval of the excess lies above `margin`, "equivalent" if below,
    and "inconclusive" otherwise or without an interval.
    """
    if low > margin:
        return DIFFERENT
    return EQUIVALENT if high < margin else INCONCLUSIVE


def adjusted(p: Array) -> Array:
    """Return p-values (n,) adjusted for their number by Holm's step-down method (Scand. J. Stat. 6,
    1979).
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    result = np.empty(len(p))
    result[order] = np.minimum(steps, 1.0)
    return result


def logarithms(matrix: Array) -> Array:
    """Return the logarithms of distances, those below `ROUNDING` counted as that."""
    return np.log(np.maximum(matrix, ROUNDING))


def _means(logs: Array, members: NDArray[np.bool_]) -> tuple[float, float]:
    between = logs[np.ix_(members, ~members)].mean()
    inside = [np.nanmean(_off_diagonal(logs[np.ix_(group, group)])) for group in (members, ~members)]
    return float(between), float(np.mean(inside))


def _off_diagonal(block: Array) -> Array:
    """Return a copy of a square matrix with NaN on its diagonal."""
    block = block.copy()
    np.fill_diagonal(block, np.nan)
    return block


def _pairs(block: Array) -> int:
    return len(block) * (len(block) - 1)


def _jackknife(group: int, blocks: Sequence[tuple[float, int, int, Array]], weight: float, inner: Array) -> float:
    """Return the jackknife variance of the statistic over the seeds of one group."""
    count = len(inner)
    sums = np.nansum(inner, axis=1)
    left_out = -weight * (sums.sum() - 2 * sums) / ((count - 1) * (count - 2))
    for share, g, h, block in blocks:
        if group in (g, h):
            own = block if group == g else block.T
            left_out = left_out + share * (own.sum() - own.sum(axis=1)) / ((count - 1) * own.shape[1])
    return float((count - 1) / count * np.sum((left_out - left_out.mean()) ** 2))


def _interaction(block: Array) -> float:
    """Return the variance of a block beyond the means of its rows and columns."""
    rest = block - block.mean(axis=0) - block.mean(axis=1, keepdims=True) + block.mean()
    return float(np.sum(rest**2) / ((block.shape[0] - 1) * (block.shape[1] - 1)))


def _inner_interaction(block: Array) -> float:
    """Return the variance of a symmetric block, NaN on its diagonal, beyond the effects of its
    members.
    """
    count = len(block)
    effects = (np.nanmean(block, axis=1) - np.nanmean(block)) * (count - 1) / (count - 2)
    rest = block - np.nanmean(block) - effects - effects[:, None]
    return float(np.nansum(rest**2) / (count * (count - 3)))


def _statistics(matrix: Array, inside: Array, outside: Array) -> Array:
    """Return mean between minus mean within for each row of labels, float64 (relabelling,)."""
    matrix = matrix.copy()
    np.fill_diagonal(matrix, 0.0)
    first, second = inside.sum(axis=1), outside.sum(axis=1)
    towards_inside = inside @ matrix
    between = (towards_inside * outside).sum(axis=1) / (first * second)
    within_first = (towards_inside * inside).sum(axis=1) / (first * (first - 1))
    within_second = ((outside @ matrix) * outside).sum(axis=1) / (second * (second - 1))
    return between - (within_first + within_second) / 2


def _relabellings(total: int, first: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    if comb(total, first) <= EXHAUSTIVE:
        chosen = np.array(list(combinations(range(total), first)))
    else:
        chosen = np.argsort(generator.random((DRAWS, total)), axis=1)[:, :first]
    labels = np.zeros((len(chosen), total), bool)
    np.put_along_axis(labels, chosen, True, axis=1)
    return labels
