"""The experts of `combined` beside those of `gated`; see `koopflow.forecast.experts`."""

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.baselines import persistence
from koopflow.forecast.classical import Smoothing, smoothed, smoothing
from koopflow.forecast.company import airline as airline_model
from koopflow.forecast.company import boosting as boosted
from koopflow.forecast.company import decomposition
from koopflow.forecast.company import regression as linear
from koopflow.forecast.company.design import Design
from koopflow.forecast.company.refits import Refits, stretches
from koopflow.forecast.options import WindowSettings

Floats = NDArray[np.float64]
MOST_LAGS = 24
LONGEST = 400
"""Most samples of an estimate of exponential smoothing: the latest, or four seasons if these are more."""


class Learned(Protocol):
    """What these experts use of `koopflow.forecast.experts.Known`."""

    @property
    def series(self) -> Floats:
        """Return all samples so far, (time, channels)."""

    @property
    def windows(self) -> WindowSettings:
        """Return the sizes of windows."""

    @property
    def horizon(self) -> int:
        """Return the number of steps ahead."""

    @property
    def period(self) -> int:
        """Return the samples per season; 1 for none."""

    @property
    def ahead(self) -> Floats:
        """Return what is known ahead, (time + horizon, columns)."""

    @property
    def seasons(self) -> tuple[int, ...]:
        """Return the samples of each season, if there are several."""

    @property
    def refits(self) -> Refits:
        """Return the store of estimates."""

    @property
    def pooled(self) -> Floats | None:
        """Return what a model of many series forecasts, (time, horizon), if there is one."""


def regression(known: Learned, start: int, stop: int) -> Floats:
    """Return direct linear forecasts from recent samples, all seasons, and what is known ahead."""
    design = _design(known)
    return _each(
        known,
        start,
        stop,
        ("regression", design),
        lambda series, ahead: linear.fitted(design, series, ahead),
        lambda model, series, origins: linear.predicted(design, model, series, known.ahead, origins),
    )


def boosting(known: Learned, start: int, stop: int) -> Floats:
    """Return forecasts of boosted trees from the regressors of `regression`."""
    design = _design(known)
    return _each(
        known,
        start,
        stop,
        ("boosting", design),
        lambda series, ahead: boosted.fitted(design, series, ahead),
        lambda model, series, origins: boosted.predicted(design, model, series, known.ahead, origins),
    )


def airline(known: Learned, start: int, stop: int) -> Floats:
    """Return forecasts of the airline model."""
    return _each(
        known,
        start,
        stop,
        ("airline", known.period),
        lambda series, ahead: airline_model.fitted(series, known.period),
        lambda model, series, origins: airline_model.predicted(model, series, known.period, origins, known.horizon),
    )


def ets(known: Learned, start: int, stop: int) -> Floats:
    """Return forecasts of exponential smoothing with damped trend and season, estimated by
    statsmodels."""
    return _each(
        known,
        start,
        stop,
        ("ets", known.period),
        lambda series, ahead: _smoothing(series, known.period),
        lambda model, series, origins: smoothed(model[1], series[model[0] :], origins - model[0], known.horizon),
    )


def seasonal_decomposition(known: Learned, start: int, stop: int) -> Floats:
    """Return the last cycles of all seasons (MSTL, statsmodels), and exponential smoothing of the
    rest."""
    seasons = known.seasons or (known.period,)
    return _each(
        known,
        start,
        stop,
        ("decomposition", seasons),
        lambda series, ahead: decomposition.fitted(series, seasons),
        lambda model, series, origins: decomposition.predicted(model, series, origins, known.horizon),
    )


def pooled(known: Learned, start: int, stop: int) -> Floats:
    """Return what a model of many series forecasts; the last value where there is none."""
    origins = np.arange(start, stop) + known.windows.window - 1
    held, given = persistence(known.series, origins, known.horizon), known.pooled
    if given is None or len(given) < len(known.series):
        return held
    own = given[origins, : known.horizon, None]
    return np.where(np.isfinite(own), own, held)


def _smoothing(series: Floats, period: int) -> tuple[int, Smoothing | None]:
    """Return the first sample that an estimate uses, and the estimate."""
    begin = max(0, len(series) - max(LONGEST, 4 * period))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # if the fit does not converge, its last estimate is used
        return begin, smoothing(series[begin:], period)


def _design(known: Learned) -> Design:
    lags = min(MOST_LAGS, max(4, known.windows.window // 2))
    return Design(lags, known.seasons or ((known.period,) if known.period > 1 else ()), known.horizon)


def _each(
    known: Learned,
    start: int,
    stop: int,
    what: tuple[Any, ...],
    fit: Callable[[Floats, Floats], Any],
    predict: Callable[[Any, Floats, NDArray[np.intp]], Floats],
) -> Floats:
    """Return the forecasts (stop - start, horizon, channels) of a model that is estimated now and
    then."""
    first = known.windows.window - 1
    parts = []
    for part in stretches(start + first, stop + first, first + 1):
        origins = np.arange(part.first, part.stop)
        channels = []
        for series in known.series.T:
            past, ahead = series[: part.known].copy(), known.ahead[: part.known]
            model = known.refits.of((what, ahead.shape[1]), past, lambda past=past, ahead=ahead: fit(past, ahead))  # type: ignore[misc]
            channels.append(predict(model, series[: part.stop], origins))
        parts.append(np.stack(channels, axis=-1))
    return np.concatenate(parts)
