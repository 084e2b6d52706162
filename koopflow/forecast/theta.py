"""The Theta method from statsmodels, as a rolling forecaster.

The slope, the smoothing constant and the seasonal terms are estimated at a few times along the
series, from the samples known by then. In between, the level is smoothed through every new sample.
"""

import logging
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.classical import LONGEST, hold, stretches_of

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

logger = logging.getLogger("koopflow")


@dataclass(frozen=True)
class Theta:
    """Parameters of the Theta method.

    Attributes
    ----------
    slope, alpha : float
        Slope of the line through all samples, and the smoothing constant of the level.
    season : (period,)
        Seasonal terms from the first sample on, all 1 or all 0 if no season shows; empty for none.
    multiplied : bool
        Whether the season multiplies the rest or is added to it.
    """

    slope: float
    alpha: float
    season: Floats
    multiplied: bool


def theta(
    values: Floats, origins: Integers, horizon: int, period: int, estimates: int = 3, scored: int | None = None
) -> Floats:
    """Return forecasts of the Theta method (Assimakopoulos and Nikolopoulos 2000).

    Half the slope of a line through the samples is added to simple exponential smoothing (Hyndman
    and Billah 2003). If differences are significantly correlated with those a season before, the season
    is taken off first: by division if all values are positive, else by subtraction.

    Parameters and result as for `koopflow.forecast.classical.exponential_smoothing`.
    """
    result = np.empty((len(origins), horizon))
    for first, stop, chosen in stretches_of(origins, estimates, scored):
        begin = max(0, first + 1 - LONGEST)
        try:
            estimate = estimated(values[begin : first + 1], period)
        except (np.linalg.LinAlgError, ValueError) as error:
            hold(result, chosen, values, origins, "Theta", error)
            continue
        result[chosen] = predicted(estimate, values[begin:stop], origins[chosen] - begin, horizon)
    return result


def estimated(history: Floats, period: int) -> Theta:
    """Return the parameters that statsmodels estimates from `history` (time,).

    Raises
    ------
    numpy.linalg.LinAlgError, ValueError
        If it finds none.
    """
    from statsmodels.tsa.forecasting.theta import ThetaModel

    seasonal = 1 < period <= len(history) // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # if the fit does not converge, its last estimate is used
        model = ThetaModel(history, period=period if seasonal else 1, deseasonalize=seasonal, difference=True)
        found = model.fit()
    slope, alpha = (float(each) for each in found.params)
    multiplied = found.model.method.startswith("mul")
    if not seasonal:
        return Theta(slope, alpha, np.empty(0), multiplied)
    later = found.forecast_components(period)["seasonal"].to_numpy()
    return Theta(slope, alpha, np.roll(later, len(history) % period), multiplied)


def predicted(estimate: Theta, values: Floats, origins: Integers, horizon: int) -> Floats:
    """Return forecasts (n, horizon) from `origins`; the level is smoothed from the first of
    `values`."""
    from scipy.signal import lfilter

    alpha, period = estimate.alpha, len(estimate.season)
    times = np.arange(len(values) + horizon)
    season = estimate.season[times % period] if period else np.full(len(times), float(estimate.multiplied))
    known = season[: len(values)]
    rest = values / known if estimate.multiplied else values - known
    level, _ = lfilter([alpha], [1.0, alpha - 1.0], rest, zi=[(1.0 - alpha) * rest[0]])
    start = (1.0 - (1.0 - alpha) ** (origins + 1.0)) / alpha if alpha > 0 else np.zeros(len(origins))
    ahead = level[origins, None] + 0.5 * estimate.slope * (start[:, None] + np.arange(horizon))
    later = season[origins[:, None] + np.arange(1, horizon + 1)]
    found: Floats = ahead * later if estimate.multiplied else ahead + later
    return found
