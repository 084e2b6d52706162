"""The forecasters without Koopman models: baselines and classical models."""

from dataclasses import dataclass
from typing import ClassVar

from koopflow.forecast import baselines, classical
from koopflow.forecast.auto_arima import auto_arima
from koopflow.forecast.estimator import Fitted, known
from koopflow.forecast.protocol import Floats, Integers
from koopflow.forecast.theta import theta


@dataclass(frozen=True, repr=False)
class Persistence(Fitted):
    """Hold the last value.

    Examples
    --------
    >>> import numpy as np
    >>> Persistence().forecast(np.arange(10.0), np.array([4, 9]), 2)
    array([[4., 4.],
           [9., 9.]])
    """

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return baselines.persistence(values[:, None], origins, horizon)[..., 0]


@dataclass(frozen=True, repr=False)
class SeasonalNaive(Fitted):
    """Repeat the last season of `period` samples."""

    period: int | None = None
    open: ClassVar[tuple[str, ...]] = ("period",)

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return baselines.seasonal_naive(values[:, None], origins, horizon, self.period or 1)[..., 0]


@dataclass(frozen=True, repr=False)
class Drift(Fitted):
    """Continue the line through the first and last of the last `window` samples; None uses all
    samples."""

    window: int | None = None

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return baselines.drift(values[:, None], origins, horizon, self.window)[..., 0]


@dataclass(frozen=True, repr=False)
class Estimated(Fitted):
    """Base of forecasters whose parameters are estimated a few times along the series."""

    period: int | None = None
    estimates: int | None = None
    first: int | None = None
    open: ClassVar[tuple[str, ...]] = ("period", "estimates", "first")
    differenced: ClassVar[bool] = True


@dataclass(frozen=True, repr=False)
class Ets(Estimated):
    """Exponential smoothing with damped trend and season; see `classical.exponential_smoothing`."""

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return classical.exponential_smoothing(
            values, origins, horizon, self.period or 1, self.estimates or 3, self.first
        )


@dataclass(frozen=True, repr=False)
class Arima(Estimated):
    """ARIMA with order chosen by AIC and seasonal Fourier terms; see `classical.arima`."""

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return classical.arima(values, origins, horizon, self.period or 1, self.estimates or 3, self.first)


@dataclass(frozen=True, repr=False)
class AutoArima(Estimated):
    """Seasonal ARIMA with orders chosen by AICc; see `koopflow.forecast.auto_arima`."""

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return auto_arima(values, origins, horizon, self.period or 1, self.estimates or 3, self.first)


@dataclass(frozen=True, repr=False)
class Theta(Estimated):
    """The Theta method; see `koopflow.forecast.theta`."""

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return theta(values, origins, horizon, self.period or 1, self.estimates or 3, self.first)


@dataclass(frozen=True, repr=False)
class Ridge(Fitted):
    """Ridge autoregression on each origin's window (`baselines.ridge_autoregression`)."""

    window: int | None = None
    delays: int | None = None
    ridge: float = 1e-2
    open: ClassVar[tuple[str, ...]] = ("window", "delays")
    differenced: ClassVar[bool] = True

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        window, lags = known(self, "window"), known(self, "delays")
        return baselines.ridge_autoregression(values[:, None], origins, horizon, window, lags, self.ridge)[..., 0]
