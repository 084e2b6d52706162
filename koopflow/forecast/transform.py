"""Reversible transforms of a series: pointwise (root, log) and differences (first, seasonal).

Forecasts are made of the transformed series and brought back; whatever a transform learns (log's offset) comes from the early
stretch.
"""

from dataclasses import dataclass

import numpy as np

from koopflow.core.errors import KoopflowError

POINTWISE = ("none", "root", "log")
TRANSFORMS = (*POINTWISE, "difference", "seasonal")


@dataclass(frozen=True)
class Transform:
    """A pointwise transform followed by any differences.

    Attributes
    ----------
    pointwise : "none", "root" or "log"
        Root keeps the sign; log is of the value plus `offset`.
    lags : tuple of int
        Lags of the differences taken after it, in order: 1 for ``difference``, the period for ``seasonal``.
    offset, floor : float
        The logarithm is of the value plus `offset`, held at `floor` where that is smaller.
    """

    pointwise: str = "none"
    lags: tuple[int, ...] = ()
    offset: float = 0.0
    floor: float = 1e-300

    @property
    def lost(self) -> int:
        """Return how many samples at the start the differences use up."""
        return sum(self.lags)

    def point(self, values: np.ndarray) -> np.ndarray:
        """Return the pointwise part of the transform."""
        if self.pointwise == "root":
            return np.sign(values) * np.sqrt(np.abs(values))
        if self.pointwise == "log":
            # One later zero must not become the largest outlier of the series.
            return np.log(np.maximum(values + self.offset, self.floor))
        return np.asarray(values, dtype=float)

    def unpoint(self, values: np.ndarray) -> np.ndarray:
        """Undo `point`."""
        if self.pointwise == "root":
            return np.sign(values) * np.minimum(np.abs(values), 1e150) ** 2
        if self.pointwise == "log":
            return np.exp(np.minimum(values, 700.0)) - self.offset
        return values

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return the transformed series, ``lost`` samples shorter."""
        result = self.point(values)
        for lag in self.lags:
            result = result[lag:] - result[:-lag]
        return result

    def undo(self, values: np.ndarray, origins: np.ndarray, forecasts: np.ndarray) -> np.ndarray:
        """Return forecasts on the pointwise scale from forecasts of the differenced series.

        Parameters
        ----------
        values : (time, channels)
            The series itself.
        origins : (n,)
            Times in `values` of the last known sample.
        forecasts : (n, horizon, channels)
        """
        levels = [self.point(values)]
        for lag in self.lags:
            before = levels[-1]
            levels.append(np.concatenate([np.full((lag, *before.shape[1:]), np.nan), before[lag:] - before[:-lag]]))
        for lag, level in zip(reversed(self.lags), reversed(levels[:-1])):
            known = level[np.asarray(origins)[:, None] + np.arange(1 - lag, 1)]
            whole = np.concatenate([known, forecasts], axis=1)
            for step in range(forecasts.shape[1]):
                whole[:, lag + step] += whole[:, step]
            forecasts = whole[:, lag:]
        return forecasts


def build(names: list[str] | str, period: int, early: np.ndarray, name: str = "series") -> Transform:
    """Return the transform that `names` describe, one of POINTWISE at most and first.

    Raises
    ------
    KoopflowError
        If a name is unknown, or a seasonal difference is asked for without a season.
    """
    names = [names] if isinstance(names, str) else list(names)
    pointwise, lags = "none", []
    for position, each in enumerate(names):
        if each in POINTWISE and position == 0:
            pointwise = each
        elif each == "difference":
            lags.append(1)
        elif each == "seasonal" and period > 1:
            lags.append(period)
        elif each == "seasonal":
            raise KoopflowError(f"{name}.transform: seasonal needs a period above 1, found {period}; set {name}.period")
        else:
            raise KoopflowError(
                f"{name}.transform: {each!r} at place {position + 1}; accepted are {', '.join(TRANSFORMS)}, pointwise first"
            )
    offset = 0.0
    if pointwise == "log" and np.min(early) <= 0:
        spread = np.abs(early[early != 0])
        offset = float(-np.min(early) + (np.min(spread) / 2 if len(spread) else 1.0))
    floor = 0.1 * float(np.min(early) + offset) if pointwise == "log" else 1e-300
    return Transform(pointwise, tuple(lags), offset, floor)
