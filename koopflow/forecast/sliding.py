"""Sliding-window Koopman forecasts without memory."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.koopman.windows import WindowModels, advance, check_sizes, fit_windows, present_states

Floats = NDArray[np.float64]


def as_series(values: ArrayLike) -> Floats:
    """Return `values` as a float array (time, channels).

    Raises
    ------
    KoopflowError
        If they are not numbers, have a shape other than (time,) or (time, channels), or contain
        missing or infinite values.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise KoopflowError("values must be numbers in an array of shape (time,) or (time, channels)") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise KoopflowError(f"values must have the shape (time,) or (time, channels) (got {array.shape})")
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise KoopflowError(
            f"values must be finite (got {count} missing or infinite); fill them first, as koopflow.data.series does"
        )
    return array


class SlidingKoopman:
    """Forecasts of a delay-DMD model of the last samples: Redman et al. 2023 without memory.

    Parameters
    ----------
    window, delays, rank : int
        Samples per window and per delay vector, and rank of the model.
    horizon : int
        Steps ahead.
    center, stabilize : bool
        Whether to subtract each window's mean, and to move growing modes onto the unit circle.

    Attributes
    ----------
    models_ : WindowModels
        The last window's model, after `fit`.
    eigenvalues_ : (rank,) complex

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.sin(2 * np.pi * np.arange(80) / 10)
    >>> forecast = SlidingKoopman(window=40, delays=12, rank=2, horizon=5).fit(wave).predict()
    >>> bool(np.allclose(forecast[:, 0], np.sin(2 * np.pi * np.arange(80, 85) / 10)))
    True
    """

    def __init__(
        self, window: int, delays: int, rank: int, horizon: int, *, center: bool = True, stabilize: bool = True
    ) -> None:
        self.window, self.delays, self.rank, self.horizon = window, delays, rank, horizon
        self.center, self.stabilize = center, stabilize

    def fit(self, values: ArrayLike) -> Self:
        """Fit the last window of `values` (time,) or (time, channels); return self.

        Raises
        ------
        KoopflowError
            If a value is missing, sizes are incompatible, or the series is shorter than a window.
        """
        series = as_series(values)
        check_sizes(len(series), series.shape[1], self.window, self.delays, self.rank)
        self._values = series[-self.window :]
        self.models_ = fit_windows(self._values, self.window, self.delays, self.rank, center=self.center)
        self.eigenvalues_ = self.models_.eigenvalues[0]
        return self

    def update(self, values: ArrayLike) -> Self:
        """Append new samples (time,) or (time, channels) and fit the last window; return self."""
        return self.fit(np.concatenate([self._values, as_series(values)]))

    def predict(self, horizon: int | None = None) -> Floats:
        """Return the forecast (horizon, channels) beyond the last sample."""
        states = self._values[None, -self.delays :]
        return advance(self.models_, states, self.models_.mean, horizon or self.horizon, stabilize=self.stabilize)[0]

    def rolling(self, values: ArrayLike) -> Floats:
        """Return forecasts (time, horizon, channels); NaN before the first whole window."""
        series = as_series(values)
        models = fit_windows(series, self.window, self.delays, self.rank, center=self.center)
        return rolling_from(models, series, self.window, self.delays, self.horizon, self.stabilize)


def rolling_from(
    models: WindowModels, values: Floats, window: int, delays: int, horizon: int, stabilize: bool = True
) -> Floats:
    """Return the forecasts (time, horizon, channels) of every window's own model.

    NaN before the first whole window.

    Parameters
    ----------
    models : WindowModels
        Models of all windows of `values`.
    values : (time, channels) float
    window, delays, horizon : int
    stabilize : bool
        Whether to move growing modes onto the unit circle.
    """
    result = np.full((len(values), horizon, values.shape[1]), np.nan)
    for start in range(0, len(models), 2048):
        part = models.take(slice(start, start + 2048))
        origins = np.arange(start, start + len(part)) + window - 1
        result[origins] = advance(
            part, present_states(values, origins, delays), part.mean, horizon, stabilize=stabilize
        )
    return result
