"""Synthetic series whose dynamics change and return."""

import numpy as np
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.seeds import rng

Samples = tuple[NDArray[np.int64], NDArray[np.float64], str]


def switching(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """A sine whose frequency switches between two values every 60 steps."""
    time = np.arange(settings.length or 1200)
    frequency = np.where((time // 60) % 2 == 0, 0.05, 0.09)
    return _noisy(name, settings, seed, np.sin(2 * np.pi * np.cumsum(frequency)))


def drifting(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """A sine whose frequency drifts up and down between 0.02 and 0.08 once in 400 steps."""
    time = np.arange(settings.length or 1600)
    frequency = 0.05 + 0.03 * np.sin(2 * np.pi * time / 400)
    return _noisy(name, settings, seed, np.sin(2 * np.pi * np.cumsum(frequency)))


def seasons(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Two oscillations whose shares trade places with a season of 120 steps."""
    time = np.arange(settings.length or 1200)
    share = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * time / 120))
    return _noisy(
        name, settings, seed, share * np.sin(2 * np.pi * time / 20) + (1 - share) * np.sin(2 * np.pi * time / 8)
    )


def jump(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """A slow oscillation that every 80 steps jumps to another level and a faster one, and back."""
    time = np.arange(settings.length or 1200)
    up = (time // 80) % 2 == 1
    return _noisy(
        name, settings, seed, np.where(up, 3 + 0.5 * np.sin(2 * np.pi * time / 10), np.sin(2 * np.pi * time / 25))
    )


def _noisy(name: str, settings: SeriesSettings, seed: int, clean: NDArray[np.float64]) -> Samples:
    """Return a clean series (n,) plus noise of the stream (seed, "series", name)."""
    count = len(clean)
    return np.arange(count), clean + settings.noise * rng(seed, "series", name).standard_normal(count), "value"
