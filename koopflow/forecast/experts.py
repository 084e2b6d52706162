"""The forecasters that the gated scheme weighs, each computed for many origins at once.

A forecaster is a function registered here under its name; it sees the series up to each origin and what the memory holds, no more.
"""

from typing import TYPE_CHECKING

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.forecast.baselines import persistence, seasonal_naive
from koopflow.forecast.consolidated import ConsolidatedMemory
from koopflow.forecast.registry import EXPERTS
from koopflow.koopman.windows import advance, present_states

if TYPE_CHECKING:
    from koopflow.forecast.memory import EpisodicKoopman

RECALLING = ("recalled", "recalled_episode", "continuation")
BLOCK = 2048


def expert_names(period: int) -> tuple[str, ...]:
    """Return the forecasters weighed by default, persistence first; seasonal ones only where there is a season."""
    return tuple(name for name in EXPERTS if period > 1 or not name.startswith("seasonal"))


def forecast_experts(memory: "EpisodicKoopman", series: np.ndarray, start: int, stop: int) -> dict[str, np.ndarray]:
    """Return the forecasts of windows start ... stop - 1: "sliding", "recalled", and "gate" (n, experts, horizon, channels)."""
    for name in memory.experts:
        EXPERTS.check(name, "experts")
    if memory.experts[0] != "persistence" or len(memory.experts) < 2:
        raise KoopflowError(f"experts: {list(memory.experts)} must begin with persistence and name one more at least")
    results = {
        name: EXPERTS.load(name)(memory, series, start, stop) for name in ("sliding", *(["recalled"] if memory.recalls else []))
    }
    results.setdefault("recalled", results["sliding"])
    if memory.scheme == "gated":
        for name in memory.experts:
            if name not in results:
                results[name] = EXPERTS.load(name)(memory, series, start, stop)
        # A window's model can run far outside anything seen; what enters a regression must stay near the data.
        gate = np.stack([_bounded(results[name], series, memory.window, start) for name in memory.experts], axis=1)
    else:
        gate = np.zeros((stop - start, 0, memory.horizon, series.shape[1]))
    return {"sliding": results["sliding"], "recalled": results["recalled"], "gate": gate}


def _bounded(forecasts: np.ndarray, series: np.ndarray, window: int, start: int) -> np.ndarray:
    """Return forecasts kept within the range of all past samples, widened by half of it on either side."""
    origins = np.arange(start, start + len(forecasts)) + window - 1
    low, high = np.minimum.accumulate(series)[origins], np.maximum.accumulate(series)[origins]
    margin = 0.5 * (high - low)
    return np.clip(forecasts, (low - margin)[:, None], (high + margin)[:, None])


def _origins(memory: "EpisodicKoopman", start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop) + memory.window - 1


def persistence_expert(memory, series, start, stop):
    """The last value."""
    return persistence(series, _origins(memory, start, stop), memory.horizon)


def sliding(memory, series, start, stop):
    """The ordinary forecast: the present window's own model."""
    parts = []
    for begin in range(start, stop, BLOCK):
        part = memory.archive_.models.take(slice(begin, min(stop, begin + BLOCK)))
        states = present_states(series, _origins(memory, begin, begin + len(part)), memory.delays)
        parts.append(advance(part, states, part.mean, memory.horizon, stabilize=memory.stabilize))
    return np.concatenate(parts)


def recall_from(memory, series, start, stop, which, matches=None):
    """Return the forecasts of the present states by the models that belong to the recalled windows (the nearest `matches` of them),
    averaged by nearness; the ordinary forecast where nothing is recalled."""
    result, weight = np.zeros((stop - start, memory.horizon, series.shape[1])), np.zeros(stop - start)
    archive, models = memory.archive_, memory.archive_.models
    source, lead = models, memory.horizon if which == "later" else 0
    if which == "following" and archive.followed is not None:
        source = archive.followed
    for rank in range(matches or memory.matches):
        for begin in range(start, stop, BLOCK):
            rows = np.arange(begin, min(stop, begin + BLOCK))
            rows = rows[archive.recalled.view[rows, rank] >= 0]
            if len(rows) == 0:
                continue
            part = source.take(archive.recalled.view[rows, rank] + lead)
            states = present_states(series, rows + memory.window - 1, memory.delays)
            near = 1.0 / (archive.distances.view[rows, rank] + 1e-6)
            moved = advance(part, states, models.mean[rows], memory.horizon, stabilize=memory.stabilize)
            result[rows - start] += near[:, None, None] * moved
            weight[rows - start] += near
    found = weight > 0
    result[found] /= weight[found, None, None]
    if not found.all():
        result[~found] = sliding(memory, series, start, stop)[~found]
    return result


def recalled(memory, series, start, stop):
    """The present state moved on by the models that the memory recalls (its `recalled`)."""
    return recall_from(memory, series, start, stop, memory.recalled)


def recalled_episode(memory, series, start, stop):
    """The same with models fitted on just what followed each recalled window."""
    return recall_from(memory, series, start, stop, "following")


def continuation(memory, series, start, stop):
    """How the recalled windows went on, moved to the present level and averaged by nearness; the last value where there is none."""
    origins = _origins(memory, start, stop)
    members, distances = memory.archive_.recalled.view[start:stop], memory.archive_.distances.view[start:stop]
    near = np.where(members >= 0, 1.0 / (np.nan_to_num(distances) + 1e-6), 0.0)
    near = near / np.maximum(near.sum(axis=1, keepdims=True), 1e-300)
    ends = np.maximum(members, 0) + memory.window - 1
    steps = np.arange(1, memory.horizon + 1)
    last = len(series) - 1
    change = series[np.minimum(ends[:, :, None] + steps, last)] - series[ends][:, :, None, :]
    return series[origins][:, None, :] + np.einsum("nm,nmhc->nhc", near, change)


def consolidated(memory, series, start, stop):
    """The operator of everything remembered."""
    model = memory._state.get("consolidated")
    if model is None:
        delays = min(max(memory.delays, memory.period + 2), memory.window, 200)
        refresh = max(1, memory.period if memory.period > 1 else memory.horizon)
        model = memory._state["consolidated"] = ConsolidatedMemory(delays, memory.horizon, refresh)
    first = memory.window - 1
    return model.forecast(series, start + first, stop + first)


def seasonal(memory, series, start, stop):
    """The value one season earlier."""
    return seasonal_naive(series, _origins(memory, start, stop), memory.horizon, memory.period)


def seasonal_shift(memory, series, start, stop):
    """The change seen one season earlier, from the present level."""
    origins = _origins(memory, start, stop)
    before = np.maximum(origins - memory.period, 0)
    shifted = seasonal_naive(series, origins, memory.horizon, memory.period) - series[before][:, None, :]
    return series[origins][:, None, :] + shifted


def seasonal_mean(memory, series, start, stop):
    """The mean of all earlier values at the same phase of the season (its climatology)."""
    period, horizon = memory.period, memory.horizon
    count = len(series) // period + 1
    padded = np.full((count * period, series.shape[1]), 0.0)
    padded[: len(series)] = series
    cycles = padded.reshape(count, period, -1)
    sums = np.concatenate([np.zeros((1, *cycles.shape[1:])), np.cumsum(cycles, axis=0)])
    origins = _origins(memory, start, stop)
    targets = origins[:, None] + np.arange(1, horizon + 1)
    phase = targets % period
    # Cycles whose value at this phase lies at or before the origin.
    known = (origins[:, None] - phase) // period + 1
    held = np.repeat(series[origins][:, None, :], horizon, axis=1)
    return np.where(known[..., None] > 0, sums[np.maximum(known, 0), phase] / np.maximum(known, 1)[..., None], held)


def mean(memory, series, start, stop):
    """The mean of everything so far."""
    origins = _origins(memory, start, stop)
    running = np.cumsum(series, axis=0)[origins] / (origins + 1)[:, None]
    return np.repeat(running[:, None, :], memory.horizon, axis=1)
