"""One Koopman operator for all series of a panel: delays lifted by radial basis functions.

Each series is a trajectory of the same dynamics. The dictionary of observables is a constant, the
delays of a series and of its group's mean, the season, and Gaussian radial basis functions of all
these (extended dynamic mode decomposition, Williams et al. 2015). One ridge regression per step
ahead is the k-th power of the operator, restricted to the state.

Every season is forecast by an operator fitted to the other seasons, so the errors that the gate and
the intervals learn from are those of forecasts, not of fits. The last origin uses all that is known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.panels.panel import Floats, Scaled, group_means, lagged

GROUP_LAGS = (1, 2, 3, 5)
# Large values matter most in the units of the series, so rows are weighted by the state, at least
# by this.
LEAST_WEIGHT = 0.05


@dataclass(frozen=True)
class Lifting:
    """Options of the lifted operator.

    Parameters
    ----------
    delays : int
        Samples per delay vector.
    centres : int
        Number of radial basis functions; 0 for a linear operator.
    season : bool
        Whether the observables include the season.
    sharing : float
        Weight of the other groups' rows in the fit of a group; 1 fits one operator to all.
    width : float
        Inverse squared width of the basis functions, per observable.
    linear_penalty, radial_penalty : float
        Ridge penalties.
    """

    delays: int = 8
    centres: int = 200
    season: bool = True
    sharing: float = 0.3
    width: float = 3.0
    linear_penalty: float = 1e-2
    radial_penalty: float = 1e-3


def observables(scaled: Scaled, lifting: Lifting) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the observables (series, time, n), standardized, and where they are known."""
    state, panel = scaled.state, scaled.panel
    mean = group_means(state, panel.groups)
    columns = [state, *(lagged(state, lag) - state for lag in range(1, lifting.delays))]
    columns += [mean - state, *(lagged(mean, lag) - mean for lag in GROUP_LAGS)]
    if lifting.season:
        angle = 2 * np.pi * panel.phase
        columns += [np.broadcast_to(2.0 * wave(angle), state.shape) for wave in (np.sin, np.cos)]
    known = np.isfinite(state) & np.isfinite(lagged(state, 1)) & np.isfinite(lagged(state, 2))
    stacked = np.nan_to_num(np.stack(columns, axis=-1))
    rows = stacked[known]
    # the season keeps its size: its columns count as much as two delays in the distance
    keep = slice(None, -2) if lifting.season else slice(None)
    centre, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    stacked[..., keep] = (stacked[..., keep] - centre[keep]) / spread[keep]
    return stacked, known


def lifted(scaled: Scaled, lifting: Lifting, horizon: int, generator: np.random.Generator) -> Floats:
    """Return forecasts (series, time, horizon) of the scaled state; NaN where delays are unknown."""
    linear, known = observables(scaled, lifting)
    changes = scaled.changes(horizon)
    rows = known & np.isfinite(changes).all(axis=-1)
    parts = [np.ones((*known.shape, 1)), linear]
    if lifting.centres and rows.any():
        candidates = linear[rows]
        chosen = generator.choice(len(candidates), min(lifting.centres, len(candidates)), replace=False)
        parts.append(_radial(linear, candidates[chosen], lifting.width))
    dictionary = np.concatenate(parts, axis=-1)
    penalty = np.full(dictionary.shape[-1], lifting.radial_penalty)
    penalty[: linear.shape[-1] + 1] = lifting.linear_penalty
    penalty[0] = 1e-8
    result = _by_season(scaled, dictionary, rows, changes, penalty, lifting.sharing)
    result[~known] = np.nan
    return result


def _radial(linear: Floats, centres: Floats, width: float) -> Floats:
    square = (linear**2).sum(axis=-1)[..., None] + (centres**2).sum(axis=-1) - 2.0 * linear @ centres.T
    return np.asarray(np.exp(-0.5 * width * np.maximum(square, 0.0) / linear.shape[-1]), dtype=np.float64)


def _by_season(
    scaled: Scaled, dictionary: Floats, rows: NDArray[np.bool_], changes: Floats, penalty: Floats, sharing: float
) -> Floats:
    """Return the forecasts of operators fitted without the season they forecast, and of one fitted
    to everything for the last origin."""
    state, panel = scaled.state, scaled.panel
    weight = np.maximum(np.nan_to_num(state), LEAST_WEIGHT)
    seasons, groups = np.unique(panel.seasons), np.unique(panel.groups)
    size, horizon = dictionary.shape[-1], changes.shape[-1]
    grams = np.zeros((len(groups), len(seasons), size, size))
    crosses = np.zeros((len(groups), len(seasons), size, horizon))
    counts = np.zeros((len(groups), len(seasons)))
    for i, group in enumerate(groups):
        for j, season in enumerate(seasons):
            used = rows & (panel.groups == group)[:, None] & (panel.seasons == season)[None]
            part, w = dictionary[used], weight[used]
            grams[i, j], crosses[i, j] = (part * w[:, None]).T @ part, (part * w[:, None]).T @ changes[used]
            counts[i, j] = w.sum()
    result = np.full(changes.shape, np.nan)
    last = state.shape[1] - 1
    for group in groups:
        members = np.flatnonzero(panel.groups == group)
        share = np.where(groups == group, 1.0, sharing)
        gram, cross, count = (np.tensordot(share, each, axes=1) for each in (grams, crosses, counts))
        for j in [*range(len(seasons)), None]:
            at = np.flatnonzero(panel.seasons == seasons[j]) if j is not None else np.array([last])
            left = (gram[j], cross[j], count[j]) if j is not None else (0.0, 0.0, 0.0)
            total = count.sum() - left[2]
            if total <= 0:
                continue
            operator = np.linalg.solve(
                (gram.sum(axis=0) - left[0]) / total + np.diag(penalty), (cross.sum(axis=0) - left[1]) / total
            )
            here = np.ix_(members, at)
            result[here] = state[here][..., None] + dictionary[here] @ operator
    return result
