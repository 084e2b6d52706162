"""The forecasters: objects that hold their options; None leaves an option open."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

from koopflow.core.errors import KoopflowError
from koopflow.forecast import baselines, classical
from koopflow.forecast.experts import RECALLING, expert_names
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import GateSettings, RecallSettings, WindowSettings
from koopflow.forecast.protocol import Configured, FittedWindows, Floats, Integers, Recollection, Situation
from koopflow.forecast.sliding import rolling_from
from koopflow.koopman.windows import WindowModels

SIZES = ("window", "delays", "rank")
WITHOUT_MEMORY = ("persistence", "sliding", "seasonal")


@dataclass(frozen=True, repr=False)
class Persistence(Configured):
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
class SeasonalNaive(Configured):
    """Repeat the last season of `period` samples."""

    period: int | None = None
    open: ClassVar[tuple[str, ...]] = ("period",)

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return baselines.seasonal_naive(values[:, None], origins, horizon, self.period or 1)[..., 0]


@dataclass(frozen=True, repr=False)
class Drift(Configured):
    """Continue the line through the first and last of the last `window` samples; None uses all
    samples."""

    window: int | None = None

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return baselines.drift(values[:, None], origins, horizon, self.window)[..., 0]


@dataclass(frozen=True, repr=False)
class Estimated(Configured):
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
class Ridge(Configured):
    """Ridge autoregression on each origin's window (`baselines.ridge_autoregression`)."""

    window: int | None = None
    delays: int | None = None
    ridge: float = 1e-2
    open: ClassVar[tuple[str, ...]] = ("window", "delays")
    differenced: ClassVar[bool] = True

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        window, lags = _known(self, "window"), _known(self, "delays")
        return baselines.ridge_autoregression(values[:, None], origins, horizon, window, lags, self.ridge)[..., 0]


@dataclass(frozen=True, repr=False)
class WindowForecaster(Configured):
    """Base class of forecasters that fit delay-DMD models to windows.

    Parameters
    ----------
    window, delays, rank : int, optional
        Samples per window and per delay vector, and rank of the model; None chooses on the early
        stretch.
    """

    window: int | None = None
    delays: int | None = None
    rank: int | None = None
    fitted: FittedWindows | None = field(default=None, repr=False, compare=False)
    open: ClassVar[tuple[str, ...]] = (*SIZES, "fitted")
    differenced: ClassVar[bool] = True

    def for_series(self, situation: Situation) -> Self:
        """Return this forecaster with open options set; open sizes are chosen to fit the given
        ones."""
        given = (self.window, self.delays, self.rank)
        if situation.sizes is not None and None in given and any(given):
            sizes = situation.sizes(*given)
            situation = replace(situation, window=sizes.window, delays=sizes.delays, rank=sizes.rank)
        return super().for_series(situation)

    def windows(self) -> WindowSettings:
        """Return the sizes; raise a KoopflowError if any is open."""
        return WindowSettings(_known(self, "window"), _known(self, "delays"), _known(self, "rank"))

    def models(self, values: Floats) -> WindowModels:
        """Return the models of all windows of `values` (time,)."""
        windows = self.windows()
        return (self.fitted or FittedWindows()).of(values, windows.window, windows.delays, windows.rank)


@dataclass(frozen=True, repr=False)
class Sliding(WindowForecaster):
    """Sliding-window forecasts without memory, from a delay-DMD model of the last samples.

    Parameters
    ----------
    window, delays, rank : int, optional
        Samples per window and per delay vector, and rank of the model; None chooses on the early
        stretch.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.cos(2 * np.pi * np.arange(80) / 10)
    >>> Sliding(window=40, delays=12, rank=2).forecast(wave, np.array([59]), 5).round(3)
    array([[ 1.   ,  0.809,  0.309, -0.309, -0.809]])
    """

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        windows = self.windows()
        return rolling_from(self.models(values), values[:, None], windows.window, windows.delays, horizon)[
            origins, :, 0
        ]


@dataclass(frozen=True, repr=False)
class Episodic(WindowForecaster):
    """Koopman forecasts with episodic memory: recall if near enough, else the sliding forecast.

    The spectrum of the present window is compared with the spectra of all earlier windows whose
    future is known; models of the nearest windows advance the state (Redman et al. 2023, arXiv
    2311.12615).

    Parameters
    ----------
    window, delays, rank : int, optional
        As for `Sliding`.
    period : int, optional
        Samples per season; 1 for none.
    recalled : "later", "following" or "same", optional
        The model used of a recalled window; see `koopflow.forecast.options.RecallSettings`.
    matches : int, optional
        Number of nearest windows to average.
    exclusion : float, optional
        Shortest time between recalled windows, and between them and the present, in lengths of a
        window; 1 recalls one window per episode.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.cos(2 * np.pi * np.arange(200) / 10)
    >>> Episodic(window=40, delays=12, rank=2, matches=1).forecast(wave, np.array([159]), 5).round(3)
    array([[ 1.   ,  0.809,  0.309, -0.309, -0.809]])
    """

    period: int | None = None
    recalled: str | None = None
    matches: int | None = None
    exclusion: float | None = None
    measure: Callable[[Floats], Floats] | None = field(default=None, repr=False, compare=False)
    open: ClassVar[tuple[str, ...]] = (*WindowForecaster.open, "period", "recalled", "matches", "exclusion", "measure")
    scheme: ClassVar[Literal["gated", "basic"]] = "basic"

    def experts(self) -> tuple[str, ...] | None:
        """Return the experts that the gate weights; None means all that suit the season."""
        return None

    def recall(self, values: Floats, origins: Integers, horizon: int) -> Recollection:
        """Return forecasts from `origins`, with the recalled windows."""
        memory = EpisodicKoopman(
            self.windows(),
            horizon,
            scheme=self.scheme,
            recall=RecallSettings(
                recalled=self.recalled or "later", matches=self.matches or 3, exclusion=self.exclusion or 0.0
            ),
            gate=GateSettings(experts=self.experts(), period=self.period or 1),
            measure=self.measure,
        ).fit(values, self.models(values))
        return Recollection(memory.forecasts_[origins, :, 0], memory.recalled_[origins], memory.distances_[origins])

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return self.recall(values, origins, horizon).forecasts


@dataclass(frozen=True, repr=False)
class Gated(Episodic):
    """Recalled, sliding and plain forecasts, weighted at each step ahead by their past errors.

    Parameters as for `Episodic`; see `koopflow.forecast.gate.Gate` for the weights.

    Examples
    --------
    >>> Gated(window=40, matches=5)
    Gated(window=40, matches=5)
    """

    scheme: ClassVar[Literal["gated", "basic"]] = "gated"


@dataclass(frozen=True, repr=False)
class GatedWithoutRecall(Gated):
    """The gate with all experts except those that recall windows.

    Recalled windows are not used in the prior of the weights either. The difference from `Gated` is
    what episodic memory adds.
    """

    def experts(self) -> tuple[str, ...]:
        """Return the experts that recall nothing."""
        return tuple(name for name in expert_names(self.period or 1) if name not in RECALLING)


@dataclass(frozen=True, repr=False)
class GatedWithoutMemory(Gated):
    """The gate with the sliding forecast and naive ones only.

    It lacks experts that recall nothing, too; `GatedWithoutRecall` is the control for memory.
    """

    def experts(self) -> tuple[str, ...]:
        """Return the sliding and the naive experts."""
        return tuple(name for name in WITHOUT_MEMORY if name != "seasonal" or (self.period or 1) > 1)


def _known(forecaster: Configured, name: str) -> int:
    value = getattr(forecaster, name)
    if value is None:
        raise KoopflowError(
            f"{forecaster!r}: {name} must be given (got None); or call koopflow.evaluate, which chooses it"
        )
    return int(value)
