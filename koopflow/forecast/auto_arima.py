"""Seasonal ARIMA whose orders are found step by step; statsmodels makes the estimates.

Hyndman and Khandakar 2008, https://doi.org/10.18637/jss.v027.i03: the season is differenced where it
is strong, further differences are those that a test of stationarity (KPSS) asks for, and the other
orders are the best by AICc among neighbours of the best so far.
"""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.classical import LONGEST, advanced, hold, seasonal_terms, stretches_of

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

logger = logging.getLogger("koopflow")

LONGEST_SEASON = 24
"""Longest season that is modelled; of a longer one, Fourier terms are taken off."""
LONGEST_ESTIMATE, LONGEST_SEARCH = 600, 300
"""Most samples of an estimate, and of those that orders are compared by: the latest."""
MOST_ORDERS = 20
"""Most orders that are compared for an estimate."""
STRONG = 0.64
"""Share of the variance without trend from which on a season is differenced."""
ROOT = 1.01
"""Smallest modulus of the roots of a model."""


@dataclass(frozen=True)
class Orders:
    """Orders of a seasonal ARIMA model with a season of `season` samples, 0 for none.

    ``p, d, q`` and ``P, D, Q`` are those of autoregression, differences and moving average, at lags
    of samples and of seasons.
    """

    p: int
    d: int
    q: int
    P: int = 0
    D: int = 0
    Q: int = 0
    season: int = 0
    constant: bool = False

    def allowed(self) -> bool:
        """Return whether all orders are within their limits."""
        seasonal = max(self.P, self.Q) <= (1 if self.season else 0)
        return min(self.p, self.q, self.P, self.Q) >= 0 and max(self.p, self.q) <= 3 and seasonal

    def neighbours(self) -> Iterator["Orders"]:
        """Return the orders that differ by one in a pair, or in the constant."""
        for ar, ma in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1)):
            yield replace(self, P=self.P + ar, Q=self.Q + ma)
            yield replace(self, p=self.p + ar, q=self.q + ma)
        if self.d + self.D <= 1:
            yield replace(self, constant=not self.constant)

    def of(self, values: Floats, differenced: bool = False) -> Any:
        """Return the statsmodels model of `values`; `differenced` takes differences before."""
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        found = SARIMAX(
            values,
            order=(self.p, self.d, self.q),
            seasonal_order=(self.P, self.D, self.Q, self.season),
            trend="c" if self.constant else "n",
            simple_differencing=differenced,
            concentrate_scale=True,
        )
        found.ssm.tolerance = 1e-8  # covariances that have settled are not computed further
        return found

    def fitted(self, values: Floats) -> Any:
        """Return the estimate from `values` (time,)."""
        return self.of(values, differenced=True).fit(disp=0, maxiter=50, cov_type="none")


def auto_arima(
    values: Floats, origins: Integers, horizon: int, period: int, estimates: int = 3, scored: int | None = None
) -> Floats:
    """Return forecasts of seasonal ARIMA models with orders chosen by AICc at each estimate; the search
    begins at the orders of the estimate before.

    Parameters and result as for `koopflow.forecast.classical.exponential_smoothing`.
    """
    result = np.empty((len(origins), horizon))
    orders: Orders | None = None
    for first, stop, chosen in stretches_of(origins, estimates, scored):
        begin = max(0, first + 1 - LONGEST)
        known = first + 1 - begin
        longer = period > LONGEST_SEASON
        terms = seasonal_terms(values, begin, first, stop + horizon, period if longer else 1)
        scale = max(float(np.std(values[begin : first + 1])), 1e-12)
        rest = (values[begin:stop] - terms[: stop - begin]) / scale
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                history = rest[:known][-LONGEST_ESTIMATE:]
                orders = found_orders(history[-LONGEST_SEARCH:], 0 if longer else period, orders)
                filtered = orders.of(rest).filter(orders.fitted(history).params)
            except (np.linalg.LinAlgError, ValueError) as error:
                hold(result, chosen, values, origins, "automatic ARIMA", error)
                continue
        at = origins[chosen] - begin
        later = terms[at[:, None] + np.arange(1, horizon + 1)]
        result[chosen] = advanced(filtered.filter_results, at, horizon) * scale + later
    return result


def found_orders(values: Floats, period: int, before: Orders | None = None) -> Orders:
    """Return the orders with the lowest AICc that the search finds for `values` (time,).

    It begins at `before`, if that has the same differences, else at four usual models.
    """
    season = period if 1 < period <= len(values) // 3 else 0
    strong = int(season > 0 and strength(values, season) > STRONG)
    moved = values[season:] - values[:-season] if strong else values
    d = differences(moved, most=1 if strong else 2)
    one, constant = int(season > 0), d + strong <= 1
    usual = ((2, 2, one, one), (0, 0, 0, 0), (1, 0, one, 0), (0, 1, 0, one))
    starts = [Orders(p, d, q, P, strong, Q, season, constant) for p, q, P, Q in usual]
    if before is not None and (before.d, before.D, before.season) == (d, strong, season):
        starts = [before]
    tried = {each: aicc(each, values) for each in starts}
    best = min(tried, key=lambda each: tried[each])
    while True:
        for each in best.neighbours():
            if len(tried) < MOST_ORDERS and each.allowed() and each not in tried:
                tried[each] = aicc(each, values)
        last, best = best, min(tried, key=lambda each: tried[each])
        if best == last:
            return best


def aicc(orders: Orders, values: Floats) -> float:
    """Return the AICc; infinity if there is no estimate, or one with a root near the unit circle."""
    try:
        found = orders.fitted(values)
        roots = np.concatenate([found.arroots, found.maroots])
        value = float(found.aicc)
    except (np.linalg.LinAlgError, ValueError):
        return np.inf
    near = len(roots) > 0 and np.abs(roots).min() < ROOT
    return value if np.isfinite(value) and not near else np.inf


def strength(values: Floats, season: int) -> float:
    """Return the share of the variance without trend that is the season's (Wang et al. 2006)."""
    from statsmodels.tsa.seasonal import STL

    found = STL(values, period=season, seasonal=11).fit()
    whole = float(np.var(found.seasonal + found.resid))
    return max(0.0, 1.0 - float(np.var(found.resid)) / whole) if whole > 0 else 0.0


def differences(values: Floats, most: int) -> int:
    """Return how often the values are differenced until a KPSS test at 5 % calls them stationary."""
    from statsmodels.tsa.stattools import kpss

    for count in range(most):
        if np.ptp(values) == 0 or kpss(values, nlags=int(3 * np.sqrt(len(values)) / 13))[1] >= 0.05:
            return count
        values = np.diff(values)
    return most
