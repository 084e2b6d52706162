"""How many samples make a season."""

import numpy as np
from numpy.typing import NDArray

USUAL = {
    "minute": (1440,),
    "5 minutes": (288,),
    "10 minutes": (144,),
    "15 minutes": (96,),
    "half-hour": (48,),
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


def infer_period(early: NDArray[np.float64], step: str = "step") -> int:
    """Return the samples per season, from the autocorrelation of the early stretch and what is
    usual for the step.

    A usual season is taken if the detrended autocorrelation there is above 0.1 and above the noise;
    otherwise the highest peak above 0.3 whose lag fits three times into the stretch; otherwise 1.
    Outliers are first held at five interquartile ranges from the median, since a few of them would
    hide any season.
    """
    correlation = _autocorrelation(early)
    if correlation is None:
        return 1
    count, floor = len(early), 2 / np.sqrt(len(early))
    usual = [lag for lag in USUAL.get(step, ()) if 2 * lag <= count and correlation[lag] > max(0.1, floor)]
    if usual:
        return max(usual, key=lambda lag: (round(float(correlation[lag]), 1), -lag))
    crossed = np.flatnonzero(correlation < 0)
    peaks = [
        lag
        for lag in range(2, count // 3)
        if correlation[lag] > max(0.3, floor)
        and correlation[lag - 1] <= correlation[lag] > correlation[lag + 1]
        and len(crossed)
        and lag > crossed[0]
    ]
    return max(peaks, key=lambda lag: float(correlation[lag])) if peaks else 1


def _autocorrelation(early: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the autocorrelation (lag,) of the detrended stretch; None if it is too short or does
    not vary."""
    count = len(early)
    if count < FEWEST:
        return None
    time = np.arange(count)
    lowest, median, highest = np.quantile(early, [0.25, 0.5, 0.75])
    reach = 5 * (highest - lowest)
    held = np.clip(early, median - reach, median + reach) if reach > 0 else early
    rest = held - np.polyval(np.polyfit(time, held, 1), time)
    size = float(rest @ rest)
    if size <= 0:
        return None
    spectrum = np.fft.rfft(rest, 2 * count)
    correlation: NDArray[np.float64] = np.fft.irfft(np.abs(spectrum) ** 2)[:count] / size
    correlation *= count / np.maximum(count - np.arange(count), 1)
    return correlation
