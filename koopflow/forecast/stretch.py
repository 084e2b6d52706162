"""A series with its settings, and the origins from which all forecasters forecast it."""

from dataclasses import dataclass
from functools import partial
from math import gcd

import numpy as np
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.data.series.series import Series, written
from koopflow.forecast.ahead import ahead_of
from koopflow.forecast.choices import Choices, early_stretch
from koopflow.forecast.protocol import Floats, Integers, Situation

# Warm-up origins before the scored ones: their errors set the intervals at the first scored origin.
WARM = 200


@dataclass(frozen=True)
class Stretch:
    """A series with its settings, and the origins shared by all forecasters.

    Attributes
    ----------
    samples : (time, 1)
    origins : (n,)
        Warm-up origins, then scored ones; origins with a missing value are left out.
    scored : (n,) bool
    truth : (n, horizon)
        NaN where not observed, or not yet known.
    situation : Situation
        Settings for forecasters of the undifferenced series.
    every : int
        Samples from one origin to the next.
    """

    series: Series
    choices: Choices
    samples: Floats
    origins: Integers
    scored: NDArray[np.bool_]
    truth: Floats
    situation: Situation
    every: int = 1

    @property
    def locked(self) -> bool:
        """Return whether a step ahead always meets the same phases of a season, whose errors may
        then differ from step to step."""
        return any(gcd(self.every, season) > 1 for season in (self.choices.period, *self.series.seasons))

    @property
    def stamps(self) -> NDArray[np.object_]:
        """Return the stamps of the origins as text, (n,)."""
        return written(self.series.time)[self.origins]

    def units(self, values: Floats, lower: Floats) -> tuple[Floats, Floats]:
        """Return forecasts and lower ends on the pointwise scale in the series' own units.

        Intervals are computed on the pointwise scale: undoing a root or log makes them as skewed as
        the series. The lower end of roots is zero at least if the series is non-negative.
        """
        transform = self.choices.transform
        if transform.pointwise == "root" and self.samples[: self.choices.early].min() >= 0:
            lower = np.maximum(lower, 0.0)
        return transform.unpoint(values), transform.unpoint(lower)


def stretch_of(
    series: Series, choices: Choices, estimates: int, settings: SeriesSettings, pooled: Floats | None = None
) -> Stretch:
    """Return a series with its choices, and the origins shared by all forecasters.

    `pooled` (time, horizon or more) are forecasts by a model of many series, in the series' units.
    """
    values = series.values[:, None]
    lost, transform, every = choices.transform.lost, choices.transform, settings.every
    first = max(choices.early, choices.window + lost)
    origins = np.arange(first, len(values), every)
    if origins[-1] != len(values) - 1:
        origins = np.append(origins, len(values) - 1)
    warm = np.arange(first - every, max(choices.window + lost - 1, first - 5 * WARM), -every)[:WARM][::-1]
    origins = np.concatenate([warm, origins])
    origins = origins[series.observed[origins]]
    padded = np.concatenate([np.where(series.observed, series.values, np.nan), np.full(choices.horizon, np.nan)])
    truth = padded[origins[:, None] + np.arange(1, choices.horizon + 1)]
    # Differences cannot be undone step by step, so errors of a differenced series stay in units of
    # the differences.
    measure = None if transform.lags else transform.unpoint
    situation = Situation(
        period=choices.period,
        window=choices.window,
        delays=choices.delays,
        rank=choices.rank,
        recalled=choices.recalled,
        matches=choices.matches,
        first=first,
        exclusion=settings.exclusion,
        estimates=estimates,
        measure=measure,
        beside=series.beside,
        seasons=series.seasons,
        ahead=ahead_of(series, choices.horizon, None if transform.lags or pooled is None else transform.point(pooled)),
        sizes=partial(early_stretch(series, choices.horizon).sizes, transform),
    )
    return Stretch(series, choices, values, origins, origins >= first, truth, situation, every)
