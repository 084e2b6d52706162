"""How many samples make a season."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

USUAL = {
    "minute": (1440,),
    "5 minutes": (288, 2016),
    "10 minutes": (144, 1008),
    "15 minutes": (96, 672),
    "half-hour": (48, 336),
    "hour": (24, 168),
    "day": (7,),
    "business day": (5,),
    "week": (52,),
    "10 days": (36,),
    "half-month": (24,),
    "4 weeks": (13,),
    "month": (12,),
    "2 months": (6,),
    "13 weeks": (4,),
    "quarter": (4,),
}
"""Samples per season that are usual, by the name of a step."""

FEWEST = 12
"""A stretch shorter than this shows no season."""

WORSE = 0.01
"""A season is given up for a multiple of it if it is worse at this level, shared by all lags of
which the multiple is the best."""


def infer_period(early: NDArray[np.float64], step: str = "step") -> int:
    """Return the samples per season, from the autocorrelation of the early stretch and what is
    usual for the step.

    Usual seasons count if the detrended autocorrelation there is above 0.1 and above the noise, and
    significantly above that a third of the season before and after: slow swings have none. If none
    does, peaks above 0.3 count whose lags fit three times into the stretch; if there are none,
    the period is 1. Every multiple of a season has about the same autocorrelation, so the shortest
    season is taken that is not significantly worse than the best. Outliers are first held at five
    interquartile ranges from the median, since a few of them would hide any season.
    """
    rest = _detrended(early)
    if rest is None:
        return 1
    correlation = _autocorrelation(rest)
    count, floor = len(early), 2 / np.sqrt(len(early))
    usual = [lag for lag in USUAL.get(step, ()) if 2 * lag <= count and correlation[lag] > max(0.1, floor)]
    usual = [lag for lag in usual if _stands_out(rest, lag, len(usual))]
    if usual:
        best = max(usual, key=lambda lag: float(correlation[lag]))
        return next(
            lag for lag in usual if lag == best or (lag < best and not _worse(rest, best, best / lag, len(usual)))
        )
    crossed = np.flatnonzero(correlation < 0)
    peaks = [
        lag
        for lag in range(2, count // 3)
        if correlation[lag] > max(0.3, floor)
        and correlation[lag - 1] <= correlation[lag] > correlation[lag + 1]
        and len(crossed)
        and lag > crossed[0]
    ]
    if not peaks:
        return 1
    best = max(peaks, key=lambda lag: float(correlation[lag]))
    for parts in range(best // 2, 1, -1):
        lags = _multiples(best, parts)
        if lags[0] <= crossed[0] or correlation[lags[0]] <= floor:
            continue
        if float(correlation[lags].mean()) > correlation[best] / 2 and not _worse(rest, best, parts, len(peaks)):
            return int(lags[0])
    return best


def infer_seasons(early: NDArray[np.float64], step: str, period: int) -> tuple[int, ...]:
    """Return all seasons, from what is usual for the step; `period` is one of them unless it is 1.

    A further season counts if the series is significantly more like itself a season ago than a
    third of the season before and after. For a season longer than `period`, the mean of each phase
    of `period` is taken off first.

    Examples
    --------
    >>> time = np.arange(24 * 7 * 6)
    >>> demand = np.sin(2 * np.pi * time / 24) * (1 + (time // 24 % 7 < 5))
    >>> infer_seasons(demand + np.random.default_rng(0).normal(0, 0.1, len(time)), "hour", 168)
    (24, 168)
    """
    own = (period,) if period > 1 else ()
    rest = _detrended(early)
    if rest is None:
        return own
    count = len(rest)
    found = [*own]
    candidates = [lag for lag in USUAL.get(step, ()) if lag != period and 2 * lag + lag // 3 <= count]
    for lag in candidates:
        left = rest
        if period > 1 and lag > period:
            phase = np.arange(count) % period
            left = rest - (np.bincount(phase, rest) / np.bincount(phase))[phase]
        if left @ left > 1e-12 * (rest @ rest) and _stands_out(left, lag, len(candidates)):
            found.append(lag)
    return tuple(sorted(found))


def _stands_out(rest: NDArray[np.float64], lag: int, among: int) -> bool:
    """Whether a series is significantly more like itself `lag` samples ago than a third of that
    before and after; `among` such tests share the level."""
    aside = max(1, round(lag / 3))
    count = len(rest) - lag - aside
    if count < 2:
        return False
    now, places = rest[lag + aside :], np.arange(count) + aside
    beside = (rest[places - aside] + rest[places + aside]) / 2
    return _positive(now * (rest[places] - beside), WORSE / among)


def _worse(rest: NDArray[np.float64], best: int, parts: float, among: int) -> bool:
    """Whether a season of which `parts` make the lag `best`, the best of `among`, is significantly
    worse than it.

    If it is a season, the mean autocorrelation at all its multiples up to `best` is no lower than
    that at `best`. Each sample is multiplied by the difference between the mean of the earlier ones
    at those multiples and the one at `best`; the noise in these products may be correlated over a
    few samples.
    """
    count = len(rest) - best
    earlier = np.mean([rest[best - lag : best - lag + count] for lag in _multiples(best, parts)], axis=0)
    return _positive(rest[best:] * (rest[:count] - earlier), WORSE / among)


def _positive(products: NDArray[np.float64], level: float) -> bool:
    """Whether the mean of correlated values is significantly above 0, by the standard error of Newey
    and West (Econometrica 55, 703, 1987)."""
    mean, count = float(products.mean()), len(products)
    away = products - mean
    variance = float(away @ away) / count
    reach = int(4 * (count / 100) ** (2 / 9))
    for lag in range(1, min(reach, count - 1) + 1):
        variance += 2 * (1 - lag / (reach + 1)) * float(away[lag:] @ away[:-lag]) / count
    return mean > -NormalDist().inv_cdf(level) * float(np.sqrt(max(variance, 0.0) / count))


def _multiples(best: int, parts: float) -> NDArray[np.intp]:
    """Return the first lags, 24 at most, of a season of which `parts` make the lag `best`."""
    return (np.arange(1, min(int(np.ceil(parts)), 25)) * best / parts + 0.5).astype(np.intp)


def _detrended(early: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the stretch without outliers and without its line; None if it is too short or does not
    vary."""
    count = len(early)
    if count < FEWEST:
        return None
    time = np.arange(count)
    lowest, median, highest = np.quantile(early, [0.25, 0.5, 0.75])
    reach = 5 * (highest - lowest)
    held = np.clip(early, median - reach, median + reach) if reach > 0 else early
    rest: NDArray[np.float64] = held - np.polyval(np.polyfit(time, held, 1), time)
    return rest if rest @ rest > 0 else None


def _autocorrelation(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the autocorrelation (lag,) of a detrended stretch."""
    count = len(rest)
    spectrum = np.fft.rfft(rest, 2 * count)
    correlation: NDArray[np.float64] = np.fft.irfft(np.abs(spectrum) ** 2)[:count] / float(rest @ rest)
    correlation *= count / np.maximum(count - np.arange(count), 1)
    return correlation
