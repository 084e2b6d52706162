"""Direct linear forecasts: one ridge regression for each step ahead, on everything in `Design`."""

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.company.design import Design

Floats = NDArray[np.float64]
RIDGES = np.array([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
"""Penalties to choose from, relative to the mean squared size of a regressor."""
LONGEST = 3000
"""Most origins of an estimate: the latest."""
HELD_OUT = 0.2
"""Share of the origins, the last ones, on which the penalty is chosen."""


def fitted(design: Design, series: Floats, ahead: Floats) -> Floats:
    """Return the coefficients (horizon, regressors) learned from a series; zeros if it is too short.

    Parameters
    ----------
    design : Design
    series : (time,)
    ahead : (time, columns)
    """
    horizon = design.horizon
    first = max(design.lags, max(design.seasons, default=0))
    last = len(series) - horizon
    first = max(first, last - LONGEST)
    count = max(0, last - first)
    width = design.rows(series, ahead, np.array([0]), np.array([0])).shape[-1]
    kept = count - int(HELD_OUT * count) - horizon
    if kept < 8:
        return np.zeros((horizon, width))
    origins = np.arange(first, last)
    gram, cross = np.zeros((2, horizon, width, width)), np.zeros((2, horizon, width))
    held_rows, held_truth = [], []
    for part, rows in design.blocks(series, ahead, origins):
        chosen = origins[part]
        truth = series[chosen[:, None] + np.arange(1, horizon + 1)] - series[chosen][:, None]
        places = np.arange(len(origins))[part]
        for which, used in enumerate((places < kept, np.ones(len(places), bool))):
            gram[which] += np.einsum("nsp,nsq->spq", rows[used], rows[used], optimize=True)
            cross[which] += np.einsum("nsp,ns->sp", rows[used], truth[used])
        late = places >= kept + horizon  # the targets of the origins before are not among the learned ones
        held_rows.append(rows[late])
        held_truth.append(truth[late])
    rows, truth = np.concatenate(held_rows), np.concatenate(held_truth)
    candidates = _solved(gram[0], cross[0])
    costs = [np.abs(np.einsum("nsp,sp->ns", rows, each) - truth).mean() for each in candidates]
    if min(costs) > np.abs(truth).mean():
        return np.zeros((horizon, width))
    return _solved(gram[1], cross[1], RIDGES[[int(np.argmin(costs))]])[0]


def predicted(design: Design, coefficients: Floats, series: Floats, ahead: Floats, origins: NDArray[np.intp]) -> Floats:
    """Return forecasts (n, horizon) from `origins`."""
    result = np.repeat(series[origins][:, None], design.horizon, axis=1)
    for part, rows in design.blocks(series, ahead, origins):
        result[part] += np.einsum("nsp,sp->ns", rows, coefficients)
    return result


def _solved(gram: Floats, cross: Floats, ridges: Floats = RIDGES) -> Floats:
    """Return the coefficients (ridges, horizon, regressors)."""
    size = np.sqrt(np.maximum(np.einsum("spp->sp", gram), 1e-300))
    scaled = gram / (size[:, :, None] * size[:, None, :])
    scaled = np.where(np.isfinite(scaled), scaled, 0.0)
    found = [
        np.linalg.solve(scaled + (ridge + 1e-10) * np.eye(gram.shape[-1]), (cross / size)[..., None])[..., 0] / size
        for ridge in ridges
    ]
    return np.stack(found)
