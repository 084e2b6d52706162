"""The regressors of direct forecasts: recent samples, every season, and what is known ahead.

Everything is relative to the last sample, so that the level of a series does not matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
BLOCK = 512
"""Origins whose regressors are held at once."""


@dataclass(frozen=True)
class Design:
    """Which regressors a direct forecast has.

    Attributes
    ----------
    lags : int
        Number of recent samples.
    seasons : tuple of int
        Samples per season, each above 1.
    horizon : int
        Steps ahead.
    """

    lags: int
    seasons: tuple[int, ...]
    horizon: int

    def rows(self, series: Floats, ahead: Floats, origins: Integers, steps: Integers) -> Floats:
        """Return the regressors of the changes from each origin to each step ahead.

        Parameters
        ----------
        series : (time,)
            Row i uses only ``series[: origins[i] + 1]``.
        ahead : (time + horizon, columns)
            What is known ahead, such as the calendar; no columns if there is nothing.
        origins : (n,)
        steps : (s,)

        Returns
        -------
        (n, s, regressors)
            The last `lags` samples; for each season the sample at the same phase as the target, the
            ones beside it and that a season earlier, and the change since the last season; the mean
            over the lags and over each season; then `ahead` at the target, less that at the origin
            and less that at the same phase of the first season.
        """
        level = series[origins]
        own = [series[np.maximum(origins - lag, 0)] for lag in range(1, self.lags + 1)]
        sums = np.concatenate([[0.0], np.cumsum(series)])
        for span in (self.lags + 1, *self.seasons):
            begin = np.maximum(origins + 1 - span, 0)
            own.append((sums[origins + 1] - sums[begin]) / (origins + 1 - begin))
        for season in self.seasons:
            own.append(series[np.maximum(origins - season, 0)])
        shared = np.stack(own, axis=1) - level[:, None]
        parts = [np.repeat(shared[:, None, :], len(steps), axis=1)]
        targets = origins[:, None] + steps
        for season in self.seasons:
            same = targets - season * (-(-steps // season))
            beside = np.where(same + 1 > origins[:, None], same + 1 - season, same + 1)
            places = np.stack([same, same - 1, beside, same - season], axis=-1)
            parts.append(series[np.maximum(places, 0)] - level[:, None, None])
        if ahead.shape[1]:
            there = ahead[targets]
            parts += [there, there - ahead[origins][:, None]]
            if self.seasons:
                same = np.maximum(targets - self.seasons[0] * (-(-steps // self.seasons[0])), 0)
                parts.append(there - ahead[same])
        return np.concatenate(parts, axis=-1)

    def known(self, columns: int) -> int:
        """Return how many of the regressors, the last ones, come from `columns` known ahead."""
        return columns * (3 if self.seasons else 2)

    def blocks(self, series: Floats, ahead: Floats, origins: Integers) -> Iterator[tuple[slice, Floats]]:
        """Yield the regressors of all steps, some origins at a time."""
        steps = np.arange(1, self.horizon + 1)
        for begin in range(0, len(origins), BLOCK):
            part = slice(begin, begin + BLOCK)
            yield part, self.rows(series, ahead, origins[part], steps)
