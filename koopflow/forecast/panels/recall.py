"""Recall across a panel: another region's past season is an episode, too.

The recent past of every series at every known time is an episode: its last samples, its growth, the
growth of its group and the season, all on the scaled state. The present recalls the nearest
episodes of all series, groups and other seasons, and expects the mean of the changes that followed
them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.forecast.panels.panel import Floats, Integers, Scaled, group_means, lagged

Points = NDArray[np.float32]
BLOCK = 32  # queries at once: their distances stay in the processor's cache
SAMPLE = 16


@dataclass(frozen=True)
class Recall:
    """Options of recall.

    Parameters
    ----------
    delays : int
        Samples that describe an episode.
    matches : int
        Number of episodes averaged, weighted by 1 / distance.
    growth, group, season : float
        Weights of the last change, of the group's change over two steps, and of the season, beside
        the samples.
    """

    delays: int = 8
    matches: int = 80
    growth: float = 3.0
    group: float = 2.0
    season: float = 0.3


def recalled(scaled: Scaled, recall: Recall, horizon: int, asked: NDArray[np.bool_]) -> Floats:
    """Return forecasts (series, time, horizon) of the scaled state at the `asked` origins.

    An origin of an earlier season recalls episodes of all other seasons; the last origin recalls
    those of its own season, too, as far as what followed them is known.

    Parameters
    ----------
    scaled : Scaled
    recall : Recall
    horizon : int
    asked : (time,) bool
        Origins to forecast from.

    Returns
    -------
    (series, time, horizon)
        NaN where not asked, or fewer than `matches` episodes are known.
    """
    state, panel = scaled.state, scaled.panel
    points, known = _points(scaled, recall)
    changes = scaled.changes(horizon)
    library = known & np.isfinite(changes).all(axis=-1)
    episodes, after = points[library], changes[library]
    seasons = np.broadcast_to(panel.seasons, state.shape)[library]
    result = np.full(changes.shape, np.nan)
    last = state.shape[1] - 1
    for season in [*np.unique(panel.seasons[asked]), None]:
        at = panel.seasons == season if season is not None else np.arange(last + 1) == last
        wanted = known & (at & asked)[None]
        used = seasons != season if season is not None else np.ones(len(seasons), dtype=bool)
        if used.sum() < recall.matches or not wanted.any():
            continue
        nearest, square = _nearest(points[wanted], episodes[used], recall.matches)
        near = 1.0 / (np.sqrt(np.maximum(square, 0.0)) + 0.05)
        near /= near.sum(axis=1, keepdims=True)
        result[wanted] = state[wanted][:, None] + np.einsum("nm,nmh->nh", near, after[used][nearest])
    return result


def _nearest(queries: Points, episodes: Points, count: int) -> tuple[Integers, Floats]:
    """Return the `count` nearest episodes of each query and their squared distances, (n, count)
    both, in no order."""
    lengths = (episodes**2).sum(axis=1)
    found = np.empty((len(queries), count), dtype=np.intp)
    square = np.empty((len(queries), count))
    for start in range(0, len(queries), BLOCK):
        block = queries[start : start + BLOCK]
        distances = lengths - 2.0 * block @ episodes.T
        # A bound from every SAMPLE-th episode leaves few candidates; partitioning all takes most
        # of the time.
        sample = distances[:, ::SAMPLE]
        place = min(2 * -(-count // SAMPLE), sample.shape[1]) - 1
        bounds = np.partition(sample, place, axis=1)[:, place]
        for i, (row, bound) in enumerate(zip(distances, bounds), start=start):
            near = np.flatnonzero(row <= bound)
            near = near if len(near) >= count else np.arange(len(row))
            found[i] = near[np.argpartition(row[near], count - 1)[:count]]
            square[i] = row[found[i]] + (queries[i] ** 2).sum()
    return found, square


def _points(scaled: Scaled, recall: Recall) -> tuple[Points, NDArray[np.bool_]]:
    """Return the coordinates (series, time, n) of all episodes, and where they are known."""
    state, panel = scaled.state, scaled.panel
    mean = group_means(state, panel.groups)
    weights = np.array([2.0, 1.5, 1.0] + [0.5] * max(recall.delays - 3, 0))[: recall.delays]
    columns = [weight * lagged(state, lag) for lag, weight in enumerate(weights)]
    columns.append(recall.growth * (state - lagged(state, 1)))
    known = np.isfinite(np.stack(columns)).all(axis=0)
    columns.append(recall.group * np.nan_to_num(mean - lagged(mean, 2)))
    angle = 2 * np.pi * panel.phase
    columns += [np.broadcast_to(recall.season * wave(angle), state.shape) for wave in (np.sin, np.cos)]
    return np.nan_to_num(np.stack(columns, axis=-1)).astype(np.float32), known
