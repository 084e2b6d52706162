"""A match of windows whose weights are learned from the errors of earlier recalls.

Which windows are alike depends on what is asked of them. Here the distance between two windows is a
weighted mean of the distances between their eigenvalues, modes, phases, levels and slopes. A few
weightings compete: each recalls windows of its own, and the one whose recalled forecasts have erred
least so far chooses the windows that are recalled. Distances between eigenvalues are those of the
sliced Wasserstein bound, see `koopflow.forecast.index.embed`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from koopflow.forecast.buffer import Growing
from koopflow.forecast.gate import DOUBT
from koopflow.forecast.index import separate
from koopflow.koopman.windows import WindowModels, present_states

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Forecasts = Callable[[int, Integers], Floats]

PARTS = ("eigenvalues", "modes", "phase", "level", "slope")
# Weightings of PARTS. The first is the default match; another one replaces it once it has proved better.
WEIGHTINGS = np.array(
    [
        (1.0, 0.0, 0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0, 0.0, 0.0),
        (1.0, 0.0, 1.0, 0.0, 0.0),
        (1.0, 0.0, 0.0, 1.0, 1.0),
        (1.0, 1.0, 1.0, 1.0, 1.0),
        (0.0, 0.0, 1.0, 1.0, 1.0),
    ]
)
NEAREST = 1e-6  # added to distances before weighting by 1 / distance: an exact match must not dominate


class Portrait(NamedTuple):
    """What is compared of n windows, each part (n, columns)."""

    eigenvalues: Floats
    modes: Floats
    phase: Floats
    level: Floats
    slope: Floats


def portraits(points: Floats, models: WindowModels, series: Floats, origins: Integers, delays: int) -> Portrait:
    """Return what is compared of windows.

    Parameters
    ----------
    points : (n, columns)
        Coordinates of the spectra, from `koopflow.forecast.index.embed`.
    models : WindowModels
        Of the n windows.
    series : (time, channels)
    origins : (n,) int
        Times at which the windows end.
    delays : int

    Returns
    -------
    Portrait
        The modes' part is their autocorrelation along the delay vector, averaged over modes, which
        depends neither on their order nor on their phases; the phase's is the present delay vector
        about the window's level, at unit length.
    """
    states = present_states(series, origins, delays)
    moved = (states - models.mean[:, None, :]).reshape(len(states), -1)
    unit = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-300)
    ramp = np.linspace(-1.0, 1.0, delays)
    slope = np.einsum("d,ndc->nc", ramp, states) / (ramp**2).sum()
    return Portrait(points, _autocorrelation(models), unit, models.mean, slope)


def _autocorrelation(models: WindowModels) -> Floats:
    """Return the autocorrelation (n, dimension) of unit modes along their entries, averaged over
    modes."""
    modes = models.basis @ models.eigenvectors
    size = modes.shape[1]
    modes = modes / np.maximum(np.linalg.norm(modes, axis=1, keepdims=True), 1e-300)
    spectrum = np.abs(np.fft.fft(modes, n=2 * size, axis=1)) ** 2
    return np.asarray(np.fft.ifft(spectrum.mean(axis=2), axis=1)[:, :size].real, dtype=np.float64)


class LearnedMatch:
    """Finds the windows nearest to each under the weighting that has served best so far.

    The score of a weighting is the mean absolute error of the mean forecast of its matches, weighted
    by 1 / distance, less that of the first weighting. A share of its standard error is added, as in
    `koopflow.forecast.gate.LearnedThreshold`: otherwise the best of several noisy scores would look
    like a saving.

    Parameters
    ----------
    forecasts : callable
        ``forecasts(i, members)`` returns what each recalled window forecasts from the end of window
        i, (n, horizon, channels).
    window, horizon : int
        Samples per window, and steps ahead.
    matches : int
        Number of windows recalled.
    apart : int
        Shortest time between them.

    Attributes
    ----------
    chosen : Growing of int
        For each window, the index in WEIGHTINGS of the weighting that was used.
    """

    def __init__(self, forecasts: Forecasts, window: int, horizon: int, matches: int, apart: int) -> None:
        self.forecasts = forecasts
        self.window, self.horizon, self.matches, self.apart = window, horizon, matches, apart
        self.chosen = Growing()
        self._parts = [Growing() for _ in PARTS]
        self._expected = Growing()
        self._excess, self._squares = np.zeros((2, len(WEIGHTINGS)))

    def add(self, found: Portrait) -> None:
        """Add the portraits of new windows."""
        for buffer, part in zip(self._parts, found):
            buffer.extend(part)

    def nearest(self, i: int, remembered: int, series: Floats) -> tuple[Integers, Floats]:
        """Return the windows that window `i` recalls, and their distances, nearest first.

        Windows must be asked for in order.

        Parameters
        ----------
        i : int
        remembered : int
            Number of windows that can be recalled: those before this one.
        series : (time, channels)
            Used up to the end of window i.

        Returns
        -------
        (at most matches,) int and float
            Distances are in units of the mean distance to all remembered windows.
        """
        self._settle(i, series)
        best = int(np.argmin(self._excess + DOUBT * np.sqrt(self.horizon * self._squares)))
        expected = np.full((1, len(WEIGHTINGS), self.horizon, series.shape[1]), np.nan)
        result = np.empty(0, dtype=np.intp), np.empty(0)
        if remembered > 0:
            totals = WEIGHTINGS / WEIGHTINGS.sum(axis=1, keepdims=True) @ self._distances(i, remembered)
            found = [(members := self._smallest(total), total[members]) for total in totals]
            made = self.forecasts(i, np.concatenate([members for members, _ in found]))
            counts = np.cumsum([len(members) for members, _ in found])[:-1]
            for place, (part, (_, distances)) in enumerate(zip(np.split(made, counts), found)):
                near = 1.0 / (distances + NEAREST)
                expected[0, place] = np.tensordot(near / near.sum(), part, axes=1)
            result = found[best]
        self._expected.extend(expected)
        self.chosen.extend(np.array([best]))
        return result

    def _distances(self, i: int, remembered: int) -> Floats:
        """Return the distances (parts, remembered) to window i, each part in units of its mean."""
        found = np.stack(
            [cdist(buffer.view[i : i + 1], buffer.view[:remembered], "cityblock")[0] for buffer in self._parts]
        )
        return np.asarray(found / np.maximum(found.mean(axis=1, keepdims=True), 1e-300), dtype=np.float64)

    def _smallest(self, total: Floats) -> Integers:
        """Return the places of the nearest windows, nearest first, `apart` from each other."""
        if self.apart > 1:
            order = np.argsort(total, kind="stable")
            return order[separate(order, self.matches, self.apart)]
        count = min(self.matches, len(total))
        places = np.argpartition(total, count - 1)[:count]
        return places[np.argsort(total[places], kind="stable")]

    def _settle(self, i: int, series: Floats) -> None:
        """Learn from the window whose whole future ends with window i."""
        earlier = i - self.horizon
        if earlier < 0:
            return
        end = earlier + self.window - 1
        happened = series[end + 1 : end + 1 + self.horizon]
        errors = np.abs(self._expected.view[earlier] - happened).mean(axis=(1, 2))
        if np.isfinite(errors).all():
            self._excess += errors - errors[0]
            self._squares += (errors - errors[0]) ** 2
