"""Test whether two sets of spectra come from the same dynamics: a permutation test over seeds, and
an interval of the excess distance.

Each set-up has one spectrum per seed. If two set-ups follow the same dynamics, permuting their
labels leaves the distribution of the statistic (mean distance between minus mean distance within)
unchanged. A large p does not show equivalence; an interval of the excess distance that stays below
a margin does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from koopflow.config.setups import FEWEST
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.spectrum import distance

EXHAUSTIVE = 20_000
"""Maximum number of relabellings to enumerate; above it, `DRAWS` random ones are tried."""
DRAWS = 9_999
RESAMPLES = 2_000


@dataclass(frozen=True)
class Comparison:
    """The comparison of two set-ups.

    Attributes
    ----------
    between, within : float
        Mean distance between spectra of the two set-ups, and between seeds within a set-up (mean of
        both).
    p : float
        Share of relabellings, including the true one, whose statistic is at least the true one.
    excess, low, high : float
        between / within - 1, with its 95 % bootstrap interval over seeds; the interval is NaN for
        fewer than `FEWEST` seeds.
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


def distance_matrix(spectra: Sequence[ComplexArray]) -> Array:
    """Return the symmetric matrix of distances between spectra, float64 (spectrum, spectrum)."""
    matrix = np.zeros((len(spectra), len(spectra)))
    for i, j in combinations(range(len(spectra)), 2):
        matrix[i, j] = matrix[j, i] = distance(spectra[i], spectra[j])
    return matrix


def compare(matrix: Array, first: int, generator: np.random.Generator) -> Comparison:
    """Return the comparison of two set-ups, from the distances between all their spectra.

    Parameters
    ----------
    matrix : float64 (first + second, first + second)
        Distances, with the spectra of the first set-up first.
    first : int
        Number of spectra of the first set-up; both set-ups need at least 2.
    generator : numpy Generator
        For random relabellings and the bootstrap.
    """
    total = len(matrix)
    members = np.zeros(total, bool)
    members[:first] = True
    between, within = _means(matrix, members)
    labels = _relabellings(total, first, generator)
    inside = labels.astype(float)
    outside = 1.0 - inside
    statistics = _statistics(matrix, inside, outside)
    true = between - within
    reached = int(np.sum(statistics >= true - 1e-12 * max(abs(true), 1e-300)))
    exhaustive = comb(total, first) <= EXHAUSTIVE
    p = reached / len(labels) if exhaustive else (reached + 1) / (len(labels) + 1)
    low, high = _interval(matrix, first, generator)
    return Comparison(between, within, p, _ratio(between, within), low, high, min(first, total - first))


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


def verdict(comparison: Comparison, p_adjusted: float, significance: float, margin: float) -> str:
    """Return "different", "equivalent" (the interval of the excess is below `margin`) or
    "inconclusive".
    """
    if p_adjusted < significance:
        return "different"
    return "equivalent" if comparison.high < margin else "inconclusive"


def _means(matrix: Array, members: NDArray[np.bool_]) -> tuple[float, float]:
    between = matrix[np.ix_(members, ~members)].mean()
    inside = [matrix[np.ix_(group, group)].sum() / (group.sum() * (group.sum() - 1)) for group in (members, ~members)]
    return float(between), float(np.mean(inside))


def _statistics(matrix: Array, inside: Array, outside: Array) -> Array:
    """Return mean between minus mean within for each row of labels, float64 (relabelling,)."""
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


def _ratio(between: float, within: float) -> float:
    return between / within - 1.0 if within > 0 else (0.0 if between == 0 else float("inf"))


def _resampled(matrix: Array, first: NDArray[np.int64], second: NDArray[np.int64]) -> Array:
    """Return between / within - 1, float64 (draw,), for each row of drawn seeds (draw, seed); NaN
    if all drawn seeds are equal.

    A seed drawn twice has distance 0 to itself; the mean within leaves such pairs out.
    """
    size = first.shape[1]
    counts = [
        np.stack([(drawn == seed).sum(axis=1) for seed in range(drawn.shape[1])], axis=1) for drawn in (first, second)
    ]
    between = ((counts[0] @ matrix[:size, size:]) * counts[1]).mean(axis=1) / size
    within = []
    for times, block in zip(counts, (matrix[:size, :size], matrix[size:, size:])):
        pairs = times.sum(axis=1) ** 2 - (times**2).sum(axis=1)
        total = ((times @ block) * times).sum(axis=1)
        within.append(np.divide(total, pairs, out=np.full(len(total), np.nan), where=pairs > 0))
    known = np.sum(np.isfinite(within), axis=0)
    mean = np.divide(np.nansum(within, axis=0), known, out=np.full(len(known), np.nan), where=known > 0)
    return np.array([_ratio(b, w) if np.isfinite(w) else np.nan for b, w in zip(between, mean)])


def _interval(matrix: Array, first: int, generator: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % percentile interval of the excess over bootstrap samples of the seeds."""
    second = len(matrix) - first
    if min(first, second) < FEWEST:
        return float("nan"), float("nan")
    ratios = _resampled(matrix, *(generator.integers(0, size, (RESAMPLES, size)) for size in (first, second)))
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    return float(low), float(high)
