"""The airline model and its neighbour without a season, estimated by conditional sum of squares.

``(1 - phi B) (1 - B) (1 - B^m) y = (1 + theta B) (1 + Theta B^m) e`` (Box and Jenkins 1970), with
``phi``; without a season, ARIMA(1, 1, 1). The residuals are those of a linear filter, so that an
estimate takes milliseconds whatever the season; a state of a season's length takes minutes.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
LONGEST = 2000
"""Most samples of an estimate: the latest."""
STARTS = ((-0.3, -0.6), (-0.8, -0.6), (0.3, -0.3))


def fitted(series: Floats, season: int) -> Floats:
    """Return phi, theta and Theta (0 without a season) estimated from a series."""
    from scipy.optimize import minimize

    recent = series[-LONGEST:]
    moved = _differenced(recent, season)[season + 1 :]
    if len(moved) < 10 or not np.any(moved):
        return np.zeros(3)
    moved = moved / np.std(moved)
    free = 3 if season > 1 else 2
    skipped = min(season + 1, len(moved) // 3)

    def cost(bent: Floats) -> float:
        residual = _residuals(moved, _bounded(bent), season)[skipped:]
        return float(residual @ residual)

    starts = [np.arctanh(np.array([0.1, *start]))[:free] for start in STARTS]
    start = min(starts, key=cost)
    found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 120, "xatol": 1e-3, "fatol": 1e-4})
    return _bounded(found.x)


def predicted(parameters: Floats, series: Floats, season: int, origins: Integers, horizon: int) -> Floats:
    """Return forecasts (n, horizon) from `origins`."""
    begin = max(0, int(origins[0]) - 2 * LONGEST)
    series, origins = series[begin : origins[-1] + 1], origins - begin
    moved = _differenced(series, season)
    phi, theta, seasonal = parameters
    residual = _residuals(moved, parameters, season)
    padded = np.concatenate([residual, np.zeros(horizon)])
    known = np.arange(len(padded))
    whole = np.empty((len(origins), horizon))
    before = moved[origins]
    levels = np.empty_like(whole)
    last = series[origins]
    for step in range(1, horizon + 1):
        ahead = phi * before
        for lag, weight in ((1, theta), (season, seasonal), (season + 1, theta * seasonal)):
            places = origins + step - lag
            if weight:
                ahead = ahead + weight * np.where(
                    (places >= 0) & (lag >= step), padded[np.clip(places, 0, known[-1])], 0
                )
        whole[:, step - 1] = before = ahead
        last = last + ahead
        if season > 1:
            same, earlier = (_at(series, levels, origins, step - season - shift) for shift in (0, 1))
            last = last + same - earlier
        levels[:, step - 1] = last
    return levels


def _at(series: Floats, levels: Floats, origins: Integers, step: int) -> Floats:
    """Return the samples, or forecasts, `step` after the origins."""
    return levels[:, step - 1] if step > 0 else series[np.maximum(origins + step, 0)]


def _bounded(bent: Floats) -> Floats:
    """Return parameters inside (-0.98, 0.98)."""
    return np.concatenate([0.98 * np.tanh(bent), np.zeros(3 - len(bent))])


def _differenced(series: Floats, season: int) -> Floats:
    """Return the series after both differences; zeros where they are unknown."""
    moved = np.zeros(len(series))
    if season > 1:
        moved[season + 1 :] = np.diff(series[season:] - series[:-season])
    else:
        moved[1:] = np.diff(series)
    return moved


def _residuals(moved: Floats, parameters: Floats, season: int) -> Floats:
    from scipy.signal import lfilter

    phi, theta, seasonal = parameters
    average = np.array([1.0, theta])
    if season > 1 and seasonal:
        average = np.convolve(average, np.concatenate([[1.0], np.zeros(season - 1), [seasonal]]))
    found: Floats = lfilter([1.0, -phi], average, moved)
    return found
