"""Direct forecasts by gradient-boosted trees (scikit-learn), one model for all steps ahead.

The regressors are those of `Design` and the step; changes are divided by the recent size of changes,
so that quiet and restless times teach each other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.company.design import Design

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
ROWS = 6000
"""Most rows of an estimate, drawn evenly from the latest origins."""
LONGEST = 6000
TREES, LEAVES, RATE, SMALLEST = 60, 15, 0.1, 20


def fitted(design: Design, series: Floats, ahead: Floats) -> Any:
    """Return a fitted model; None if there are too few origins."""
    horizon = design.horizon
    last = len(series) - horizon
    first = max(design.lags, max(design.seasons, default=0), last - LONGEST)
    if last - first < 2 * SMALLEST:
        return None
    origins = np.arange(first, last)
    steps = np.arange(1, horizon + 1)
    every = max(1, int(np.ceil(len(origins) * horizon / ROWS)))
    rows, truth = [], []
    for part, found in design.blocks(series, ahead, origins):
        chosen = origins[part]
        size = size_of_changes(design, series, chosen)
        change = (series[chosen[:, None] + steps] - series[chosen][:, None]) / size[:, None]
        kept = (chosen[:, None] + 7 * steps) % every == 0
        rows.append(with_step(found, size, design.known(ahead.shape[1]))[kept])
        truth.append(change[kept])
    return model().fit(np.concatenate(rows), np.concatenate(truth))


def model() -> Any:
    """Return the trees, not yet fitted."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="absolute_error",
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        learning_rate=RATE,
        min_samples_leaf=SMALLEST,
        early_stopping=False,
        random_state=0,
    )


def predicted(design: Design, model: Any, series: Floats, ahead: Floats, origins: Integers) -> Floats:
    """Return forecasts (n, horizon) from `origins`; the last value without a model."""
    result = np.repeat(series[origins][:, None], design.horizon, axis=1)
    if model is None:
        return result
    for part, rows in design.blocks(series, ahead, origins):
        size = size_of_changes(design, series, origins[part])
        flat = with_step(rows, size, design.known(ahead.shape[1])).reshape(-1, rows.shape[-1] + 1)
        result[part] += model.predict(flat).reshape(rows.shape[:2]) * size[:, None]
    return result


def size_of_changes(design: Design, series: Floats, origins: Integers) -> Floats:
    """Return the mean absolute change over the last samples before each origin, (n,)."""
    changes = np.concatenate([[0.0, 0.0], np.cumsum(np.abs(np.diff(series)))])
    begin = np.maximum(origins - 2 * max(design.lags, max(design.seasons, default=0)), 0)
    return np.maximum((changes[origins + 1] - changes[begin + 1]) / np.maximum(origins - begin, 1), 1e-300)


def with_step(rows: Floats, size: Floats, known: int) -> Floats:
    """Return regressors with the step as a further one; all but the last `known` divided by
    `size`."""
    steps = np.broadcast_to(np.arange(1.0, rows.shape[1] + 1)[None, :, None], (*rows.shape[:2], 1))
    own = rows.shape[-1] - known
    return np.concatenate([rows[..., :own] / size[:, None, None], rows[..., own:], steps], axis=-1)
