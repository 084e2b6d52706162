"""Exponential smoothing (ETS) and ARIMA from statsmodels, as rolling forecasters.

Parameters are estimated on what is known at a few times; in between, the states are filtered through every new sample, which is
exact and costs one pass over the series. A forecast from any origin therefore uses every sample up to it and none after.
"""

import logging
import warnings
from itertools import pairwise

import numpy as np

logger = logging.getLogger("koopflow")

ORDERS = ((1, 0, 0), (2, 0, 1), (1, 1, 1), (2, 1, 2), (0, 1, 1), (3, 0, 0))
LONGEST = 1500
HARMONICS = 3


def _stretches(origins: np.ndarray, estimates: int, scored: int | None) -> list[tuple[int, int, np.ndarray]]:
    """Return stretches (from, to, which origins) that share one estimate, made from samples up to and including ``from``."""
    start = int(origins[0]) if scored is None else scored
    edges = np.unique(np.linspace(start, int(origins[-1]) + 1, estimates + 1).astype(int))
    masks = [(origins >= (origins[0] if a == start else a)) & (origins < b) for a, b in pairwise(edges)]
    return [(int(a), int(b), mask) for (a, b), mask in zip(pairwise(edges), masks) if mask.any()]


def exponential_smoothing(
    values: np.ndarray, origins: np.ndarray, horizon: int, period: int, estimates: int = 3, scored: int | None = None
) -> np.ndarray:
    """Forecast with additive damped-trend exponential smoothing, seasonal where there is a period (Hyndman et al. 2008).

    Parameters
    ----------
    values : (time,)
    origins : (n,) increasing
    estimates : int
        How often the parameters are estimated anew.
    scored : int, optional
        Where the first estimate is made (the first origin, if absent). Origins before it are forecast with that estimate too: they
        serve to learn the size of errors, not to be scored.

    Returns
    -------
    (n, horizon)
    """
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    result = np.empty((len(origins), horizon))
    steps = np.arange(1, horizon + 1)
    for first, last, chosen in _stretches(origins, estimates, scored):
        history = values[max(0, first + 1 - LONGEST) : first + 1]
        seasonal = period > 1 and len(history) >= 3 * period
        begin = max(0, first + 1 - LONGEST)
        options = {
            "error": "add",
            "trend": "add",
            "damped_trend": True,
            "seasonal": "add" if seasonal else None,
            "seasonal_periods": period if seasonal else None,
            "initialization_method": "heuristic",
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence warnings: the last estimate is used as it stands
            try:
                estimate = ETSModel(history, **options).fit(disp=False, maxiter=100)
            except (np.linalg.LinAlgError, ValueError) as error:
                _hold(result, chosen, values, origins, "ETS", error)
                continue
        level, trend, season = _ets_states(values[begin:last], estimate, period if seasonal else 0)
        damping = float(estimate.params[3 if seasonal else 2])
        at = origins[chosen] - begin
        forecast = level[at, None] + trend[at, None] * np.cumsum(damping**steps)
        if seasonal:
            forecast = forecast + season[at[:, None] + 1 + (steps - 1) % period]
        result[chosen] = forecast
    return result


def _ets_states(values: np.ndarray, estimate, period: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Filter level, trend and season through `values` with statsmodels' estimate.

    Returns
    -------
    (time,), (time,), (time + period,)
        Level and trend after each sample; ``season[t + 1 : t + 1 + period]`` are the seasonal terms of the next `period` samples
        at t.
    """
    parameters = np.asarray(estimate.params)
    alpha, beta = parameters[0], parameters[1]
    gamma, damping = (parameters[2], parameters[3]) if period else (0.0, parameters[2])
    level, trend, season = np.empty(len(values)), np.empty(len(values)), np.zeros(len(values) + max(period, 1))
    before, slope = float(estimate.initial_level), float(estimate.initial_trend)
    if period:
        season[:period] = estimate.initial_seasonal
    for t, value in enumerate(values):
        moved = before + damping * slope
        error = value - moved - (season[t] if period else 0.0)
        before, slope = moved + alpha * error, damping * slope + beta * error
        level[t], trend[t] = before, slope
        if period:
            season[t + period] = season[t] + gamma * error
    return level, trend, season


def arima(
    values: np.ndarray, origins: np.ndarray, horizon: int, period: int, estimates: int = 3, scored: int | None = None
) -> np.ndarray:
    """Forecast with the ARIMA model of lowest AIC among a few orders, on Fourier terms of the season where there is one.

    Parameters and Returns as for `exponential_smoothing`. The order is chosen once, at the first origin.
    """
    from statsmodels.tsa.arima.model import ARIMA

    result = np.empty((len(origins), horizon))
    steps, order = np.arange(1, horizon + 1), None
    for first, last, chosen in _stretches(origins, estimates, scored):
        begin = max(0, first + 1 - LONGEST)
        history = values[begin : first + 1]
        scale = max(float(np.std(history)), 1e-12)
        season = _fourier(np.arange(begin, last + horizon), period) if len(history) >= 2 * period > 2 else None
        terms = None if season is None else np.column_stack([season[: len(history)], np.ones(len(history))])
        weights = None if terms is None else np.linalg.lstsq(terms, history, rcond=None)[0][:-1]
        seasonal = np.zeros(last + horizon - begin) if weights is None else season @ weights
        rest = (values[begin:last] - seasonal[: last - begin]) / scale
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if order is None:
                recent = rest[: len(history)][-600:]
                order = min(ORDERS, key=lambda each: _aic(ARIMA, recent, each))
            try:
                estimate = _fit(ARIMA, rest[: len(history)][-800:], order)
                filtered = ARIMA(rest, order=order).filter(estimate.params)
            except (np.linalg.LinAlgError, ValueError) as error:
                _hold(result, chosen, values, origins, "ARIMA", error)
                continue
        space = filtered.filter_results
        transition, design = space.transition[:, :, -1], space.design[0, :, -1]
        intercept = space.state_intercept[:, -1] if space.state_intercept.ndim == 2 else 0.0
        offset = float(space.obs_intercept[0, -1])
        at = origins[chosen] - begin
        state = space.predicted_state[:, at + 1]
        for step in steps:
            result[chosen, step - 1] = (design @ state + offset) * scale + seasonal[at + step]
            state = transition @ state + np.reshape(intercept, (-1, 1))
    return result


def _hold(result: np.ndarray, chosen: np.ndarray, values: np.ndarray, origins: np.ndarray, name: str, error: Exception) -> None:
    """Hold the last value where statsmodels finds no estimate, and say so."""
    result[chosen] = values[origins[chosen], None]
    logger.warning("%s has no estimate at sample %d (%s): the last value is held", name, int(origins[chosen][0]), error)


def _fit(model, values: np.ndarray, order: tuple[int, int, int]):
    return model(values, order=order).fit(method_kwargs={"maxiter": 50})


def _aic(model, values: np.ndarray, order: tuple[int, int, int]) -> float:
    try:
        aic = float(_fit(model, values, order).aic)
    except (np.linalg.LinAlgError, ValueError):
        return np.inf
    return aic if np.isfinite(aic) else np.inf


def _fourier(times: np.ndarray, period: int) -> np.ndarray:
    """Return sines and cosines (n, 2 x harmonics) of the season at `times`."""
    count = min(HARMONICS, period // 2)
    angles = 2 * np.pi * times[:, None] * np.arange(1, count + 1) / period
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
