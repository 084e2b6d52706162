"""Plain forecasters to stand beside: each maps a series and its origins to forecasts that see nothing later than the origin.

All take ``values (time, channels)``, ``origins (n,)`` and a horizon and return (n, horizon, channels).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def persistence(values: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """Hold the last value."""
    return np.repeat(values[origins][:, None, :], horizon, axis=1)


def seasonal_naive(values: np.ndarray, origins: np.ndarray, horizon: int, period: int) -> np.ndarray:
    """Repeat the last season; with a period of 1, or before a season is known, hold the last value."""
    steps = np.arange(1, horizon + 1)
    earlier = np.asarray(origins)[:, None] + steps - period * (-(-steps // period))
    return np.where((earlier >= 0)[..., None], values[np.maximum(earlier, 0)], persistence(values, origins, horizon))


def drift(values: np.ndarray, origins: np.ndarray, horizon: int, window: int | None = None) -> np.ndarray:
    """Continue the straight line from the first to the last sample of the window (of the series where `window` is None)."""
    origins = np.asarray(origins)
    first = np.zeros_like(origins) if window is None else np.maximum(origins - window + 1, 0)
    slope = (values[origins] - values[first]) / np.maximum(origins - first, 1)[:, None]
    return values[origins][:, None, :] + slope[:, None, :] * np.arange(1, horizon + 1)[None, :, None]


def ridge_autoregression(
    values: np.ndarray, origins: np.ndarray, horizon: int, window: int, lags: int, ridge: float = 1e-2, block: int = 256
) -> np.ndarray:
    """Fit x(t+1) = a x(t), ..., x(t-lags+1) on each origin's window by ridge regression and iterate it.

    Parameters
    ----------
    window, lags : int
        Samples per window and per regression vector, as for the sliding method.
    ridge : float
        Penalty as a share of the mean squared singular value.

    Returns
    -------
    (n, horizon, channels)
        Kept within the window's range widened by its own width on either side: an unstable fit must not decide a mean.
    """
    origins, channels = np.asarray(origins), values.shape[1]
    result = np.empty((len(origins), horizon, channels))
    for start in range(0, len(origins), block):
        at = origins[start : start + block]
        windows = values[at[:, None] + np.arange(1 - window, 1)]
        mean = windows.mean(axis=1, keepdims=True)
        centred = windows - mean
        vectors = sliding_window_view(centred, lags, axis=1).transpose(0, 1, 3, 2).reshape(len(at), window - lags + 1, -1)
        past, future = vectors[:, :-1], centred[:, lags:]
        gram = past.transpose(0, 2, 1) @ past
        strength = ridge * np.trace(gram, axis1=1, axis2=2) / gram.shape[1] + 1e-12
        gram += strength[:, None, None] * np.eye(gram.shape[1])
        weights = np.linalg.solve(gram, past.transpose(0, 2, 1) @ future)
        state = vectors[:, -1]
        low, high = centred.min(axis=1), centred.max(axis=1)
        for step in range(horizon):
            ahead = (state[:, None, :] @ weights)[:, 0]
            ahead = np.clip(ahead, 2 * low - high, 2 * high - low)
            result[start : start + len(at), step] = ahead + mean[:, 0]
            state = np.concatenate([state[:, channels:], ahead], axis=1)
    return result
