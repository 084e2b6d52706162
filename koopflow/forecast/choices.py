"""Settings that nobody gave, chosen on the early stretch of a series, which is never scored.

Window, delays, rank and transform are those with which the *ordinary* sliding method did best there, so that whatever memory adds
later is added to the strongest form of its opponent; which past model is recalled, and how many matches are averaged, is what did best for the basic scheme.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.data.series.registry import EARLY, Series
from koopflow.forecast.experts import recall_from
from koopflow.forecast.memory import RECALLED, EpisodicKoopman
from koopflow.forecast.transform import Transform, build
from koopflow.koopman.windows import advance, fit_some

ORIGINS = 150
MATCHES = (1, 3, 10)


@dataclass(frozen=True)
class Choices:
    """Everything that must be settled before the scored stretch begins, at sample `early`."""

    period: int
    horizon: int
    window: int
    delays: int
    rank: int
    transform: Transform
    recalled: str
    matches: int
    early: int

    def record(self) -> dict:
        """Return the choices as plain values for a report."""
        return asdict(self)


def default_horizon(period: int, length: int) -> int:
    """Return a horizon that suits the season: two weeks of days, a year of months, a day of hours, a quarter year of weeks."""
    horizon = 12 if period == 1 else 2 * period if period <= 7 else period if period <= 24 else min(24, period // 4)
    return max(1, min(horizon, length // 10, (int(EARLY * length) - 12) // 3))


def choose(series: Series, spec: Mapping) -> Choices:
    """Return the settings of `spec` for `series`, with what it leaves open chosen on the early stretch.

    Raises
    ------
    KoopflowError
        If the series is too short for window and horizon, or the settings do not fit one another.
    """
    name, length, period = series.name, len(series.values), series.period
    horizon, early = check(series, spec), int(EARLY * length)
    past = series.values[:early, None]
    names = spec.get("transform") or "auto"
    options = [build(names, period, past, f"series.{name}")] if names != "auto" else _transforms(past, period)
    best = None
    for window, delays, rank in _sizes(spec, period, early, horizon, name):
        error = _sliding_error(past, options[0], window, delays, rank, horizon)
        if best is None or error < 0.995 * best[0]:
            best = (error, window, delays, rank)
    _, window, delays, rank = best
    transform = min(options, key=lambda each: _sliding_error(past, each, window, delays, rank, horizon))
    recalled, matches = _recalled(spec, past, transform, window, delays, rank, horizon)
    return Choices(period, horizon, window, delays, rank, transform, recalled, matches, early)


def _transforms(past: np.ndarray, period: int) -> list[Transform]:
    names = ["none", *(["root"] if past.min() >= 0 else []), *(["log"] if past.min() > 0 else [])]
    return [build(each, period, past) for each in names]


def _sizes(spec, period: int, early: int, horizon: int, name: str) -> list[tuple[int, int, int]]:
    longest = (early - 2 * horizon) // 2
    windows = [2 * period, 3 * period, 4 * period] if period > 1 else [40, 60, 100]
    windows = sorted({min(max(each, 24, 2 * horizon), 400, max(longest, 12)) for each in windows})
    windows = [int(spec["window"])] if spec.get("window") else windows
    sizes = []
    for window in windows:
        for delays in (
            [int(spec["delays"])] if spec.get("delays") else sorted({max(4, min(window // share, 48)) for share in (4, 3)})
        ):
            most = min(delays, window - delays)
            for rank in [int(spec["rank"])] if spec.get("rank") else sorted({min(each, most) for each in (4, 6, 10)}):
                if window <= delays + 1 or rank > most:
                    raise KoopflowError(
                        f"series.{name}: window: {window}, delays: {delays}, rank: {rank} do not fit; rank <= {max(most, 0)}"
                    )
                sizes.append((window, delays, rank))
    return sizes


def _sliding_error(past: np.ndarray, transform: Transform, window: int, delays: int, rank: int, horizon: int) -> float:
    """Return the mean absolute error of the sliding method over at most ORIGINS origins of the early stretch, in the series'
    units."""
    moved, lost = transform.apply(past), transform.lost
    first, last = window - 1, len(moved) - horizon
    if last - first < 4:
        return np.inf
    origins = np.unique(np.linspace(first, last - 1, min(ORIGINS, last - first)).astype(int))
    windows = moved[origins[:, None] + np.arange(1 - window, 1)]
    models = fit_some(windows, delays, rank)
    forecasts = advance(models, windows[:, -delays:], models.mean, horizon)
    forecasts = transform.unpoint(transform.undo(past, origins + lost, forecasts))
    truth = past[(origins + lost)[:, None] + np.arange(1, horizon + 1)]
    return float(np.abs(forecasts - truth).mean())


def _recalled(spec: Mapping, past, transform: Transform, window: int, delays: int, rank: int, horizon: int) -> tuple[str, int]:
    """Return which past model, and of how many matches, served the basic scheme best on the last 3,000 samples of the early
    stretch."""
    models = [spec["recalled"]] if spec.get("recalled") else RECALLED
    numbers = [int(spec["matches"])] if spec.get("matches") else MATCHES
    moved = transform.apply(past[-3000:])
    origins = np.arange(window - 1 + horizon, len(moved) - horizon)
    if len(origins) < 4:
        return spec.get("recalled") or "later", numbers[len(numbers) // 2]
    options = {"scheme": "basic", "recalled": "following", "matches": max(numbers)}
    memory = EpisodicKoopman(window, delays, rank, horizon, **options).fit(moved)
    truth, errors = moved[origins[:, None] + np.arange(1, horizon + 1)], {}
    for which in models:
        for matches in numbers:
            forecasts = recall_from(memory, moved, 0, len(moved) - window + 1, which, matches)[origins - window + 1]
            errors[which, matches] = float(np.abs(forecasts - truth).mean())
    return min(errors, key=errors.get)


def check(series: Series, spec: Mapping) -> int:
    """Return the horizon, or raise a KoopflowError if the series is too short for it or the sizes given do not fit one another."""
    length, horizon = len(series.values), int(spec.get("horizon") or default_horizon(series.period, len(series.values)))
    early = int(EARLY * length)
    if early < 3 * horizon + 12:
        need = int(np.ceil((3 * horizon + 12) / EARLY))
        raise KoopflowError(
            f"series.{series.name}: {length} samples are too short for horizon: {horizon}; it needs {need} "
            "(choices are made on the first 40 %)"
        )
    if spec.get("window") and int(spec["window"]) + 2 * horizon > early:
        raise KoopflowError(
            f"series.{series.name}.window: {spec['window']} with horizon: {horizon} does not fit into the {early} samples of the early "
            "stretch (the first 40 %)"
        )
    if np.ptp(series.values[:early]) == 0:
        raise KoopflowError(
            f"series.{series.name}: constant in its first {early} samples, on which choices are made; shorten or drop it"
        )
    transform = spec.get("transform") or "auto"
    if transform != "auto":
        build(transform, series.period, series.values[:early], f"series.{series.name}")
    _sizes(spec, series.period, early, horizon, series.name)
    return horizon
