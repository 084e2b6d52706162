"""The experts of `combined` as methods of their own: baselines beside it in every table.

Estimates are made at the same numbers of samples as in `combined`, and shared with it.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from koopflow.forecast.ahead import Ahead
from koopflow.forecast.baselines import persistence
from koopflow.forecast.company.pool import Member, pooled_forecasts
from koopflow.forecast.company.refits import Refits
from koopflow.forecast.estimator import Fitted, known
from koopflow.forecast.options import WindowSettings
from koopflow.forecast.protocol import FittedWindows, Floats, Integers, Situation
from koopflow.forecast.registry import EXPERTS


@dataclass(frozen=True)
class Alone:
    """What an expert uses of a series; see `koopflow.forecast.experts.Known`."""

    series: Floats
    windows: WindowSettings
    horizon: int
    period: int
    ahead: Floats
    seasons: tuple[int, ...]
    refits: Refits
    pooled: Floats | None = None


@dataclass(frozen=True, repr=False)
class OfCompany(Fitted):
    """Base class of an expert of `combined` as a method of its own.

    Parameters
    ----------
    window : int, optional
        Samples of the first estimate; chosen on the early stretch by default.
    period : int, optional
        Samples per season; 1 for none.
    seasons : tuple of int, optional
        Samples of each season, if there are several; found by default.
    """

    window: int | None = None
    period: int | None = None
    seasons: tuple[int, ...] | None = None
    ahead: Ahead | None = field(default=None, repr=False, compare=False)
    fitted: FittedWindows | None = field(default=None, repr=False, compare=False)
    open: ClassVar[tuple[str, ...]] = ("window", "period", "seasons", "ahead", "fitted")
    differenced: ClassVar[bool] = True
    expert: ClassVar[str]

    def __post_init__(self) -> None:
        if isinstance(self.seasons, list):  # a saved forecaster has lists
            object.__setattr__(self, "seasons", tuple(self.seasons))

    def renewed(self, situation: Situation) -> Self:
        """Return this forecaster with what is known ahead of the series of `situation`."""
        return replace(self, ahead=situation.ahead)

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        first, last = int(origins[0]), int(origins[-1])
        window = min(known(self, "window"), first + 1)
        rows = len(values) + horizon
        about = Alone(
            values[:, None],
            WindowSettings(window, 1, 1),
            horizon,
            self.period or 1,
            np.empty((rows, 0)) if self.ahead is None else self.ahead.columns(rows),
            tuple(self.seasons or ()),
            Refits() if self.fitted is None else self.fitted.refits,
        )
        found: Floats = EXPERTS.load(self.expert, "experts")(about, first - window + 1, last - window + 2)
        return found[origins - first, :, 0]


@dataclass(frozen=True, repr=False)
class Airline(OfCompany):
    """The airline model, or ARIMA(1, 1, 1) without a season; see
    `koopflow.forecast.company.airline`.

    Examples
    --------
    >>> import numpy as np
    >>> months = np.arange(96.0) + 10 * np.sin(2 * np.pi * np.arange(96) / 12)
    >>> Airline(window=48, period=12).forecast(months, np.array([83]), 3).round(1)
    array([[84. , 90. , 94.7]])
    """

    expert: ClassVar[str] = "airline"


@dataclass(frozen=True, repr=False)
class Mstl(OfCompany):
    """The last cycles of all seasons (MSTL, statsmodels) and exponential smoothing of the rest; see
    `koopflow.forecast.company.decomposition`."""

    expert: ClassVar[str] = "seasonal_decomposition"


@dataclass(frozen=True, repr=False)
class Regression(OfCompany):
    """A ridge regression for each step ahead; see `koopflow.forecast.company.regression`."""

    expert: ClassVar[str] = "regression"


@dataclass(frozen=True, repr=False)
class Boosting(OfCompany):
    """Boosted trees (scikit-learn), one model for all steps ahead; see
    `koopflow.forecast.company.boosting`."""

    expert: ClassVar[str] = "boosting"


@dataclass(frozen=True, repr=False)
class PooledBoosting(OfCompany):
    """Boosted trees that learn from all series forecast together, ten or more; of fewer, from each
    alone. See `koopflow.forecast.company.pool`."""

    expert: ClassVar[str] = "pooled"

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        found = None if self.ahead is None else self.ahead.pooled
        if found is None:
            alone = Member(np.arange(len(values)), values, np.ones(len(values), dtype=bool))
            found = pooled_forecasts([alone], self.period or 1, horizon)[0]
        own, held = found[origins, :horizon], persistence(values[:, None], origins, horizon)[..., 0]
        return np.where(np.isfinite(own), own, held)
