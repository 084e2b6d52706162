"""What is remembered: the models of all windows so far, the models of what followed them, and which windows each one recalls."""

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.forecast.buffer import Growing
from koopflow.forecast.index import SpectralIndex, embed, mode_distance
from koopflow.koopman.windows import WindowModels, fit_windows


class Archive:
    """A growing memory of windows; a window that ended at s may be recalled from s + horizon on, when its future is known.

    Parameters
    ----------
    window, delays, rank, horizon : int
        As for `SlidingKoopman`.
    matches, history, mode_weight, center
        As for `EpisodicKoopman`.
    searches, follows : bool
        Whether windows are recalled at all, and whether models are fitted on just what followed each.

    Attributes
    ----------
    recalled, distances : Growing of (matches,)
        For each window, the numbers of the windows it recalls and their distances, nearest first; -1 and NaN where there is none.
    index : SpectralIndex
    """

    def __init__(self, window, delays, rank, horizon, *, matches, history, mode_weight, center, searches, follows):
        self.window, self.delays, self.rank, self.horizon = window, delays, rank, horizon
        self.matches, self.history, self.mode_weight, self.center = matches, history, mode_weight, center
        self.searches, self.follows = searches, searches and follows
        self.recalled, self.distances = Growing(), Growing()
        self._models: dict[str, Growing] = {}
        self._followed: dict[str, Growing] = {}
        self._points = Growing()
        self.index = SpectralIndex(self._spectra, self._full_distance if mode_weight else None)

    def __len__(self) -> int:
        return len(self.recalled)

    @property
    def models(self) -> WindowModels:
        """Return the models of all windows so far; number i is of the window that ends at time i + window - 1."""
        return WindowModels(**{name: buffer.view for name, buffer in self._models.items()})

    @property
    def followed(self) -> WindowModels | None:
        """Return the models fitted on what followed each window, as far as it is known; None before any is."""
        return WindowModels(**{name: buffer.view for name, buffer in self._followed.items()}) if self._followed else None

    def extend(self, series: np.ndarray, models: WindowModels | None = None) -> None:
        """Take in the windows that `series` (time, channels) completes, and find what each of them recalls.

        `models` are those of the new windows, where they were fitted before with the same settings.
        """
        done, total = len(self), len(series) - self.window + 1
        fresh = models or fit_windows(series[done:], self.window, self.delays, self.rank, center=self.center)
        if len(fresh) != total - done:
            raise KoopflowError(f"models: of {len(fresh)} windows, but the values complete {total - done}")
        for name in vars(fresh):
            self._models.setdefault(name, Growing()).extend(getattr(fresh, name))
        before = np.maximum(np.arange(done, total)[:, None] - self.horizon * np.arange(self.history + 1), 0)
        eigenvalues = self._models["eigenvalues"].view
        self._points.extend(np.concatenate([embed(eigenvalues[rows]) for rows in before.T], axis=1) / before.shape[1])
        if self.follows:
            self._follow(series, total)
        self._recall(done, total)

    def _spectra(self, windows: np.ndarray) -> np.ndarray:
        """Return the spectra (n, 1 + history, rank) of windows and of those before them that are compared with them."""
        before = self.horizon * np.arange(self.history + 1)
        return self._models["eigenvalues"].view[np.maximum(windows[:, None] - before, 0)]

    def _full_distance(self, member: int, other: int, spectral: float, matching: np.ndarray) -> float:
        modes = [self._models["basis"].view[i] @ self._models["eigenvectors"].view[i] for i in (member, other)]
        return spectral + self.mode_weight * mode_distance(*modes, matching)

    def _follow(self, series: np.ndarray, total: int) -> None:
        """Fit what followed each window that is remembered from now on, around the level the window had."""
        length = self.delays + max(self.horizon, 2 * self.rank)
        done = len(self._followed["mean"]) if self._followed else 0
        known = total - self.horizon
        if known <= done:
            return
        # Ends of the stretches: horizon after each window's end. The first may reach back before the series, where they are
        # shortened.
        ends = np.arange(done, known) + self.window - 1 + self.horizon
        length = min(length, int(ends[0]) + 1)
        stretch = series[ends[0] - length + 1 : ends[-1] + 1]
        level = self._models["mean"].view[done:known]
        for name, rows in vars(fit_windows(stretch, length, self.delays, self.rank, means=level)).items():
            self._followed.setdefault(name, Growing()).extend(rows)

    def _recall(self, start: int, stop: int) -> None:
        """Find the nearest remembered windows for each new one."""
        points = self._points.view
        if not self.searches:
            self.recalled.extend(np.full((stop - start, self.matches), -1))
            self.distances.extend(np.full((stop - start, self.matches), np.nan))
            return
        for i in range(start, stop):
            if i >= self.horizon:
                self.index.add(i - self.horizon, points[i - self.horizon])
            members, distances = self.index.nearest(i, points[i], self.matches)
            row, gap = np.full((1, self.matches), -1), np.full((1, self.matches), np.nan)
            row[0, : len(members)], gap[0, : len(members)] = members, distances
            self.recalled.extend(row)
            self.distances.extend(gap)
