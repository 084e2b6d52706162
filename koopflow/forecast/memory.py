"""Koopman forecasting with episodic memory (Redman et al. 2023, "Koopman Learning with Episodic Memory").

At each time the present window's spectrum is compared with those of all windows whose future is already known; the nearest are
recalled, and the present state is forecast with the models fitted on what followed them. Two schemes: ``basic`` is the paper's,
recall if near enough, else the ordinary forecast; ``gated`` goes on to learn, from the remembered errors of every forecast made
so far, how much to trust the recollection, the ordinary forecast and plainer ones at each step ahead.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.forecast.archive import Archive
from koopflow.forecast.buffer import Growing
from koopflow.forecast.experts import RECALLING, expert_names, forecast_experts
from koopflow.forecast.gate import Gate, LearnedThreshold
from koopflow.forecast.sliding import as_series
from koopflow.koopman.windows import WindowModels, check_sizes

GUARDS = ("persistence", "seasonal")
SCHEMES = ("basic", "gated")
RECALLED = ("following", "later", "same")
# Matches are weighted by one over their distance; this keeps an exact one from deciding alone.
NEAREST = 1e-6


class EpisodicKoopman:
    """Sliding-window Koopman forecasts that recall earlier times when the dynamics were alike.

    Parameters
    ----------
    window, delays, rank, horizon : int
        As for `SlidingKoopman`.
    scheme : "gated" or "basic"
        What becomes of the recollection, see the module.
    matches : int
        How many of the best matches are recalled and averaged, weighted by nearness.
    recalled : "following", "later" or "same"
        Which past model is recalled: the one fitted on just what followed a match (at least 2 rank pairs, ending `horizon` after
        it), the whole window that ended `horizon` later, or the match's own.
    history : int
        How many earlier spectra, `horizon` samples apart, are compared beside the present one: 0 as in the paper; with 1 the way a
        spectrum is moving counts too.
    threshold : "learned", float or None
        Recall only below a distance: learned from past errors; that quantile of past distances (0 to 1); or always.
    mode_weight : float
        Weight of the distance between modes beside that between eigenvalues.
    period : int
        Samples per season, for the gated scheme's seasonal forecasters; 1 for none.
    experts : sequence of str, optional
        The forecasters that the gated scheme weighs (`koopflow.forecast.experts`); default all.
    caution, sharpness, situation : float
        See `Gate`; like situations are the recalled ones.
    center, stabilize : bool
        As for `SlidingKoopman`.
    measure : callable, optional
        What errors are differences of when thresholds and weights are learned: for forecasts of a root or a logarithm, what undoes
        it, so that they are judged in the series' own units. Default: the values given.

    Attributes
    ----------
    forecasts_ : (time, horizon, channels)
        The forecast made at each time with what was known then; NaN before the first whole window.
    recalled_, distances_ : (time, matches)
        Ends of the recalled windows and their distances, nearest first; -1 and NaN where there is none.
    archive_ : Archive
        What is remembered.

    Notes
    -----
    A window that ended at s is remembered from s + horizon on, when its future is known: nothing later than an origin ever enters
    its forecast. `fit` is `update` from an empty memory, so a series given whole or sample by sample gives the same forecasts.
    """

    def __init__(
        self,
        window: int,
        delays: int,
        rank: int,
        horizon: int,
        *,
        scheme: str = "gated",
        matches: int = 3,
        recalled: str = "later",
        history: int | None = None,
        threshold: str | float | None = "learned",
        mode_weight: float = 0.0,
        period: int = 1,
        experts=None,
        caution: float = 1000.0,
        sharpness: float = 8.0,
        situation: float = 0.15,
        center: bool = True,
        stabilize: bool = True,
        measure: Callable | None = None,
    ):
        if scheme not in SCHEMES:
            raise KoopflowError(f"scheme: {scheme!r} is unknown; accepted are {', '.join(SCHEMES)}")
        if recalled not in RECALLED:
            raise KoopflowError(f"recalled: {recalled!r} is unknown; accepted are {', '.join(RECALLED)}")
        if not (threshold is None or threshold == "learned" or (isinstance(threshold, int | float) and 0 <= threshold <= 1)):
            raise KoopflowError(f"threshold: {threshold!r}; accepted are learned, a quantile from 0 to 1, or null for none")
        for name, number in {"matches": matches, "horizon": horizon, "period": period}.items():
            if number < 1:
                raise KoopflowError(f"{name}: {number} must be at least 1")
        self.window, self.delays, self.rank, self.horizon = window, delays, rank, horizon
        self.scheme, self.matches, self.recalled, self.threshold = scheme, matches, recalled, threshold
        self.history = (1 if scheme == "gated" else 0) if history is None else int(history)
        self.mode_weight, self.period = float(mode_weight), period
        self.weighing = {"caution": caution, "sharpness": sharpness, "situation": situation}
        self.experts = tuple(experts) if experts is not None else expert_names(period)
        # A gate over forecasters none of which recalls needs no search: the control that says what memory itself brings.
        self.recalls = scheme == "basic" or any(name in RECALLING for name in self.experts)
        self.center, self.stabilize = center, stabilize
        self.measure = measure or (lambda values: values)

    def fit(self, values, models: WindowModels | None = None) -> "EpisodicKoopman":
        """Live through `values` (time,) or (time, channels) from the beginning, with an empty memory.

        Where several forecasters share their windows, `models` are those of `values`, fitted before with the same settings.
        """
        values = as_series(values)
        check_sizes(len(values), values.shape[1], self.window, self.delays, self.rank)
        self._values, self._experts, self._ordinary = Growing(), Growing(), Growing()
        self._stacked, self._combined, self._thresholds = Growing(), Growing(), Growing()
        self.archive_ = Archive(
            self.window,
            self.delays,
            self.rank,
            self.horizon,
            matches=self.matches,
            history=self.history,
            mode_weight=self.mode_weight,
            center=self.center,
            searches=self.recalls,
            follows=self.scheme == "gated" or self.recalled == "following",
        )
        self._learned = LearnedThreshold(self.horizon)
        self._state: dict = {}
        channels = values.shape[1]
        self._guards = [place for place, name in enumerate(self.experts) if name in GUARDS]
        memory = max(4 * self.period, 2 * self.window, 200)
        self._gate = Gate(len(self.experts), self.horizon, channels, memory=memory, measure=self.measure, **self.weighing)
        return self.update(values, models)

    @property
    def exact_distances(self) -> int:
        """Return how many pairs of spectra have been matched exactly so far."""
        return self.archive_.index.exact_distances

    def update(self, values, models: WindowModels | None = None) -> "EpisodicKoopman":
        """Take in new samples, remember what they complete, and make the forecasts they allow; `models` as in `fit`, of the new
        windows."""
        self._values.extend(as_series(values))
        series, done = self._values.view, len(self._combined)
        if len(series) - self.window + 1 <= done:
            return self
        self.archive_.extend(series, models)
        total = len(self.archive_)
        forecasts = forecast_experts(self, series, done, total)
        self._experts.extend(forecasts["gate"])
        self._ordinary.extend(np.stack([forecasts["sliding"], forecasts["recalled"]], axis=1))
        for buffer in (self._stacked, self._combined):
            buffer.extend(np.full(forecasts["sliding"].shape, np.nan))
        for i in range(done, total):
            self._live(i, series)
        return self

    def _live(self, i: int, series: np.ndarray) -> None:
        """Settle the forecasts whose truth is the newest sample of window i, then make the forecast of window i."""
        steps = np.arange(1, min(self.horizon, i) + 1)
        earlier, truth = i - steps, series[i + self.window - 1]
        if len(steps):
            forecasts = self.measure(self._ordinary.view[earlier, :, steps - 1])
            ordinary = np.abs(forecasts - self.measure(truth)).sum(axis=-1)
            near = self.archive_.distances.view[earlier, 0]
            known = np.isfinite(near)
            self._learned.settle(steps[known], near[known], ordinary[known, 1], ordinary[known, 0])
            if self.scheme == "gated":
                self._gate.settle(steps, self._experts.view[earlier, :, steps - 1], self._stacked.view[earlier, steps - 1], truth)
        limits = self._limits(i)
        self._thresholds.extend(limits[None])
        if self.scheme == "gated":
            weights = self._gate.weights(self._like(i, series))
            stacked = np.einsum("hce,ehc->hc", weights, self._experts.view[i])
            self._stacked.view[i] = stacked
            self._combined.view[i] = self._gate.guarded(self._experts.view[i], stacked, self._guards)
        else:
            trusted = (self.archive_.distances.view[i, 0] <= limits)[:, None]
            self._combined.view[i] = np.where(trusted, self._ordinary.view[i, 1], self._ordinary.view[i, 0])

    def _like(self, i: int, series: np.ndarray) -> np.ndarray | None:
        """Return the mean absolute errors (horizon, channels, experts) that the forecasters made from the windows recalled at i."""
        members, distances = self.archive_.recalled.view[i], self.archive_.distances.view[i]
        members, distances = members[members >= 0], distances[members >= 0]
        if len(members) == 0:
            return None
        near = 1.0 / (distances + NEAREST)
        truth = series[members[:, None] + self.window + np.arange(self.horizon)]
        errors = np.abs(self.measure(self._experts.view[members]) - self.measure(truth)[:, None])
        return np.tensordot(near / near.sum(), errors, axes=1).transpose(1, 2, 0)

    def _limits(self, i: int) -> np.ndarray:
        """Return the largest trusted distance (horizon,) at window i, from what is known then."""
        if self.threshold == "learned":
            return self._learned.value()
        if self.threshold is None:
            return np.full(self.horizon, np.inf)
        past = self.archive_.distances.view[: i + 1, 0]
        past = past[np.isfinite(past)]
        return np.full(self.horizon, np.quantile(past, self.threshold) if len(past) else -1.0)

    def predict(self, horizon: int | None = None) -> np.ndarray:
        """Return the forecast (horizon, channels) of what comes next; at most the horizon that was set."""
        if horizon is not None and not 1 <= horizon <= self.horizon:
            raise KoopflowError(f"horizon: {horizon} is not between 1 and {self.horizon}, the horizon this forecaster learned")
        return self._combined.view[-1][: horizon or self.horizon].copy()

    def _whole(self, rows: np.ndarray, fill) -> np.ndarray:
        before = np.full((self.window - 1, *rows.shape[1:]), fill, dtype=rows.dtype)
        return np.concatenate([before, rows])

    @property
    def forecasts_(self) -> np.ndarray:
        return self._whole(self._combined.view, np.nan)

    @property
    def recalled_(self) -> np.ndarray:
        rows = self.archive_.recalled.view
        return self._whole(np.where(rows >= 0, rows + self.window - 1, -1), -1)

    @property
    def distances_(self) -> np.ndarray:
        return self._whole(self.archive_.distances.view, np.nan)

    def explain(self, origin: int | None = None) -> pd.DataFrame:
        """Say which past windows the forecast from `origin` (default: the last) recalled, how near they were, and how they went on.

        Returns
        -------
        DataFrame
            One row for each match, channel and step: match, recalled_origin, distance, trusted, horizon, channel, continuation (the
            value that followed), expected (the same, moved to the present level).
        """
        series = self._values.view
        origin = len(series) - 1 if origin is None else origin
        i = origin - self.window + 1
        if not 0 <= i < len(self._combined):
            raise KoopflowError(f"origin: {origin} has no forecast; accepted are {self.window - 1} to {len(series) - 1}")
        rows = []
        for match, (member, distance) in enumerate(zip(self.archive_.recalled.view[i], self.archive_.distances.view[i]), start=1):
            if member < 0:
                continue
            end = member + self.window - 1
            for step in range(1, self.horizon + 1):
                trusted = bool(self.archive_.distances.view[i, 0] <= self._thresholds.view[i, step - 1])
                for channel in range(series.shape[1]):
                    after = series[end + step, channel]
                    moved = after - series[end, channel] + series[origin, channel]
                    rows.append((match, end, distance, trusted, step, channel, after, moved))
        names = ["match", "recalled_origin", "distance", "trusted", "horizon", "channel", "continuation", "expected"]
        return pd.DataFrame(rows, columns=names)
