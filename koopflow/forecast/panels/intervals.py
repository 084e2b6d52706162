"""Quantiles of a panel's forecasts, from the errors remembered at similar times of the season.

The error expected of a forecast is a ridge regression on its circumstances: the level, the expected
and the recent changes, the disagreement of the experts, the season and the group. Errors divided by
it are exchangeable enough to pool over series and seasons; their quantiles times the expected error
are those of the forecast (split conformal prediction with a local scale, Lei et al. 2018).
"""

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.panels.panel import Floats, Scaled, lagged

# Weight of another group's error beside an error of the same group.
FROM_OTHERS = 0.05
# The expected error is at least this share of the median error.
LEAST = 0.25
PENALTY = 1e-3
FEWEST = 20


def quantiles(
    scaled: Scaled,
    point: Floats,
    forecasts: Floats,
    changes: Floats,
    asked: NDArray[np.bool_],
    levels: Floats,
) -> Floats:
    """Return quantiles (series, horizon, levels) of the scaled state after the last time.

    Parameters
    ----------
    scaled : Scaled
    point : (series, time, horizon)
        The combined forecasts.
    forecasts : (experts, series, time, horizon)
    changes : (series, time, horizon)
        What followed, NaN where unknown.
    asked : (time,) bool
        Origins whose errors count.
    levels : (levels,) increasing, between 0 and 1

    Returns
    -------
    (series, horizon, levels)
        NaN where there is no forecast, or fewer than FEWEST errors are known.
    """
    state, groups = scaled.state, scaled.panel.groups
    horizon = changes.shape[-1]
    result = np.full((len(state), horizon, len(levels)), np.nan)
    for step in range(horizon):
        expected = point[..., step]
        errors = state + changes[..., step] - expected
        used = np.isfinite(errors) & asked[None]
        if used.sum() < FEWEST:
            continue
        about = _circumstances(scaled, expected, forecasts[..., step])
        size = _expected_error(about, np.abs(errors), used)
        scores, owners = (errors / size)[used], np.broadcast_to(groups[:, None], state.shape)[used]
        order = np.argsort(scores)
        for group in np.unique(groups):
            weight = np.where(owners == group, 1.0, FROM_OTHERS)[order]
            share = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
            found = np.interp(levels, share, scores[order])
            rows = groups == group
            result[rows, step] = expected[rows, -1][:, None] + size[rows, -1][:, None] * found
    return np.maximum.accumulate(result, axis=-1)


def _circumstances(scaled: Scaled, expected: Floats, forecasts: Floats) -> Floats:
    """Return the regressors (series, time, n) of the expected error."""
    state, panel = scaled.state, scaled.panel
    known = np.isfinite(forecasts)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, forecasts, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (forecasts - mean) ** 2, 0.0).sum(axis=0) / count)
    last, before = lagged(state, 1), lagged(state, 2)
    angle = 2 * np.pi * panel.phase
    columns = [np.ones_like(state), np.maximum(expected, 0.0), np.maximum(state, 0.0), np.abs(expected - state)]
    columns += [np.abs(state - last), np.abs(last - before), spread]
    columns += [np.broadcast_to(wave(angle), state.shape) for wave in (np.sin, np.cos)]
    members = [(panel.groups == group).astype(float) for group in np.unique(panel.groups)]
    columns += [np.broadcast_to(each[:, None], state.shape) for each in members]
    return np.nan_to_num(np.stack(columns, axis=-1))


def _expected_error(about: Floats, errors: Floats, used: NDArray[np.bool_]) -> Floats:
    """Return the expected absolute error (series, time)."""
    rows, target = about[used], errors[used]
    unit = rows.std(axis=0) + 1e-9
    unit[0] = 1.0
    rows = rows / unit
    gram = rows.T @ rows / len(rows) + PENALTY * np.eye(rows.shape[1])
    slope = np.linalg.solve(gram, rows.T @ target / len(rows)) / unit
    return np.asarray(np.maximum(about @ slope, max(LEAST * float(np.median(target)), 1e-6)), dtype=np.float64)
