"""Flows of couplings over rounds: scaling windows, distance to the fixed point, composition of
steps.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import half_width, jackknife
from koopflow.rg.groups import Array

Window = tuple[int, int]
"""First and last round of a scaling window, both inclusive."""


def scale_of(densities: ArrayLike) -> Array:
    """Return the accumulated log scale factor, −log density, of each round, float64 (round,).

    A round that prunes the fraction p has the scale factor b = 1 / (1 − p), so n rounds add up to n
    log b = −log density. Using the density accounts for rounding and for unequal fractions.

    Raises
    ------
    KoopflowError
        Unless densities are in (0, 1] and decrease from round to round.
    """
    densities = np.asarray(densities, dtype=np.float64)
    if not ((densities > 0).all() and (densities <= 1).all() and (np.diff(densities) < 0).all()):
        found = ", ".join(f"{density:.4g}" for density in densities)
        raise KoopflowError(f"densities must be in (0, 1] and decrease from round to round (got {found})")
    return -np.log(densities)


def straight_line(values: Array, scale: Array) -> tuple[Array, Array]:
    """Return slopes and residuals of least-squares lines through each row of `values` (..., round)
    against `scale` (round,).
    """
    centred = scale - scale.mean()
    slopes = (values * centred).sum(axis=-1) / (centred**2).sum()
    residuals = values - values.mean(axis=-1, keepdims=True) - slopes[..., None] * centred
    return slopes, residuals


def _contrasts(scale: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return contrasts (contrast, round) that vanish on a straight line, and the number of similar
    tests for each.

    All are in units of log coupling. The residual of each round detects single outliers. Two more
    contrasts detect slow curvature, for which single residuals are too weak: the largest departure
    caused by curvature, and the departure of each end round from its prediction by all others.
    """
    rounds = len(scale)
    design = np.stack([np.ones(rounds), scale - scale.mean()], axis=1)
    residual = np.eye(rounds) - design @ np.linalg.pinv(design)
    curvature = residual @ (scale - scale.mean()) ** 2
    curvature = np.outer(np.abs(curvature).max() / (curvature @ curvature), curvature)
    ends = residual[[0, -1]] / residual[[0, -1], [0, -1]][:, None]
    return np.concatenate([residual, curvature, ends]), np.array([rounds] * rounds + [1, 2, 2])


def departures(log_couplings: Array, scale: Array, confidence: float = 0.95) -> Array:
    """Return the departures of the mean over seeds from a straight line, in excess of the scatter
    of seeds.

    Parameters
    ----------
    log_couplings : float64 (seed, round)
        Logarithms of one group's coupling.
    scale : float64 (round,)
        Accumulated log scale factor.
    confidence : float
        Level of the allowed scatter: Student's quantile at this level, Bonferroni-corrected over
        similar tests, times the standard error over seeds. With a single seed, the chain's second
        differences estimate the scatter.

    Returns
    -------
    float64 (contrast,)
        Non-negative, in units of log coupling: the residual of each round, the curvature, and the
        departure of the first and the last round from the line through all others.
    """
    seeds, rounds = log_couplings.shape
    contrasts, tests = _contrasts(scale)
    values = log_couplings @ contrasts.T
    if seeds > 1:
        error, freedom = values.std(axis=0, ddof=1) / np.sqrt(seeds), seeds - 1
    else:
        # Second differences of independent noise have six times its variance; those of a smooth
        # flow are nearly zero.
        noise = np.sqrt(np.mean(np.diff(log_couplings[0], 2) ** 2) / 6)
        error, freedom = noise * np.sqrt((contrasts**2).sum(axis=1)), rounds - 2
    allowance = half_width(error, freedom, 1 - (1 - confidence) / tests)
    return np.maximum(np.abs(values.mean(axis=0)) - allowance, 0.0)


def scaling_window(
    log_couplings: Array, scale: Array, tolerance: float = 0.05, minimum_rounds: int = 5, confidence: float = 0.95
) -> Window | None:
    """Return the scaling window: the longest run of rounds over which the log coupling is linear in
    log scale.

    Inside, the mean over seeds of the log coupling departs from its least-squares line by at most
    `tolerance` beyond the scatter of the seeds (`departures`). Ties go to the straightest window,
    then to the earliest. Rounds in which any seed's coupling is zero belong to no window.

    Parameters
    ----------
    log_couplings : float64 (seed, round) or (group, seed, round)
        Log couplings; with a leading group axis, the window must be valid for all groups.
    scale : float64 (round,)
        Accumulated log scale factor.
    tolerance : float
        Largest departure, in units of log coupling: 0.05 means 5 % of the coupling.
    minimum_rounds : int
        Minimum number of rounds in a window, at least 3.

    Returns
    -------
    (first, last) or None
        Inclusive round indices; None if there is no such window.

    Raises
    ------
    KoopflowError
        If `minimum_rounds` is below 3.
    """
    if minimum_rounds < 3:
        raise KoopflowError(f"minimum_rounds must be at least 3 (got {minimum_rounds}); any two points lie on a line")
    groups = log_couplings if log_couplings.ndim == 3 else log_couplings[None]
    rounds = groups.shape[2]
    usable = np.asarray(np.isfinite(groups).all(axis=(0, 1)))
    for length in range(rounds, minimum_rounds - 1, -1):
        best = None
        for first in range(rounds - length + 1):
            inside = slice(first, first + length)
            if not usable[inside].all():
                continue
            off = max(departures(group[:, inside], scale[inside], confidence).max() for group in groups)
            if off <= tolerance and (best is None or off < best[0]):
                best = (off, first)
        if best is not None:
            return best[1], best[1] + length - 1
    return None


def fixed_point_distance(couplings: Array, scale: Array) -> Array:
    """Return the speed of the couplings at each round; it is 0 at a fixed point of the flow.

    Parameters
    ----------
    couplings : float64 (..., round, group)
        Shares of magnitude.
    scale : float64 (round,)
        Accumulated log scale factor.

    Returns
    -------
    float64 (..., round)
        Total variation distance to the next round, per unit of log scale factor; NaN for the last
        round.
    """
    steps = 0.5 * np.abs(np.diff(couplings, axis=-2)).sum(axis=-1) / np.diff(scale)
    return np.concatenate([steps, np.full((*steps.shape[:-1], 1), np.nan)], axis=-1)


def matched_rounds(densities_a: Array, densities_b: Array, tolerance: float = 1e-3) -> list[tuple[int, int]]:
    """Return the pairs of rounds at which two chains have equal density, within a relative
    `tolerance` for rounding.
    """
    pairs = []
    for i, density in enumerate(densities_a):
        j = int(np.argmin(np.abs(np.log(np.asarray(densities_b) / density))))
        if abs(densities_b[j] / density - 1) <= tolerance:
            pairs.append((i, j))
    return pairs


@dataclass(frozen=True)
class Ratio:
    """A ratio with its interval and number of seeds `n`; NaN without seeds."""

    ratio: float
    ci_low: float
    ci_high: float
    n: int


def composition_ratio(log_composed: Array, log_rerun: Array, confidence: float = 0.95) -> Ratio:
    """Return the effect of composing steps relative to a rerun: the ratio of mean absolute
    log-coupling differences.

    Parameters
    ----------
    log_composed, log_rerun : float64 (seed, ...)
        Differences of log couplings at equal density: small minus large steps, and small steps
        minus their rerun.
    confidence : float
        Confidence level of the Student interval of the log ratio, jackknifed over seeds.

    Returns
    -------
    Ratio
        1 means that composing steps changes couplings no more than a rerun.
    """
    if not (log_composed.size and log_rerun.size):  # the chains have no density in common
        return Ratio(np.nan, np.nan, np.nan, 0)
    composed = np.abs(log_composed).reshape(len(log_composed), -1).mean(axis=1)
    rerun = np.abs(log_rerun).reshape(len(log_rerun), -1).mean(axis=1)
    n = len(composed)
    ratio = composed.mean() / rerun.mean()
    low = high = np.nan
    if n > 1:
        left_out = np.log((composed.sum() - composed) / (rerun.sum() - rerun))
        half = jackknife(left_out, confidence)
        low, high = ratio * np.exp(-half), ratio * np.exp(half)
    return Ratio(float(ratio), float(low), float(high), n)


def scale_factors(densities: Array) -> Array:
    """Return the scale factor between successive rounds, density before / density after, float64
    (round − 1,).
    """
    return np.array([before / after for before, after in pairwise(densities)])
