"""The episodic memory: models of all windows, models of what followed each, and the windows each
recalls."""

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.forecast.buffer import Growing
from koopflow.forecast.index import SpectralIndex, embed
from koopflow.forecast.learned_match import LearnedMatch, portraits
from koopflow.forecast.options import RecallSettings, WindowSettings
from koopflow.koopman.spectrum import mode_distance
from koopflow.koopman.windows import WindowModels, advance, fit_windows, present_states


class Archive:
    """A growing memory of windows.

    A window that ends at time s can be recalled from time s + horizon on, once its future is known,
    or later if there is an exclusion zone around the present.

    Parameters
    ----------
    windows : WindowSettings
    horizon : int
        Steps ahead.
    recall : RecallSettings
    history : int
        Number of earlier spectra compared along with the present one.
    searches, follows : bool
        Whether to recall windows, and whether to fit models to what followed each.

    Attributes
    ----------
    recalled, distances : Growing of (matches,)
        For each window, the indices of the windows it recalls and their distances, nearest first;
        padded with -1 and NaN.
    index : SpectralIndex
    learned : LearnedMatch, optional
        The search that replaces it with ``match: learned``.
    """

    def __init__(
        self,
        windows: WindowSettings,
        horizon: int,
        recall: RecallSettings,
        *,
        history: int,
        searches: bool,
        follows: bool,
    ) -> None:
        self.windows, self.horizon, self.recall, self.history = windows, horizon, recall, history
        self.searches, self.follows = searches, searches and follows
        self.recalled, self.distances = Growing(), Growing()
        self._models: dict[str, Growing] = {}
        self._followed: dict[str, Growing] = {}
        self._points = Growing()
        self._series: NDArray[np.float64] = np.zeros((0, 1))
        self.index = SpectralIndex(self._spectra, self._full_distance if recall.mode_weight else None)
        self._apart = round(recall.exclusion * windows.window)
        learns = searches and recall.match == "learned"
        sizes = (windows.window, horizon, recall.matches, self._apart)
        self.learned = LearnedMatch(self._forecasts, *sizes) if learns else None

    def __len__(self) -> int:
        return len(self.recalled)

    @property
    def models(self) -> WindowModels:
        """Return the models of all windows so far; window i ends at time i + window - 1."""
        return WindowModels(**{name: buffer.view for name, buffer in self._models.items()})

    @property
    def followed(self) -> WindowModels | None:
        """Return the models of what followed each window, as far as known; None if there are
        none."""
        return (
            WindowModels(**{name: buffer.view for name, buffer in self._followed.items()}) if self._followed else None
        )

    def extend(self, series: NDArray[np.float64], models: WindowModels | None = None) -> None:
        """Add the windows completed by `series`, and find the windows that each recalls.

        Parameters
        ----------
        series : (time, channels) float
            The whole series so far.
        models : WindowModels, optional
            Models of the windows to add, if already fitted with the same settings.

        Raises
        ------
        KoopflowError
            If the number of `models` differs from the number of added windows.
        """
        windows = self.windows
        done, total = len(self), len(series) - windows.window + 1
        added = models or fit_windows(
            series[done:], windows.window, windows.delays, windows.rank, center=windows.center
        )
        if len(added) != total - done:
            raise KoopflowError(f"models must have one entry per new window, {total - done} (got {len(added)})")
        for name in vars(added):
            self._models.setdefault(name, Growing()).extend(getattr(added, name))
        before = np.maximum(np.arange(done, total)[:, None] - self.horizon * np.arange(self.history + 1), 0)
        eigenvalues = self._models["eigenvalues"].view
        self._points.extend(np.concatenate([embed(eigenvalues[rows]) for rows in before.T], axis=1) / before.shape[1])
        if self.follows:
            self._follow(series, total)
        self._series = series
        if self.learned is not None:
            origins = np.arange(done, total) + windows.window - 1
            self.learned.add(portraits(self._points.view[done:], added, series, origins, windows.delays))
        self._recall(done, total)

    def _spectra(self, members: NDArray[np.intp]) -> NDArray[np.complex128]:
        """Return the spectra (n, 1 + history, rank) of windows, including earlier ones."""
        before = self.horizon * np.arange(self.history + 1)
        return self._models["eigenvalues"].view[np.maximum(members[:, None] - before, 0)]

    def _full_distance(self, member: int, other: int, spectral: float, matching: NDArray[np.intp]) -> float:
        a, b = (self._models["basis"].view[i] @ self._models["eigenvectors"].view[i] for i in (member, other))
        return spectral + self.recall.mode_weight * mode_distance(a, b, matching)

    def _follow(self, series: NDArray[np.float64], total: int) -> None:
        """Fit models to what followed each newly remembered window, relative to that window's
        level."""
        windows = self.windows
        done = len(self._followed["mean"]) if self._followed else 0
        known = total - self.horizon
        if known <= done:
            return
        # Stretches end one horizon after their windows. If the first would begin before the series,
        # all are shortened.
        ends = np.arange(done, known) + windows.window - 1 + self.horizon
        length = min(windows.delays + max(self.horizon, 2 * windows.rank), int(ends[0]) + 1)
        stretch = series[ends[0] - length + 1 : ends[-1] + 1]
        level = self._models["mean"].view[done:known]
        for name, rows in vars(fit_windows(stretch, length, windows.delays, windows.rank, means=level)).items():
            self._followed.setdefault(name, Growing()).extend(rows)

    def _forecasts(self, i: int, members: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the forecasts (n, horizon, channels) from the end of window i by what is recalled of
        each of several windows: its model, or what followed it."""
        series, which, origin = self._series, self.recall.recalled, i + self.windows.window - 1
        if which == "events":
            ends = members + self.windows.window - 1
            changes = series[ends[:, None] + np.arange(1, self.horizon + 1)] - series[ends][:, None]
            return np.asarray(series[origin] + changes, dtype=np.float64)
        source = (self.followed if which == "following" else None) or self.models
        part = source.take(members + (self.horizon if which == "later" else 0))
        states = np.repeat(present_states(series, [origin], self.windows.delays), len(members), axis=0)
        level = np.repeat(self.models.mean[i : i + 1], len(members), axis=0)
        return advance(part, states, level, self.horizon, stabilize=self.windows.stabilize)

    def _recall(self, start: int, stop: int) -> None:
        """Find the nearest remembered windows for each of the windows start ... stop - 1."""
        points, matches = self._points.view, self.recall.matches
        if not self.searches:
            self.recalled.extend(np.full((stop - start, matches), -1))
            self.distances.extend(np.full((stop - start, matches), np.nan))
            return
        delay = max(self.horizon, self._apart)
        for i in range(start, stop):
            if self.learned is not None:
                members, distances = self.learned.nearest(i, max(i - delay + 1, 0), self._series)
            else:
                if i >= delay:
                    self.index.add(i - delay, points[i - delay])
                members, distances = self.index.nearest_apart(i, points[i], matches, self._apart)
            row, gap = np.full((1, matches), -1), np.full((1, matches), np.nan)
            row[0, : len(members)], gap[0, : len(members)] = members, distances
            self.recalled.extend(row)
            self.distances.extend(gap)
