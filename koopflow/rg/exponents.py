"""Exponents of a flow: M_i ∝ (scale factor)^σ_i inside its scaling window, with intervals over seeds and a class."""

from dataclasses import dataclass

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import half_width, student
from koopflow.rg.flows import scaling_window, straight_line

RELEVANT, IRRELEVANT, MARGINAL, UNDECIDED, NO_SCALING = "relevant", "irrelevant", "marginal", "undecided", "no scaling"


FITTED = ("sigma", "ci_low", "ci_high", "r2", "drift", "drift_low", "drift_high")


@dataclass(frozen=True)
class WindowRule:
    """How the scaling window is chosen; see `koopflow.rg.flows.scaling_window`.

    `scope` "layer" gives each group its own window, "model" one window that suits all.
    """

    tolerance: float = 0.05
    minimum_rounds: int = 5
    scope: str = "layer"


@dataclass(frozen=True)
class Exponents:
    """Exponents of one flow; every array has one entry per group, NaN (−1 for rounds) where nothing scales.

    `sigma` and its interval are of the mean exponent over the window, whatever the flow's shape there. `drift`, with its interval, is by how
    much the local exponent changes from the window's first round to its last (the curvature of the logarithms): where its interval
    leaves out zero, the exponent depends on the scale, and one at the window's end lies about half the drift away.
    `per_seed` is (seed, group). `interval` says what the intervals rest on: "seeds", or "rounds" when there is one seed only (no interval
    of the drift then).
    """

    groups: tuple[str, ...]
    sigma: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    r2: np.ndarray
    drift: np.ndarray
    drift_low: np.ndarray
    drift_high: np.ndarray
    first_round: np.ndarray
    last_round: np.ndarray
    per_seed: np.ndarray
    classes: tuple[str, ...]
    interval: str


def fit_exponents(
    couplings: np.ndarray,
    scale: np.ndarray,
    groups: list[str],
    rule: WindowRule | None = None,
    window: tuple[int, int] | None = None,
    margin: float = 0.02,
    confidence: float = 0.95,
) -> Exponents:
    """Fit log M_i against the accumulated log scale factor, per seed, in a scaling window (arXiv 2110.03210: σ = log λ / log b).

    Each seed is fitted by itself, so rounds of one chain, which are not independent, never pose as independent data: the
    exponent is the mean over seeds and its interval is Student's over seeds. With one seed the interval is the wider of two,
    one for independent errors of each round's coupling and one for independent errors of each step.

    Parameters
    ----------
    couplings : array (seed, round, group)
        Non-negative couplings.
    scale : array (round,)
        Accumulated log scale factor, `koopflow.rg.flows.scale_of`.
    groups : list of str
        Names of the groups.
    rule : WindowRule, optional
        How windows are chosen.
    window : (first, last), optional
        Given instead of chosen; inclusive.
    margin : float
        Exponents within ±margin count as zero for the class.
    confidence : float
        Of the intervals.

    Returns
    -------
    Exponents
    """
    rule = rule or WindowRule()
    couplings = np.asarray(couplings, dtype=np.float64)
    if couplings.ndim != 3 or couplings.shape[1:] != (len(scale), len(groups)):
        raise KoopflowError(
            f"couplings of shape {couplings.shape} do not match {len(scale)} rounds and {len(groups)} groups: (seed, round, group)"
        )
    if rule.scope not in ("layer", "model"):
        raise KoopflowError(f"scope: found {rule.scope!r}, accepted are layer, model")
    with np.errstate(divide="ignore"):
        logs = np.log(couplings).transpose(2, 0, 1)
    windows = _windows(logs, scale, rule, window)
    fits = [_fit_group(log, scale, inside, confidence) for log, inside in zip(logs, windows)]
    found = {key: np.array([fit[key] for fit in fits]) for key in FITTED}
    return Exponents(
        groups=tuple(groups),
        **found,
        first_round=np.array([-1 if inside is None else inside[0] for inside in windows]),
        last_round=np.array([-1 if inside is None else inside[1] for inside in windows]),
        per_seed=np.stack([fit["per_seed"] for fit in fits], axis=1),
        classes=tuple(classify(*bounds, margin) for bounds in zip(found["ci_low"], found["ci_high"])),
        interval="seeds" if len(couplings) > 1 else "rounds",
    )


def _windows(logs: np.ndarray, scale: np.ndarray, rule: WindowRule, window: tuple[int, int] | None) -> list:
    """Return one (first, last) or None for each group of `logs` (group, seed, round)."""
    if window is not None:
        inside = slice(window[0], window[1] + 1)
        return [window if np.isfinite(group[:, inside]).all() else None for group in logs]
    if rule.scope == "model":
        return [scaling_window(logs, scale, rule.tolerance, rule.minimum_rounds)] * len(logs)
    return [scaling_window(group, scale, rule.tolerance, rule.minimum_rounds) for group in logs]


def _fit_group(log: np.ndarray, scale: np.ndarray, window: tuple[int, int] | None, confidence: float) -> dict:
    """Fit one group's logarithms (seed, round) inside its window."""
    seeds = len(log)
    if window is None:
        return dict.fromkeys(FITTED, np.nan) | {"per_seed": np.full(seeds, np.nan)}
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
    return dict(zip(FITTED, (sigma, low, high, fit, *student(_drifts(values, inside), confidence)))) | {"per_seed": per_seed}


def _drifts(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return each row's change of slope over the window, from the least-squares parabola of `values` (seed, round)."""
    _, curve = straight_line((scale - scale.mean()) ** 2, scale)
    return 2 * (values @ curve) / (curve @ curve) * (scale[-1] - scale[0])


def _half_width_over_rounds(values: np.ndarray, scale: np.ndarray, confidence: float) -> float:
    """Return the interval's half width from one chain: the wider of independent levels and independent steps."""
    n = len(values)
    _, residuals = straight_line(values, scale)
    levels = np.sqrt((residuals**2).sum() / (n - 2) / ((scale - scale.mean()) ** 2).sum())
    # With independent steps the least-squares slope is a weighted sum of them; its variance follows from the weights.
    steps, widths = np.diff(values), np.diff(scale)
    drift = steps.sum() / widths.sum()
    per_width = ((steps - drift * widths) ** 2 / widths).sum() / (n - 2)
    weights = np.cumsum((scale - scale.mean())[::-1])[::-1][1:] / ((scale - scale.mean()) ** 2).sum()
    walk = np.sqrt(per_width * (weights**2 * widths).sum())
    return float(half_width(max(levels, walk), n - 2, confidence))


def classify(ci_low: float, ci_high: float, margin: float) -> str:
    """Name the class of an exponent by its interval: where all of it lies decides; one that straddles is undecided."""
    if not (np.isfinite(ci_low) and np.isfinite(ci_high)):
        return NO_SCALING
    if ci_low > margin:
        return RELEVANT
    if ci_high < -margin:
        return IRRELEVANT
    if -margin <= ci_low and ci_high <= margin:
        return MARGINAL
    return UNDECIDED
