"""Exponents of a flow, M_i ∝ (scale factor)^σ_i inside a scaling window, with intervals over seeds
and classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import half_width, student
from koopflow.rg.flows import Window, scaling_window, straight_line
from koopflow.rg.groups import Array

RELEVANT, IRRELEVANT, MARGINAL, UNDECIDED, NO_SCALING = "relevant", "irrelevant", "marginal", "undecided", "no scaling"
SCOPES = ("layer", "model")


@dataclass(frozen=True)
class WindowRule:
    """Options for choosing scaling windows (`koopflow.rg.flows.scaling_window`).

    Attributes
    ----------
    tolerance : float
        Largest departure from a straight line, in units of log coupling.
    minimum_rounds : int
        Minimum number of rounds in a window, at least 3.
    scope : {"layer", "model"}
        One window per group, or one for all groups.
    """

    tolerance: float = 0.05
    minimum_rounds: int = 5
    scope: str = "layer"


@dataclass(frozen=True)
class Exponents:
    """Exponents of one flow; arrays have one entry per group, NaN (−1 for rounds) for groups that
    do not scale.

    Attributes
    ----------
    groups : tuple of str
    sigma, ci_low, ci_high : float64 (group,)
        Mean exponent over the window, with its interval.
    r2 : float64 (group,)
        R² of the straight line through the mean over seeds.
    drift, drift_low, drift_high : float64 (group,)
        Change of the local exponent from the window's first round to its last, with its interval.
        If the interval excludes zero, the exponent depends on scale, and the local exponents at the
        window's ends differ from `sigma` by about half the drift.
    first_round, last_round : int64 (group,)
    per_seed : float64 (seed, group)
    classes : tuple of str
        See `classify`.
    interval : {"seeds", "rounds"}
        Source of the intervals: "rounds" for a single seed, in which case the drift has no
        interval.
    """

    groups: tuple[str, ...]
    sigma: Array
    ci_low: Array
    ci_high: Array
    r2: Array
    drift: Array
    drift_low: Array
    drift_high: Array
    first_round: NDArray[np.int64]
    last_round: NDArray[np.int64]
    per_seed: Array
    classes: tuple[str, ...]
    interval: str


@dataclass(frozen=True)
class _Fit:
    """The fit of one group; `per_seed` is float64 (seed,). Values are NaN if nothing scales."""

    per_seed: Array
    sigma: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    r2: float = np.nan
    drift: float = np.nan
    drift_low: float = np.nan
    drift_high: float = np.nan


FITTED = tuple(field.name for field in fields(_Fit) if field.name != "per_seed")


def fit_exponents(
    couplings: Array,
    scale: Array,
    groups: Sequence[str],
    rule: WindowRule | None = None,
    window: Window | None = None,
    margin: float = 0.02,
    confidence: float = 0.95,
) -> Exponents:
    """Fit exponents to log M_i against the accumulated log scale factor in a scaling window.

    The exponent is σ = log λ / log b, reconstructed from arXiv 2110.03210. Rounds of one chain are
    dependent, so each seed is fitted separately: the exponent is the mean over seeds, with
    Student's interval over seeds. With one seed, the interval is the wider of two: one assumes
    independent errors of the couplings, the other independent errors of the steps between rounds.

    Parameters
    ----------
    couplings : float64 (seed, round, group)
        Couplings, non-negative.
    scale : float64 (round,)
        Accumulated log scale factor, `koopflow.rg.flows.scale_of`.
    groups : sequence of str
        Names of the groups.
    rule : WindowRule, optional
    window : (first, last), optional
        Fixed window, both rounds inclusive; overrides `rule`.
    margin : float
        Exponents within ±margin are classified as zero.
    confidence : float
        Confidence level of the intervals.

    Raises
    ------
    KoopflowError
        For mismatched shapes, or an unknown scope.
    """
    rule = rule or WindowRule()
    couplings = np.asarray(couplings, dtype=np.float64)
    if couplings.ndim != 3 or couplings.shape[1:] != (len(scale), len(groups)):
        raise KoopflowError(
            f"couplings must have shape (seed, {len(scale)}, {len(groups)}) for (seed, round, group) (got "
            f"{couplings.shape})"
        )
    if rule.scope not in SCOPES:
        raise KoopflowError(f"scope must be layer or model (got {rule.scope!r})")
    with np.errstate(divide="ignore"):
        logs = np.log(couplings).transpose(2, 0, 1)
    windows = _windows(logs, scale, rule, window)
    fits = [_fit_group(log, scale, inside, confidence) for log, inside in zip(logs, windows)]
    found = {name: np.array([getattr(fit, name) for fit in fits]) for name in FITTED}
    return Exponents(
        groups=tuple(groups),
        **found,
        first_round=np.array([-1 if inside is None else inside[0] for inside in windows]),
        last_round=np.array([-1 if inside is None else inside[1] for inside in windows]),
        per_seed=np.stack([fit.per_seed for fit in fits], axis=1),
        classes=tuple(classify(*bounds, margin) for bounds in zip(found["ci_low"], found["ci_high"])),
        interval="seeds" if len(couplings) > 1 else "rounds",
    )


def _windows(logs: Array, scale: Array, rule: WindowRule, window: Window | None) -> list[Window | None]:
    """Return one (first, last) or None for each group of `logs` (group, seed, round)."""
    if window is not None:
        inside = slice(window[0], window[1] + 1)
        return [window if np.isfinite(group[:, inside]).all() else None for group in logs]
    if rule.scope == "model":
        return [scaling_window(logs, scale, rule.tolerance, rule.minimum_rounds)] * len(logs)
    return [scaling_window(group, scale, rule.tolerance, rule.minimum_rounds) for group in logs]


def _fit_group(log: Array, scale: Array, window: Window | None, confidence: float) -> _Fit:
    """Return the fit to one group's log couplings (seed, round) inside its window."""
    seeds = len(log)
    if window is None:
        return _Fit(np.full(seeds, np.nan))
    values, inside = log[:, window[0] : window[1] + 1], scale[window[0] : window[1] + 1]
    per_seed, _ = straight_line(values, inside)
    mean = values.mean(axis=0)
    _, residual = straight_line(mean, inside)
    spread = ((mean - mean.mean()) ** 2).sum()
    sigma, low, high = student(per_seed, confidence)
    if seeds == 1:
        half = _half_width_over_rounds(values[0], inside, confidence)
        low, high = sigma - half, sigma + half
    fit = 1 - (residual**2).sum() / spread if spread > 0 else np.nan
    return _Fit(per_seed, sigma, low, high, fit, *student(_drifts(values, inside), confidence))


def _drifts(values: Array, scale: Array) -> Array:
    """Return each row's change of slope over the window, from a least-squares parabola fitted to
    `values` (seed, round).
    """
    _, curve = straight_line((scale - scale.mean()) ** 2, scale)
    return 2 * (values @ curve) / (curve @ curve) * (scale[-1] - scale[0])


def _half_width_over_rounds(values: Array, scale: Array, confidence: float) -> float:
    """Return the half-width from one chain: the wider of independent errors in levels and in
    steps."""
    n = len(values)
    _, residuals = straight_line(values, scale)
    levels = np.sqrt((residuals**2).sum() / (n - 2) / ((scale - scale.mean()) ** 2).sum())
    # The least-squares slope is a weighted sum of the steps. For independent steps, the weights
    # give its variance.
    steps, widths = np.diff(values), np.diff(scale)
    drift = steps.sum() / widths.sum()
    per_width = ((steps - drift * widths) ** 2 / widths).sum() / (n - 2)
    weights = np.cumsum((scale - scale.mean())[::-1])[::-1][1:] / ((scale - scale.mean()) ** 2).sum()
    walk = np.sqrt(per_width * (weights**2 * widths).sum())
    return float(half_width(max(levels, walk), n - 2, confidence))


def classify(ci_low: float, ci_high: float, margin: float) -> str:
    """Return the class of an exponent, from the position of its interval; undecided if it straddles
    ±margin.
    """
    if not (np.isfinite(ci_low) and np.isfinite(ci_high)):
        return NO_SCALING
    if ci_low > margin:
        return RELEVANT
    if ci_high < -margin:
        return IRRELEVANT
    if -margin <= ci_low and ci_high <= margin:
        return MARGINAL
    return UNDECIDED
