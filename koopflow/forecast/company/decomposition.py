"""All seasons taken off by MSTL (statsmodels), the rest by exponential smoothing.

Seasons are those of Bandara, Hyndman and Bergmeir (arXiv 2107.13462): each is a smooth pattern that
drifts over the cycles. Its last cycle goes on.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.classical import Smoothing, smoothed, smoothing

Floats = NDArray[np.float64]
LONGEST, CYCLES, PLAIN = 1500, 10, 400
"""Most samples of an estimate: the latest, no more than this many of the longest season, and those
of a series without a season."""


@dataclass(frozen=True)
class Decomposition:
    """Seasons and the smoothing of the rest.

    Attributes
    ----------
    begin : int
        The first sample of the estimate.
    season : (n,)
        The sum of all seasons at the samples begin ... begin + n - 1.
    cycles : tuple of arrays (season,)
        The last cycle of each season.
    rest : Smoothing, optional
    """

    begin: int
    season: Floats
    cycles: tuple[Floats, ...]
    rest: Smoothing | None

    def seasons(self, count: int) -> Floats:
        """Return the sum of all seasons at the samples begin ... begin + count - 1; after those of
        the estimate, the last cycles go on."""
        known = len(self.season)
        beyond = np.arange(max(0, count - known))
        later = sum((cycle[beyond % len(cycle)] for cycle in self.cycles), np.zeros(len(beyond)))
        return np.concatenate([self.season, later])[:count]


def fitted(series: Floats, seasons: tuple[int, ...]) -> Decomposition | None:
    """Return the decomposition of a series (time,); None before three cycles of its first season.

    Seasons of which less than three cycles are known are left out. A series without a season (1) is
    smoothed as it is.
    """
    from statsmodels.tsa.seasonal import MSTL

    seasonal = [each for each in sorted(seasons) if each > 1]
    usable = [each for each in seasonal if 3 * each <= min(len(series), LONGEST)]
    if seasonal and not usable:
        return None
    begin = max(0, len(series) - min(LONGEST, CYCLES * usable[-1] if usable else PLAIN))
    recent = series[begin:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # if the fit does not converge, its last estimate is used
        parts = MSTL(recent, periods=usable).fit().seasonal if usable else np.empty((len(recent), 0))
        found = np.asarray(parts, dtype=float).reshape(len(recent), len(usable))
        season = found.sum(axis=1)
        cycles = tuple(part[-each:] for part, each in zip(found.T, usable))
        return Decomposition(begin, season, cycles, smoothing(recent - season, 1))


def predicted(model: Decomposition | None, series: Floats, origins: NDArray[np.intp], horizon: int) -> Floats:
    """Return forecasts (n, horizon) from `origins`; the last value without a decomposition."""
    if model is None:
        return np.repeat(series[origins][:, None], horizon, axis=1)
    season = model.seasons(len(series) - model.begin + horizon)
    at = origins - model.begin
    rest = smoothed(model.rest, series[model.begin :] - season[: len(series) - model.begin], at, horizon)
    return rest + season[at[:, None] + np.arange(1, horizon + 1)]
