"""Series to forecast: one registry, one function per source.

A source returns times and values as they are; `load` then puts them on a regular grid, fills gaps without looking where it
matters (an origin inside a gap is never forecast from) and finds the season.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.core.seeds import rng
from koopflow.data.series.grid import EARLY, regular

SOURCES: dict[str, Callable] = {}
LARGEST = 1e100
"""Values beyond it could not be squared and added up."""
STILL = 0.1
"""A series that has not moved for this share of its early stretch or longer begins where it first does."""


@dataclass(frozen=True)
class Series:
    """A regular series without missing values.

    Attributes
    ----------
    name : str
    time : (n,) array
        Stamps (datetime64 or numbers), one step apart.
    values : (n,) float
    observed : (n,) bool
        False where the value was filled in.
    period : int
        Samples per season; 1 where there is none.
    label : str
        What the values are, for axes.
    step : str
        Name of one step, for axes.
    """

    name: str
    time: np.ndarray
    values: np.ndarray
    observed: np.ndarray
    period: int
    label: str
    step: str


def source(function: Callable) -> Callable:
    """Register ``f(name, spec, seed) -> (times, values, label)`` as a source under its name."""
    SOURCES[function.__name__] = function
    return function


def load(name: str, spec: Mapping, seed: int = 0) -> Series:
    """Return the series `name` that `spec` describes.

    Parameters
    ----------
    name : str
    spec : mapping
        ``source`` (a name in SOURCES; csv where there is a ``path``) and its options, ``fill`` (interpolate or hold) and
        ``period``.
    seed : int
        The run's seed, for synthetic sources.

    Raises
    ------
    KoopflowError
        One line, naming the series and what is wrong.
    """
    from koopflow.data.series import csv, synthetic  # noqa: F401 - they register their sources

    kind = spec.get("source") or ("csv" if spec.get("path") else None)
    if kind not in SOURCES:
        raise KoopflowError(f"series.{name}.source: {kind!r}; accepted are {', '.join(sorted(SOURCES))}, or give a path")
    times, values, label = SOURCES[kind](name, spec, seed)
    return prepared(name, times, values, label, fill=spec.get("fill") or "interpolate", period=spec.get("period"))


def prepared(
    name: str,
    times: np.ndarray,
    values: np.ndarray,
    label: str = "value",
    *,
    fill: str = "interpolate",
    period: int | None = None,
) -> Series:
    """Return samples as a series: on a regular grid, without missing values, with its season.

    Parameters
    ----------
    name : str
        What errors call the series.
    times : (n,) datetime64 or numbers, increasing
    values : (n,) float
        NaN where one is missing.
    label : str
        What the values are, for axes.
    fill : "interpolate" or "hold"
        How missing values are filled.
    period : int, optional
        Samples per season; found from the early stretch by default.

    Raises
    ------
    KoopflowError
        If the series is too short, constant, without values, or has values too large to square.
    """
    times, values, step = regular(name, times, values)
    present = np.flatnonzero(np.isfinite(values))
    if len(present) == 0:
        raise KoopflowError(f"series.{name}: all {len(values)} values are missing")
    times, values = times[present[0] : present[-1] + 1], values[present[0] : present[-1] + 1]
    observed = np.isfinite(values)
    if np.max(np.abs(values[observed])) > LARGEST:
        raise KoopflowError(
            f"series.{name}: values as large as {np.max(np.abs(values[observed])):.1g}; at most {LARGEST:g} is accepted"
        )
    values = filled(values, fill)
    if np.ptp(values) == 0:
        raise KoopflowError(f"series.{name}: constant, all {len(values)} values are {values[0]:g}; nothing to forecast")
    start = beginning(values)
    times, values, observed = times[start:], values[start:], observed[start:]
    early = values[: int(EARLY * len(values))]
    return Series(name, times, values, observed, int(period or infer_period(early, step)), label, step)


def beginning(values: np.ndarray) -> int:
    """Return where a series begins to move, less one sample: a product not yet sold, an illness not yet counted is no dynamics.

    Short still stretches stay, and later ones too.
    """
    still = int(np.argmax(values != values[0]))
    return still - 1 if still >= max(2, STILL * EARLY * len(values)) else 0


def filled(values: np.ndarray, how: str) -> np.ndarray:
    """Return `values` with missing ones interpolated (``interpolate``) or the last one held (``hold``); the first must be
    present."""
    at, known = np.arange(len(values)), np.isfinite(values)
    if how == "hold":
        return values[np.maximum.accumulate(np.where(known, at, 0))]
    return np.interp(at, at[known], values[known])


CALENDAR = {
    "minute": (1440,),
    "5 minutes": (288,),
    "10 minutes": (144,),
    "15 minutes": (96,),
    "half-hour": (48,),
    "hour": (24, 168),
    "day": (7,),
    "business day": (5,),
    "week": (52,),
    "month": (12,),
    "quarter": (4,),
}


def infer_period(early: np.ndarray, step: str = "step") -> int:
    """Return the samples per season, from the autocorrelation of the early stretch and what is usual for the step.

    A calendar season is taken if the detrended autocorrelation there is above 0.1 and above the noise; otherwise the highest peak
    above 0.3 whose lag fits three times into the stretch; otherwise 1. Outliers are held at five interquartile ranges from the
    median first: a few of them would hide any season.
    """
    count = len(early)
    if count < 12:
        return 1
    time = np.arange(count)
    lowest, median, highest = np.quantile(early, [0.25, 0.5, 0.75])
    reach = 5 * (highest - lowest)
    held = np.clip(early, median - reach, median + reach) if reach > 0 else early
    rest = held - np.polyval(np.polyfit(time, held, 1), time)
    size = float(rest @ rest)
    if size <= 0:
        return 1
    spectrum = np.fft.rfft(rest, 2 * count)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:count] / size
    correlation *= count / np.maximum(count - np.arange(count), 1)
    floor = 2 / np.sqrt(count)
    usual = [lag for lag in CALENDAR.get(step, ()) if 2 * lag <= count and correlation[lag] > max(0.1, floor)]
    if usual:
        return max(usual, key=lambda lag: (round(correlation[lag], 1), -lag))
    lags = np.arange(2, count // 3)
    peaks = [
        lag
        for lag in lags
        if correlation[lag] > max(0.3, floor) and correlation[lag - 1] <= correlation[lag] > correlation[lag + 1]
    ]
    crossed = np.flatnonzero(correlation < 0)
    peaks = [lag for lag in peaks if len(crossed) and lag > crossed[0]]
    return int(max(peaks, key=lambda lag: correlation[lag])) if peaks else 1


def noise(seed: int, name: str, count: int) -> np.ndarray:
    """Return standard normal noise (count,) of the stream that belongs to a synthetic series."""
    return rng(seed, "series", name).standard_normal(count)
