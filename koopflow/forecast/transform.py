"""Reversible transforms of a series: pointwise (root, log, Box-Cox) and differences (first,
seasonal).

Forecasts are made on the transformed series and transformed back. Learned parameters (the offset of
the logarithm, the power of Box and Cox) come from the early stretch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError

Floats = NDArray[np.float64]
POINTWISE = ("none", "root", "log", "boxcox")
POWERS = (0.1, 1.0)
"""Smallest and largest power of Box and Cox; smaller ones are near the logarithm."""
TRANSFORMS = (*POINTWISE, "difference", "seasonal")


@dataclass(frozen=True)
class Transform:
    """A pointwise transform followed by any differences.

    Attributes
    ----------
    pointwise : "none", "root", "log" or "boxcox"
        The root is signed.
    lags : tuple of int
        Lags of the differences that follow, in order: 1 for ``difference``, the period for
        ``seasonal``.
    offset, floor : float
        The logarithm, or the power, is taken of max(value + `offset`, `floor`).
    power : float
        That of Box and Cox: (x ** power - 1) / power.
    """

    pointwise: str = "none"
    lags: tuple[int, ...] = ()
    offset: float = 0.0
    floor: float = 1e-300
    power: float = 1.0

    @property
    def name(self) -> str:
        """Return the pointwise part and the lags of the differences, such as "log" or "root, 1, 12".

        >>> Transform("root", (1, 12)).name
        'root, 1, 12'
        """
        return ", ".join([self.pointwise, *map(str, self.lags)])

    @property
    def lost(self) -> int:
        """Return the number of samples lost to differences at the start."""
        return sum(self.lags)

    def point(self, values: Floats) -> Floats:
        """Return `values` after the pointwise part of the transform."""
        if self.pointwise == "root":
            return np.sign(values) * np.sqrt(np.abs(values))
        if self.pointwise == "log":
            # without the floor, a single later zero would become the largest outlier of the series
            return np.log(np.maximum(values + self.offset, self.floor))
        if self.pointwise == "boxcox":
            return (np.maximum(values + self.offset, self.floor) ** self.power - 1.0) / self.power
        return np.asarray(values, dtype=float)

    def unpoint(self, values: Floats) -> Floats:
        """Return the inverse of `point`."""
        if self.pointwise == "root":
            return np.sign(values) * np.minimum(np.abs(values), 1e150) ** 2
        if self.pointwise == "log":
            return np.exp(np.minimum(values, 700.0)) - self.offset
        if self.pointwise == "boxcox":
            # below the transform of 0 there is no value: an interval ends there
            base = np.clip(self.power * values + 1.0, 0.0, 1e150**self.power)
            return base ** (1.0 / self.power) - self.offset
        return values

    def apply(self, values: Floats) -> Floats:
        """Return the transformed series, ``lost`` samples shorter."""
        result = self.point(values)
        for lag in self.lags:
            result = result[lag:] - result[:-lag]
        return result

    def undo(self, values: Floats, origins: NDArray[np.intp], forecasts: Floats) -> Floats:
        """Return forecasts of the differenced series, summed back to the pointwise scale.

        Parameters
        ----------
        values : (time, channels)
            The series itself.
        origins : (n,)
            Indices in `values` of the last known samples.
        forecasts : (n, horizon, channels)

        Returns
        -------
        (n, horizon, channels)
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


def build(names: Sequence[str] | str, period: int, early: Floats, name: str = "series") -> Transform:
    """Return the transform described by `names`.

    Parameters
    ----------
    names : str or sequence of str
        Names in TRANSFORMS; at most one of POINTWISE, and in first place.
    period : int
        Samples per season.
    early : (time, ...) float
        The early stretch, which determines offset and floor.
    name : str
        The key named in errors.

    Raises
    ------
    KoopflowError
        If a name is unknown or out of place, or a seasonal difference has no period.
    """
    names = [names] if isinstance(names, str) else list(names)
    pointwise = "none"
    lags: list[int] = []
    for position, each in enumerate(names):
        if each in POINTWISE and position == 0:
            pointwise = each
        elif each == "difference":
            lags.append(1)
        elif each == "seasonal" and period > 1:
            lags.append(period)
        elif each == "seasonal":
            raise KoopflowError(
                f"{name}.transform: period must be above 1 for seasonal (got {period}); set {name}.period"
            )
        else:
            raise KoopflowError(
                f"{name}.transform: must be names from {', '.join(TRANSFORMS)}, with {', '.join(POINTWISE)} first "
                f"(got {each!r} at position {position + 1})"
            )
    offset, positive = 0.0, pointwise in ("log", "boxcox")
    if positive and np.min(early) <= 0:
        spread = np.abs(early[early != 0])
        offset = float(-np.min(early) + (np.min(spread) / 2 if len(spread) else 1.0))
    floor = 0.1 * float(np.min(early) + offset) if positive else 1e-300
    power = _power(early + offset) if pointwise == "boxcox" else 1.0
    return Transform(pointwise, tuple(lags), offset, floor, power)


def _power(early: Floats) -> float:
    """Return the power with the greatest likelihood under normal changes from sample to sample (Box
    and Cox 1964); changes, since levels of a series depend on each other."""
    values = np.asarray(early, dtype=float).reshape(-1)
    values = values / np.exp(np.mean(np.log(values)))
    powers = np.linspace(*POWERS, 19)
    spread = [float(np.mean(np.diff((values**each - 1.0) / each) ** 2)) for each in powers]
    return float(powers[int(np.argmin(spread))])
