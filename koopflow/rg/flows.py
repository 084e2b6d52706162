"""Flows of couplings over rounds: where they scale, how far from a fixed point, and whether two small steps make a large one."""

from itertools import pairwise

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import half_width, jackknife


def scale_of(densities: np.ndarray) -> np.ndarray:
    """Return the accumulated logarithm of the scale factor, −log density, for each round.

    One round that prunes the fraction p has the scale factor b = 1 / (1 − p), so n rounds add up to n log b = −log density.
    Reading it off the density counts the rounding of each round, and suits rounds trained elsewhere with unequal fractions.

    Raises
    ------
    KoopflowError
        When densities do not fall from round to round within (0, 1].
    """
    densities = np.asarray(densities, dtype=np.float64)
    if not ((densities > 0).all() and (densities <= 1).all() and (np.diff(densities) < 0).all()):
        found = ", ".join(f"{density:.4g}" for density in densities)
        raise KoopflowError(f"densities over rounds must fall within (0, 1]; found {found}")
    return -np.log(densities)


def straight_line(values: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit each row of `values` (..., round) by least squares against `scale` (round,); return slopes and residuals."""
    centred = scale - scale.mean()
    slopes = (values * centred).sum(axis=-1) / (centred**2).sum()
    residuals = values - values.mean(axis=-1, keepdims=True) - slopes[..., None] * centred
    return slopes, residuals


def _contrasts(scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what a straight line must not have: rows (contrast, round) in units of log coupling, and how many tests each row
    shares.

    Each round's own residual finds a single round that is off; the curvature over the window, as its largest departure, and
    the two end rounds predicted from all others find a flow that slowly leaves its line, for which the single residuals are
    too weak.
    """
    rounds = len(scale)
    design = np.stack([np.ones(rounds), scale - scale.mean()], axis=1)
    residual = np.eye(rounds) - design @ np.linalg.pinv(design)
    curvature = residual @ (scale - scale.mean()) ** 2
    curvature = np.outer(np.abs(curvature).max() / (curvature @ curvature), curvature)
    ends = residual[[0, -1]] / residual[[0, -1], [0, -1]][:, None]
    return np.concatenate([residual, curvature, ends]), np.array([rounds] * rounds + [1, 2, 2])


def departures(log_couplings: np.ndarray, scale: np.ndarray, confidence: float = 0.95) -> np.ndarray:
    """Return how far the mean over seeds departs from a straight line beyond what the seeds' scatter explains.

    Parameters
    ----------
    log_couplings : array (seed, round)
        Logarithms of one group's coupling.
    scale : array (round,)
        Accumulated log scale factor.
    confidence : float
        The scatter's allowance is the Student quantile of this level, shared among like tests (Bonferroni), times the standard
        error over seeds. With a single seed the scatter is taken from the chain's own second differences.

    Returns
    -------
    array (contrast,)
        Non-negative, in units of log coupling: each round's residual, the curvature, the first and the last round off the line
        of the rest.
    """
    seeds, rounds = log_couplings.shape
    contrasts, tests = _contrasts(scale)
    values = log_couplings @ contrasts.T
    if seeds > 1:
        error, freedom = values.std(axis=0, ddof=1) / np.sqrt(seeds), seeds - 1
    else:
        # Noise of independent rounds has second differences of variance 6; a smooth flow has next to none.
        noise = np.sqrt(np.mean(np.diff(log_couplings[0], 2) ** 2) / 6)
        error, freedom = noise * np.sqrt((contrasts**2).sum(axis=1)), rounds - 2
    allowance = half_width(error, freedom, 1 - (1 - confidence) / tests)
    return np.maximum(np.abs(values.mean(axis=0)) - allowance, 0.0)


def scaling_window(
    log_couplings: np.ndarray, scale: np.ndarray, tolerance: float = 0.05, minimum_rounds: int = 5, confidence: float = 0.95
) -> tuple[int, int] | None:
    """Choose the scaling window: the longest run of rounds over which the flow is a straight line in the logarithms.

    The rule: in a window of at least `minimum_rounds` consecutive rounds, the mean over seeds of the log coupling departs from its
    least-squares line by no more than `tolerance` beyond the scatter of the seeds (`departures`). The window with the most
    rounds is taken; of equal ones the straighter, then the earlier. Rounds in which any seed's coupling is zero belong to no
    window.

    Parameters
    ----------
    log_couplings : array (seed, round) or (group, seed, round)
        Logarithms; with a leading group axis, the window must suit all groups at once.
    scale : array (round,)
        Accumulated log scale factor.
    tolerance : float
        Greatest departure, in units of log coupling: 0.05 means 5 % of the coupling.
    minimum_rounds : int
        Fewest rounds of a window, at least 3.

    Returns
    -------
    (first, last) : tuple of int or None
        Inclusive positions, or None where no window scales.
    """
    if minimum_rounds < 3:
        raise KoopflowError(
            f"minimum_rounds: found {minimum_rounds}, accepted is an integer of at least 3 (two points make any line)"
        )
    groups = log_couplings if log_couplings.ndim == 3 else log_couplings[None]
    rounds = groups.shape[2]
    usable = np.isfinite(groups).all(axis=(0, 1))
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


def fixed_point_distance(couplings: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return how fast the couplings still move at each round: zero at a fixed point of the flow.

    Parameters
    ----------
    couplings : array (..., round, group)
        Shares of magnitude.
    scale : array (round,)
        Accumulated log scale factor.

    Returns
    -------
    array (..., round)
        Total variation between this round and the next per unit of log scale factor; the last round has no next one and is NaN.
    """
    steps = 0.5 * np.abs(np.diff(couplings, axis=-2)).sum(axis=-1) / np.diff(scale)
    return np.concatenate([steps, np.full((*steps.shape[:-1], 1), np.nan)], axis=-1)


def matched_rounds(densities_a: np.ndarray, densities_b: np.ndarray, tolerance: float = 1e-3) -> list[tuple[int, int]]:
    """Return the pairs of rounds at which two chains have equal density, to a relative `tolerance` (rounding of counts)."""
    pairs = []
    for i, density in enumerate(densities_a):
        j = int(np.argmin(np.abs(np.log(np.asarray(densities_b) / density))))
        if abs(densities_b[j] / density - 1) <= tolerance:
            pairs.append((i, j))
    return pairs


def composition_ratio(log_composed: np.ndarray, log_rerun: np.ndarray, confidence: float = 0.95) -> dict[str, float]:
    """Compare what unequal steps change with what another run changes: the ratio of mean absolute log-coupling differences.

    Parameters
    ----------
    log_composed, log_rerun : array (seed, ...)
        Log coupling differences at equal density: small steps less large steps; small steps less the same steps run again.

    Returns
    -------
    dict
        ``ratio`` of the two means, ``ci_low`` and ``ci_high`` by a Student interval of the log ratio over jackknifed seeds,
        ``n`` seeds. A ratio of 1 means that composing steps changes no more than running again does.
    """
    if not (log_composed.size and log_rerun.size):  # the chains ended before their densities met
        return {"ratio": np.nan, "ci_low": np.nan, "ci_high": np.nan, "n": 0}
    composed = np.abs(log_composed).reshape(len(log_composed), -1).mean(axis=1)
    rerun = np.abs(log_rerun).reshape(len(log_rerun), -1).mean(axis=1)
    n = len(composed)
    ratio = composed.mean() / rerun.mean()
    low = high = np.nan
    if n > 1:
        left_out = np.log((composed.sum() - composed) / (rerun.sum() - rerun))
        half = jackknife(left_out, confidence)
        low, high = ratio * np.exp(-half), ratio * np.exp(half)
    return {"ratio": float(ratio), "ci_low": float(low), "ci_high": float(high), "n": n}


def scale_factors(densities: np.ndarray) -> np.ndarray:
    """Return each round's own scale factor b = density before / density after, (round − 1,)."""
    return np.array([before / after for before, after in pairwise(densities)])
