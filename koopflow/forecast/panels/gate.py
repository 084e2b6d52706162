"""Weights of a panel's experts, learned from the errors that they made at similar times of the
season, pooled over all series of a group.

The weights of a step ahead are exponential in the loss relative to the best expert (Cesa-Bianchi
and Lugosi 2006). A group with few remembered errors borrows from the others: their relative losses
count as `prior` more errors. So the gate decides how far growth is trusted, by what trusting it
cost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.panels.panel import Floats, Scaled

LEAST_WEIGHT = 0.05


@dataclass(frozen=True)
class PanelGate:
    """Options of the gate.

    Parameters
    ----------
    sharpness : float
        Steepness of the preference for better experts.
    prior : float
        Number of errors that the other groups' losses count for.
    """

    sharpness: float = 10.0
    prior: float = 300.0


def weights(scaled: Scaled, forecasts: Floats, changes: Floats, asked: NDArray[np.bool_], gate: PanelGate) -> Floats:
    """Return the weights (groups, horizon, experts), which sum to one.

    Parameters
    ----------
    scaled : Scaled
    forecasts : (experts, series, time, horizon)
        Of the scaled state; an expert's NaN leaves the row out for all.
    changes : (series, time, horizon)
        What followed, NaN where unknown.
    asked : (time,) bool
        Origins whose errors count.
    """
    state, panel = scaled.state, scaled.panel
    count, horizon = len(forecasts), changes.shape[-1]
    truth = state[..., None] + changes
    groups = np.unique(panel.groups)
    losses, numbers = np.zeros((len(groups), horizon, count)), np.zeros((len(groups), horizon))
    importance = np.maximum(np.nan_to_num(state), LEAST_WEIGHT)
    for step in range(horizon):
        errors = np.abs(forecasts[..., step] - truth[..., step]) * importance
        good = np.isfinite(errors).all(axis=0) & asked[None]
        for place, group in enumerate(groups):
            rows = good & (panel.groups == group)[:, None]
            numbers[place, step] = rows.sum()
            losses[place, step] = errors[:, rows].mean(axis=1) if rows.any() else 0.0
    relative = losses / np.maximum(losses[..., :1], 1e-12)
    pooled = (relative * numbers[..., None]).sum(axis=0) / np.maximum(numbers.sum(axis=0), 1.0)[:, None]
    pooled = np.where(numbers.sum(axis=0)[:, None] > 0, pooled, 1.0)
    total = (relative * numbers[..., None] + pooled[None] * gate.prior) / (numbers[..., None] + gate.prior)
    found = np.exp(-gate.sharpness * (total / total.min(axis=-1, keepdims=True) - 1.0))
    return np.asarray(found / found.sum(axis=-1, keepdims=True), dtype=np.float64)


def combined(forecasts: Floats, found: Floats, groups: NDArray[np.intp]) -> Floats:
    """Return the weighted forecasts (series, time, horizon); experts without one are left out."""
    weight = np.moveaxis(found[groups], -1, 0)[:, :, None, :] * np.isfinite(forecasts)
    total = weight.sum(axis=0)
    mean = (np.nan_to_num(forecasts) * weight).sum(axis=0) / np.maximum(total, 1e-300)
    return np.asarray(np.where((total > 0) & np.isfinite(forecasts[0]), mean, np.nan), dtype=np.float64)
