"""Exponential smoothing (ETS) and ARIMA from statsmodels, as rolling forecasters.

Parameters are estimated at a few times along the series, from the samples known by then. In
between, the states are filtered through every new sample, which is exact and takes one pass. A
forecast uses every sample up to its origin and none after.
"""

import logging
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Order = tuple[int, int, int]

logger = logging.getLogger("koopflow")

ORDERS: tuple[Order, ...] = ((1, 0, 0), (2, 0, 1), (1, 1, 1), (2, 1, 2), (0, 1, 1), (3, 0, 0))
# Maximum number of samples per estimate: of ETS, of ARIMA, and in the comparison of ARIMA orders.
LONGEST, LONGEST_ARIMA, LONGEST_ORDERS = 1500, 800, 600
HARMONICS = 3


def stretches_of(origins: Integers, estimates: int, scored: int | None) -> list[tuple[int, int, NDArray[np.bool_]]]:
    """Return stretches (first, stop, mask of origins), each with one estimate made at `first`."""
    start = int(origins[0]) if scored is None else scored
    edges = np.unique(np.linspace(start, int(origins[-1]) + 1, estimates + 1).astype(int))
    masks = [(origins >= (origins[0] if a == start else a)) & (origins < b) for a, b in pairwise(edges)]
    return [(int(a), int(b), mask) for (a, b), mask in zip(pairwise(edges), masks) if mask.any()]


def exponential_smoothing(
    values: Floats, origins: Integers, horizon: int, period: int, estimates: int = 3, scored: int | None = None
) -> Floats:
    """Return forecasts of additive exponential smoothing with damped trend (Hyndman et al. 2008).

    The model is seasonal if there is a period and three seasons are known.

    Parameters
    ----------
    values : (time,)
    origins : (n,) increasing
    horizon, period : int
    estimates : int
        Number of times that parameters are estimated.
    scored : int, optional
        Time of the first estimate; the first origin by default. Origins before it use the same
        estimate; their errors serve only to learn intervals.

    Returns
    -------
    (n, horizon)
        The last value, with a warning, where statsmodels finds no estimate.
    """
    result = np.empty((len(origins), horizon))
    for first, stop, chosen in stretches_of(origins, estimates, scored):
        begin = max(0, first + 1 - LONGEST)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # if the fit does not converge, its last estimate is used
            estimate = smoothing(values[begin : first + 1], period)
        result[chosen] = smoothed(estimate, values[begin:stop], origins[chosen] - begin, horizon)
    return result


@dataclass(frozen=True)
class Smoothing:
    """Parameters of exponential smoothing with damped trend.

    Attributes
    ----------
    period : int
        Samples per season; 0 for none.
    alpha, beta, gamma, damping : float
        Smoothing of level, trend and season, and the damping of the trend.
    level, trend : float
        State before the first sample.
    season : (period,)
    """

    period: int
    alpha: float
    beta: float
    gamma: float
    damping: float
    level: float
    trend: float
    season: Floats


def smoothing(history: Floats, period: int) -> Smoothing | None:
    """Return the estimate of statsmodels from `history` (time,); None, with a warning in the log,
    if there is none."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    # the fewest samples from which statsmodels starts a season
    seasonal = period > 1 and len(history) >= max(3 * period, 10 + 2 * (period // 2))
    options = {
        "error": "add",
        "trend": "add",
        "damped_trend": True,
        "seasonal": "add" if seasonal else None,
        "seasonal_periods": period if seasonal else None,
        "initialization_method": "heuristic",
    }
    try:
        found = ETSModel(history, **options).fit(disp=False, maxiter=100)
    except (np.linalg.LinAlgError, ValueError) as error:
        logger.warning("ETS: no estimate from %d samples (%s); forecasting the last value", len(history), error)
        return None
    alpha, beta, *others = (float(each) for each in np.asarray(found.params)[: 4 if seasonal else 3])
    gamma, damping = others if seasonal else (0.0, others[0])
    season = np.asarray(found.initial_seasonal, dtype=float) if seasonal else np.zeros(0)
    start = (float(found.initial_level), float(found.initial_trend))
    return Smoothing(period if seasonal else 0, alpha, beta, gamma, damping, *start, season)


def smoothed(estimate: Smoothing | None, values: Floats, origins: Integers, horizon: int) -> Floats:
    """Return forecasts (n, horizon) from `origins`, whose states are filtered through `values`; the
    last value without an estimate."""
    if estimate is None:
        return np.repeat(values[origins][:, None], horizon, axis=1)
    steps = np.arange(1, horizon + 1)
    level, trend, season = _ets_states(values, estimate)
    forecast = level[origins, None] + trend[origins, None] * np.cumsum(estimate.damping**steps)
    if estimate.period:
        forecast = forecast + season[origins[:, None] + 1 + (steps - 1) % estimate.period]
    return forecast


def _ets_states(values: Floats, estimate: Smoothing) -> tuple[Floats, Floats, Floats]:
    """Return level, trend and season filtered through `values`.

    Returns
    -------
    (time,), (time,), (time + period,)
        Level and trend after each sample. At time t, ``season[t + 1 : t + 1 + period]`` are the
        seasonal terms of the next `period` samples.
    """
    alpha, beta, gamma, damping = estimate.alpha, estimate.beta, estimate.gamma, estimate.damping
    period, before, slope = estimate.period, estimate.level, estimate.trend
    level, trend, season = np.empty(len(values)), np.empty(len(values)), np.zeros(len(values) + max(period, 1))
    season[:period] = estimate.season
    for t, value in enumerate(values):
        moved = before + damping * slope
        error = value - moved - (season[t] if period else 0.0)
        before, slope = moved + alpha * error, damping * slope + beta * error
        level[t], trend[t] = before, slope
        if period:
            season[t + period] = season[t] + gamma * error
    return level, trend, season


def arima(
    values: Floats, origins: Integers, horizon: int, period: int, estimates: int = 3, scored: int | None = None
) -> Floats:
    """Return forecasts of the ARIMA model with the lowest AIC among ORDERS, plus seasonal Fourier
    terms.

    Parameters and result as for `exponential_smoothing`. The order is chosen once, at the first
    estimate.
    """
    from statsmodels.tsa.arima.model import ARIMA

    result = np.empty((len(origins), horizon))
    order: Order | None = None
    for first, stop, chosen in stretches_of(origins, estimates, scored):
        begin = max(0, first + 1 - LONGEST)
        known = first + 1 - begin
        seasonal = seasonal_terms(values, begin, first, stop + horizon, period)
        scale = max(float(np.std(values[begin : first + 1])), 1e-12)
        rest = (values[begin:stop] - seasonal[: stop - begin]) / scale
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if order is None:
                recent = rest[:known][-LONGEST_ORDERS:]
                order = min(ORDERS, key=lambda each: _aic(ARIMA, recent, each))
            try:
                estimate = _fit(ARIMA, rest[:known][-LONGEST_ARIMA:], order)
                filtered = ARIMA(rest, order=order).filter(estimate.params)
            except (np.linalg.LinAlgError, ValueError) as error:
                hold(result, chosen, values, origins, "ARIMA", error)
                continue
        at = origins[chosen] - begin
        steps = np.arange(1, horizon + 1)
        result[chosen] = advanced(filtered.filter_results, at, horizon) * scale + seasonal[at[:, None] + steps]
    return result


def seasonal_terms(values: Floats, begin: int, first: int, end: int, period: int) -> Floats:
    """Return the seasonal terms at begin ... end - 1, fitted up to `first`; zeros without a
    season."""
    history = values[begin : first + 1]
    if not len(history) >= 2 * period > 2:
        return np.zeros(end - begin)
    season = _fourier(np.arange(begin, end), period)
    terms = np.column_stack([season[: len(history)], np.ones(len(history))])
    return season @ np.linalg.lstsq(terms, history, rcond=None)[0][:-1]


def advanced(space: Any, at: Integers, horizon: int) -> Floats:
    """Return the forecasts (n, horizon) of a filtered state-space model from the samples `at`."""
    transition, design = space.transition[:, :, -1], space.design[0, :, -1]
    intercept = space.state_intercept[:, -1] if space.state_intercept.ndim == 2 else 0.0
    offset = float(space.obs_intercept[0, -1])
    state = space.predicted_state[:, at + 1]
    result = np.empty((len(at), horizon))
    for step in range(horizon):
        result[:, step] = design @ state + offset
        state = transition @ state + np.reshape(intercept, (-1, 1))
    return result


def hold(
    result: Floats, chosen: NDArray[np.bool_], values: Floats, origins: Integers, name: str, error: Exception
) -> None:
    """Fill `result` with the last value where statsmodels finds no estimate, and log a warning."""
    result[chosen] = values[origins[chosen], None]
    logger.warning(
        "%s: no estimate at sample %d (%s); forecasting the last value", name, int(origins[chosen][0]), error
    )


def _fit(model: Any, values: Floats, order: Order) -> Any:
    return model(values, order=order).fit(method_kwargs={"maxiter": 50})


def _aic(model: Any, values: Floats, order: Order) -> float:
    """Return the AIC of an order; infinity if there is no estimate."""
    try:
        aic = float(_fit(model, values, order).aic)
    except (np.linalg.LinAlgError, ValueError):
        return np.inf
    return aic if np.isfinite(aic) else np.inf


def _fourier(times: Integers, period: int) -> Floats:
    """Return the seasonal Fourier terms (n, 2 x harmonics) at `times`: sines and cosines."""
    count = min(HARMONICS, period // 2)
    angles = 2 * np.pi * times[:, None] * np.arange(1, count + 1) / period
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
