"""The experts weighted by the gated scheme; each forecasts from many windows at once.

An expert is a function ``f(known, start, stop)`` that returns the forecasts (stop - start, horizon,
channels) of the windows start ... stop - 1. Window i ends at time i + window - 1, its origin; the
forecast may use the series up to the origin and the memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.forecast.archive import Archive
from koopflow.forecast.baselines import persistence, seasonal_naive
from koopflow.forecast.buffer import Growing
from koopflow.forecast.company.refits import Refits
from koopflow.forecast.consolidated import ConsolidatedMemory
from koopflow.forecast.options import RecallSettings, WindowSettings
from koopflow.forecast.registry import EXPERTS
from koopflow.koopman.windows import advance, present_states

Floats = NDArray[np.float64]
COMPANY = ("ets", "airline", "seasonal_decomposition", "regression", "boosting", "pooled", "corrected")
"""Experts of `combined` that `gated` lacks."""
RECALLING = ("recalled", "recalled_episode", "continuation", "corrected")
CORRECTED = ("regression", "consolidated")
"""Experts whose recalled errors `corrected` takes off: the first that is there."""
SHARE = 0.5
"""Share of the mean recalled error that is taken off; a few matches say little."""
BLOCK = 2048


@dataclass(frozen=True)
class Known:
    """The inputs of the experts.

    Attributes
    ----------
    series : (time, channels) float
        All samples so far.
    archive : Archive
    consolidated : ConsolidatedMemory
    windows : WindowSettings
    recall : RecallSettings
    horizon, period : int
        Steps ahead, and samples per season.
    ahead : (time + horizon, columns) float
        What is known ahead, such as the calendar.
    seasons : tuple of int
        Samples of each season, if there are several.
    refits : Refits
        Estimates of the experts that have parameters.
    earlier : Growing of (experts, horizon, channels)
        Forecasts of all experts from the windows so far.
    made : dict of str to (windows, horizon, channels)
        Forecasts of those in CORRECTED, from all windows up to the last one asked for.
    pooled : (time, horizon) float, optional
        Forecasts by a model of many series.
    """

    series: Floats
    archive: Archive
    consolidated: ConsolidatedMemory
    windows: WindowSettings
    recall: RecallSettings
    horizon: int
    period: int
    ahead: Floats
    seasons: tuple[int, ...] = ()
    refits: Refits = field(default_factory=Refits)
    earlier: Growing = field(default_factory=Growing)
    made: dict[str, Floats] = field(default_factory=dict)
    pooled: Floats | None = None

    def origins(self, start: int, stop: int) -> NDArray[np.intp]:
        """Return the times at which the windows start ... stop - 1 end."""
        return np.arange(start, stop) + self.windows.window - 1


@dataclass(frozen=True)
class ExpertForecasts:
    """Sliding and recalled forecasts (n, horizon, channels), and `gate` (n, experts, horizon,
    channels)."""

    sliding: Floats
    recalled: Floats
    gate: Floats


def expert_names(period: int, company: bool = False) -> tuple[str, ...]:
    """Return the default experts; seasonal ones only if `period` exceeds 1, those in COMPANY only
    if asked for."""
    suited = (name for name in EXPERTS if period > 1 or not name.startswith("seasonal"))
    return tuple(name for name in suited if company or name not in COMPANY)


def check_experts(names: Sequence[str]) -> None:
    """Raise a KoopflowError unless all names are known, persistence comes first, and another
    follows."""
    for name in names:
        EXPERTS.check(name, "experts")
    if len(names) < 2 or names[0] != "persistence":
        raise KoopflowError(f"experts must begin with persistence and name at least one more (got {list(names)})")


def forecast_experts(known: Known, names: Sequence[str], start: int, stop: int, *, recalls: bool) -> ExpertForecasts:
    """Return the forecasts of the windows start ... stop - 1.

    Parameters
    ----------
    known : Known
    names : sequence of str
        The experts to weight; empty for the basic scheme.
    start, stop : int
    recalls : bool
        Whether windows are recalled; otherwise the recalled forecast equals the sliding one.
    """
    results = {"sliding": sliding(known, start, stop)}
    results["recalled"] = recalled(known, start, stop) if recalls else results["sliding"]
    bounded = []
    for place, name in enumerate(names):
        if name not in results:
            results[name] = EXPERTS.load(name, "experts")(known, start, stop)
        # A window's model can extrapolate far beyond the data; inputs of the regression must stay
        # near them.
        bounded.append(_bounded(results[name], known.series, known.windows.window, start))
        if name in CORRECTED:
            known.made[name] = np.concatenate([known.earlier.view[:, place], bounded[-1]]) if start else bounded[-1]
    empty = np.zeros((stop - start, 0, known.horizon, known.series.shape[1]))
    return ExpertForecasts(results["sliding"], results["recalled"], np.stack(bounded, axis=1) if bounded else empty)


def _bounded(forecasts: Floats, series: Floats, window: int, start: int) -> Floats:
    """Return forecasts clipped to the range of all past samples, extended by half of it on either
    side."""
    origins = np.arange(start, start + len(forecasts)) + window - 1
    low, high = np.minimum.accumulate(series)[origins], np.maximum.accumulate(series)[origins]
    margin = 0.5 * (high - low)
    return np.clip(forecasts, (low - margin)[:, None], (high + margin)[:, None])


def persistence_expert(known: Known, start: int, stop: int) -> Floats:
    """Return the last value, held."""
    return persistence(known.series, known.origins(start, stop), known.horizon)


def sliding(known: Known, start: int, stop: int) -> Floats:
    """Return forecasts of each window's own model."""
    parts, windows = [], known.windows
    for begin in range(start, stop, BLOCK):
        part = known.archive.models.take(slice(begin, min(stop, begin + BLOCK)))
        states = present_states(known.series, known.origins(begin, begin + len(part)), windows.delays)
        parts.append(advance(part, states, part.mean, known.horizon, stabilize=windows.stabilize))
    return np.concatenate(parts)


def recall_from(known: Known, start: int, stop: int, which: str, matches: int) -> Floats:
    """Return the mean forecast, weighted by nearness, of the recalled windows' models from the
    present states.

    Parameters
    ----------
    known : Known
    start, stop : int
        Windows to forecast from.
    which : "following", "later", "same" or "events"
        The model used of a recalled window, or what followed it, see `RecallSettings`.
    matches : int
        Number of nearest windows to average.

    Returns
    -------
    (stop - start, horizon, channels)
        The sliding forecast if nothing is recalled.
    """
    series, archive, models, windows = known.series, known.archive, known.archive.models, known.windows
    if which == "events":
        found = archive.recalled.view[start:stop, :1, None] >= 0
        return np.where(found, continuation(known, start, stop, matches), sliding(known, start, stop))
    result, weight = np.zeros((stop - start, known.horizon, series.shape[1])), np.zeros(stop - start)
    source, lead = models, known.horizon if which == "later" else 0
    if which == "following" and archive.followed is not None:
        source = archive.followed
    for rank in range(matches):
        for begin in range(start, stop, BLOCK):
            rows = np.arange(begin, min(stop, begin + BLOCK))
            rows = rows[archive.recalled.view[rows, rank] >= 0]
            if len(rows) == 0:
                continue
            part = source.take(archive.recalled.view[rows, rank] + lead)
            states = present_states(series, rows + windows.window - 1, windows.delays)
            near = 1.0 / (archive.distances.view[rows, rank] + 1e-6)
            moved = advance(part, states, models.mean[rows], known.horizon, stabilize=windows.stabilize)
            result[rows - start] += near[:, None, None] * moved
            weight[rows - start] += near
    found = weight > 0
    result[found] /= weight[found, None, None]
    if not found.all():
        result[~found] = sliding(known, start, stop)[~found]
    return result


def recalled(known: Known, start: int, stop: int) -> Floats:
    """Return forecasts of the recalled models chosen in the settings, blended with the sliding
    forecast if they say so."""
    found, share = recall_from(known, start, stop, known.recall.recalled, known.recall.matches), known.recall.blend
    return found if share == 1 else share * found + (1 - share) * sliding(known, start, stop)


def recalled_episode(known: Known, start: int, stop: int) -> Floats:
    """Return forecasts of models fitted to what followed each recalled window."""
    return recall_from(known, start, stop, "following", known.recall.matches)


def continuation(known: Known, start: int, stop: int, matches: int | None = None) -> Floats:
    """Return the mean continuation of the recalled windows (or of the `matches` nearest), from the
    present level; the last value if none."""
    series, near = known.series, _nearness(known, start, stop, matches)
    ends, steps = _ends(known, start, stop)[:, :matches], np.arange(1, known.horizon + 1)
    last = len(series) - 1
    change = series[np.minimum(ends[:, :, None] + steps, last)] - series[ends][:, :, None, :]
    return series[known.origins(start, stop)][:, None, :] + np.einsum("nm,nmhc->nhc", near, change)


def corrected(known: Known, start: int, stop: int) -> Floats:
    """Return the forecast of the first of CORRECTED, less a share of the mean error that it made
    from the recalled windows; the last value without such an expert."""
    base = next((name for name in CORRECTED if name in known.made), None)
    if base is None:
        return persistence_expert(known, start, stop)
    series, ends, made = known.series, _ends(known, start, stop), known.made[base]
    ahead = np.minimum(ends[:, :, None] + np.arange(1, known.horizon + 1), len(series) - 1)
    errors = series[ahead] - made[ends - known.windows.window + 1]
    return made[start:stop] + SHARE * np.einsum("nm,nmhc->nhc", _nearness(known, start, stop), errors)


def _nearness(known: Known, start: int, stop: int, matches: int | None = None) -> Floats:
    """Return the weights (n, matches) of the recalled windows, which sum to one; zeros if none."""
    members = known.archive.recalled.view[start:stop, :matches]
    distances = known.archive.distances.view[start:stop, :matches]
    near = np.where(members >= 0, 1.0 / (np.nan_to_num(distances) + 1e-6), 0.0)
    return near / np.maximum(near.sum(axis=1, keepdims=True), 1e-300)


def _ends(known: Known, start: int, stop: int) -> NDArray[np.intp]:
    """Return the times (n, matches) at which the recalled windows end; the first window if none."""
    return np.maximum(known.archive.recalled.view[start:stop], 0) + known.windows.window - 1


def consolidated(known: Known, start: int, stop: int) -> Floats:
    """Return forecasts of one regression over all past delay vectors."""
    first = known.windows.window - 1
    return known.consolidated.forecast(known.series, start + first, stop + first)


def seasonal(known: Known, start: int, stop: int) -> Floats:
    """Return the last season, repeated."""
    return seasonal_naive(known.series, known.origins(start, stop), known.horizon, known.period)


def seasonal_shift(known: Known, start: int, stop: int) -> Floats:
    """Return the changes of the last season, from the present level."""
    series, origins = known.series, known.origins(start, stop)
    before = np.maximum(origins - known.period, 0)
    shifted = seasonal_naive(series, origins, known.horizon, known.period) - series[before][:, None, :]
    return series[origins][:, None, :] + shifted


def seasonal_mean(known: Known, start: int, stop: int) -> Floats:
    """Return the mean of all earlier values at the same phase of the season (climatology)."""
    series, period, horizon = known.series, known.period, known.horizon
    count = len(series) // period + 1
    padded = np.full((count * period, series.shape[1]), 0.0)
    padded[: len(series)] = series
    cycles = padded.reshape(count, period, -1)
    sums = np.concatenate([np.zeros((1, *cycles.shape[1:])), np.cumsum(cycles, axis=0)])
    origins = known.origins(start, stop)
    targets = origins[:, None] + np.arange(1, horizon + 1)
    phase = targets % period
    # cycles whose value at this phase is known at the origin
    cycles_known = (origins[:, None] - phase) // period + 1
    held = np.repeat(series[origins][:, None, :], horizon, axis=1)
    means = sums[np.maximum(cycles_known, 0), phase] / np.maximum(cycles_known, 1)[..., None]
    return np.where(cycles_known[..., None] > 0, means, held)


def mean(known: Known, start: int, stop: int) -> Floats:
    """Return the mean of all samples so far."""
    origins = known.origins(start, stop)
    running = np.cumsum(known.series, axis=0)[origins] / (origins + 1)[:, None]
    return np.repeat(running[:, None, :], known.horizon, axis=1)
