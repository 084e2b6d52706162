"""Baseline forecasters. None uses values after the origin.

All take ``values (time, channels)``, ``origins (n,)`` and a horizon, and return (n, horizon,
channels).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


def persistence(values: Floats, origins: Integers, horizon: int) -> Floats:
    """Return the last value, held."""
    return np.repeat(values[origins][:, None, :], horizon, axis=1)


def seasonal_naive(values: Floats, origins: Integers, horizon: int, period: int) -> Floats:
    """Return the last season, repeated; the last value before there is a whole season."""
    steps = np.arange(1, horizon + 1)
    earlier = np.asarray(origins)[:, None] + steps - period * (-(-steps // period))
    return np.where((earlier >= 0)[..., None], values[np.maximum(earlier, 0)], persistence(values, origins, horizon))


def drift(values: Floats, origins: Integers, horizon: int, window: int | None = None) -> Floats:
    """Return the line through the first and last of the last `window` samples (None: all),
    continued."""
    origins = np.asarray(origins)
    first = np.zeros_like(origins) if window is None else np.maximum(origins - window + 1, 0)
    slope = (values[origins] - values[first]) / np.maximum(origins - first, 1)[:, None]
    return values[origins][:, None, :] + slope[:, None, :] * np.arange(1, horizon + 1)[None, :, None]


def ridge_autoregression(
    values: Floats, origins: Integers, horizon: int, window: int, lags: int, ridge: float = 1e-2, block: int = 256
) -> Floats:
    """Return iterated forecasts of a ridge autoregression on `lags` samples, fitted to each
    origin's window.

    Parameters
    ----------
    values : (time, channels)
    origins : (n,)
    horizon : int
    window, lags : int
        Samples per window and per regression vector, as for the sliding method.
    ridge : float
        Penalty, relative to the mean squared singular value.
    block : int
        Number of origins solved at once.

    Returns
    -------
    (n, horizon, channels)
        Clipped to the window's range, extended by its width on either side, so that no unstable fit
        dominates a mean error. NaN where the window would begin before the series.
    """
    origins, channels = np.asarray(origins), values.shape[1]
    result = np.full((len(origins), horizon, channels), np.nan)
    possible = np.flatnonzero(origins >= window - 1)
    for start in range(0, len(possible), block):
        rows = possible[start : start + block]
        windows = values[origins[rows][:, None] + np.arange(1 - window, 1)]
        mean = windows.mean(axis=1, keepdims=True)
        centred = windows - mean
        vectors = (
            sliding_window_view(centred, lags, axis=1).transpose(0, 1, 3, 2).reshape(len(rows), window - lags + 1, -1)
        )
        past, future = vectors[:, :-1], centred[:, lags:]
        gram = past.transpose(0, 2, 1) @ past
        strength = ridge * np.trace(gram, axis1=1, axis2=2) / gram.shape[1] + 1e-12
        gram += strength[:, None, None] * np.eye(gram.shape[1])
        weights = np.linalg.solve(gram, past.transpose(0, 2, 1) @ future)
        state = vectors[:, -1]
        low, high = centred.min(axis=1), centred.max(axis=1)
        for step in range(horizon):
            ahead = np.clip((state[:, None, :] @ weights)[:, 0], 2 * low - high, 2 * high - low)
            result[rows, step] = ahead + mean[:, 0]
            state = np.concatenate([state[:, channels:], ahead], axis=1)
    return result
