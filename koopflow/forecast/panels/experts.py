"""The experts of a panel. Each returns forecasts (series, time, horizon) of the scaled state.

Row t of a forecast uses values up to t, and what followed other seasons: an operator or a memory of
the other seasons is known at the present, from which all forecasts of a panel are made.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.core.seeds import rng
from koopflow.forecast.panels.lifting import Lifting, lifted
from koopflow.forecast.panels.panel import Floats, Scaled, lagged
from koopflow.forecast.panels.recall import Recall, recalled

DAMPING = 0.8
TREND_STEPS = 2
# Changes beyond these quantiles of all known changes are not believed: in the explosive phase of an
# epidemic an operator extrapolates without limit.
TRUSTED = (0.002, 0.998)


@dataclass(frozen=True)
class Situation:
    """What an expert knows.

    Attributes
    ----------
    scaled : Scaled
    horizon : int
    asked : (time,) bool
        Origins whose forecasts are used; others may stay NaN.
    seed : int
    """

    scaled: Scaled
    horizon: int
    asked: NDArray[np.bool_]
    seed: int = 0


def persistence(known: Situation) -> Floats:
    """Return the last value, held."""
    return np.repeat(known.scaled.state[..., None], known.horizon, axis=-1)


def damped(known: Situation) -> Floats:
    """Return the mean change of the last two steps, continued and damped."""
    state = known.scaled.state
    slope = (state - lagged(state, TREND_STEPS)) / TREND_STEPS
    return state[..., None] + slope[..., None] * np.cumsum(DAMPING ** np.arange(1, known.horizon + 1))


def linear(known: Situation) -> Floats:
    """Return forecasts of one linear operator on the delays of all series and groups."""
    lifting = Lifting(centres=0, season=True, sharing=1.0, linear_penalty=1e-1)
    return lifted(known.scaled, lifting, known.horizon, rng(known.seed, "panel", "linear"))


def seasonal(known: Situation) -> Floats:
    """Return forecasts of the lifted operator, each group's own, with the season among the
    observables."""
    return lifted(known.scaled, Lifting(), known.horizon, rng(known.seed, "panel", "seasonal"))


def universal(known: Situation) -> Floats:
    """Return forecasts of one lifted operator of all groups, without the season."""
    lifting = Lifting(season=False, sharing=1.0)
    return lifted(known.scaled, lifting, known.horizon, rng(known.seed, "panel", "universal"))


def recall(known: Situation) -> Floats:
    """Return the mean of what followed the nearest episodes of all series and other seasons."""
    return recalled(known.scaled, Recall(), known.horizon, known.asked)


def trusted(scaled: Scaled, forecasts: Floats) -> Floats:
    """Return forecasts (series, time, horizon) whose changes stay within those that were seen."""
    changes = scaled.changes(forecasts.shape[-1])
    result = forecasts.copy()
    for step in range(forecasts.shape[-1]):
        seen = changes[..., step][np.isfinite(changes[..., step])]
        if len(seen):
            low, high = np.quantile(seen, TRUSTED)
            result[..., step] = scaled.state + np.clip(forecasts[..., step] - scaled.state, low, high)
    return np.maximum(result, 0.0)
