"""Koopman forecasts with episodic memory (Redman et al. 2023, arXiv 2311.12615).

At each time, the spectrum of the present window is compared with the spectra of all windows whose
future is known. The models of the nearest ones advance the present state. The basic scheme is the
paper's: recall if near enough, else forecast with the present window's own model. The gated scheme
learns from all past errors how to weight recalled, sliding and simpler forecasts at each step.
"""

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.forecast.ahead import Ahead
from koopflow.forecast.archive import Archive
from koopflow.forecast.buffer import Growing
from koopflow.forecast.company.refits import Refits
from koopflow.forecast.consolidated import ConsolidatedMemory
from koopflow.forecast.experts import RECALLING, Known, check_experts, expert_names, forecast_experts
from koopflow.forecast.gate import Floats, Gate, LearnedThreshold, identity
from koopflow.forecast.options import GateSettings, RecallSettings, WindowSettings
from koopflow.forecast.sliding import as_series
from koopflow.koopman.windows import WindowModels, check_sizes

GUARDS = ("persistence", "seasonal")
SCHEMES = ("basic", "gated")
NEAREST = 1e-6  # added to distances before weighting by 1 / distance: an exact match must not dominate
EXPLANATION = ["match", "recalled_origin", "distance", "trusted", "horizon", "channel", "continuation", "expected"]


class EpisodicKoopman:
    """Sliding-window Koopman forecasts that recall earlier times with similar dynamics.

    Parameters
    ----------
    windows : WindowSettings
    horizon : int
        Steps ahead.
    scheme : "gated" or "basic"
        How the recalled forecast is used, see the module docstring.
    recall : RecallSettings
    gate : GateSettings
        Options of the gated scheme.
    measure : callable, optional
        Maps forecasts to the units in which errors are compared: the inverse of a root or log
        transform, so that errors are in the series' own units. Default: identity.
    ahead : Ahead, optional
        What is known ahead, such as the calendar.
    refits : Refits, optional
        Estimates to share with other forecasters of the same series.

    Attributes
    ----------
    forecasts_ : (time, horizon, channels)
        The forecast made at each time, from values up to that time; NaN before the first whole
        window.
    recalled_, distances_ : (time, matches)
        Ends of the recalled windows and their distances, nearest first; padded with -1 and NaN.
    archive_ : Archive
        The memory.

    Raises
    ------
    KoopflowError
        If an option is out of range or an expert is unknown.

    Notes
    -----
    A window that ends at time s is remembered from s + horizon on, once its future is known:
    nothing later than an origin enters its forecast. `fit` is `update` from an empty memory, so
    fitting a whole series and updating sample by sample give the same forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.cos(2 * np.pi * np.arange(200) / 10)
    >>> memory = EpisodicKoopman(WindowSettings(window=40, delays=12, rank=2), horizon=3, scheme="basic").fit(wave)
    >>> memory.predict()[:, 0].round(3)
    array([1.   , 0.809, 0.309])
    """

    def __init__(
        self,
        windows: WindowSettings,
        horizon: int,
        *,
        scheme: Literal["gated", "basic"] = "gated",
        recall: RecallSettings = RecallSettings(),  # noqa: B008 - it is frozen
        gate: GateSettings = GateSettings(),  # noqa: B008 - it is frozen
        measure: Callable[[Floats], Floats] | None = None,
        ahead: Ahead | None = None,
        refits: Refits | None = None,
    ) -> None:
        if scheme not in SCHEMES:
            raise KoopflowError(f"scheme must be one of {', '.join(SCHEMES)} (got {scheme!r})")
        if horizon < 1:
            raise KoopflowError(f"horizon must be at least 1 (got {horizon})")
        self.windows, self.horizon, self.scheme = windows, horizon, scheme
        self.recall, self.gate, self.measure = recall, gate, measure or identity
        self.ahead, self.refits = ahead, refits or Refits()
        self.experts = expert_names(gate.period) if gate.experts is None else tuple(gate.experts)
        check_experts(self.experts)
        # a gate without recalling experts needs no search
        self.recalls = scheme == "basic" or any(name in RECALLING for name in self.experts)

    def fit(self, values: ArrayLike, models: WindowModels | None = None) -> Self:
        """Forecast from every time of a series, starting with an empty memory; return self.

        Parameters
        ----------
        values : (time,) or (time, channels)
        models : WindowModels, optional
            Models of all windows of `values`, if already fitted with the same settings.

        Raises
        ------
        KoopflowError
            If a value is missing, or the series is shorter than a window.
        """
        series, windows = as_series(values), self.windows
        check_sizes(len(series), series.shape[1], windows.window, windows.delays, windows.rank)
        self._values, self._experts, self._ordinary = Growing(), Growing(), Growing()
        self._stacked, self._combined, self._thresholds = Growing(), Growing(), Growing()
        gated = self.scheme == "gated"
        history = int(gated) if self.recall.history is None else self.recall.history
        follows = gated or self.recall.recalled == "following"
        self.archive_ = Archive(
            windows, self.horizon, self.recall, history=history, searches=self.recalls, follows=follows
        )
        period = self.gate.period
        delays = min(max(windows.delays, period + 2), windows.window, 200)
        self._consolidated = ConsolidatedMemory(delays, self.horizon, max(1, period if period > 1 else self.horizon))
        self._learned = LearnedThreshold(self.horizon)
        self._guards = [place for place, name in enumerate(self.experts) if name in GUARDS]
        memory = max(4 * period, 2 * windows.window, 200)
        self._gate = Gate(
            len(self.experts), self.horizon, series.shape[1], memory=memory, settings=self.gate, measure=self.measure
        )
        return self.update(series, models)

    @property
    def exact_distances(self) -> int:
        """Return the number of pairs of spectra matched exactly so far."""
        return self.archive_.index.exact_distances

    def update(self, values: ArrayLike, models: WindowModels | None = None) -> Self:
        """Add new samples, remember the windows they complete, and forecast from each; return self.

        Parameters
        ----------
        values : (time,) or (time, channels)
            The samples that follow those added so far.
        models : WindowModels, optional
            As in `fit`, of the new windows.
        """
        self._values.extend(as_series(values))
        series, done = self._values.view, len(self._combined)
        if len(series) - self.windows.window + 1 <= done:
            return self
        self.archive_.extend(series, models)
        total = len(self.archive_)
        experts = self.experts if self.scheme == "gated" else ()
        forecasts = forecast_experts(self.known(), experts, done, total, recalls=self.recalls)
        self._experts.extend(forecasts.gate)
        self._ordinary.extend(np.stack([forecasts.sliding, forecasts.recalled], axis=1))
        for buffer in (self._stacked, self._combined):
            buffer.extend(np.full(forecasts.sliding.shape, np.nan))
        for i in range(done, total):
            self._settle(i, series)
            self._combine(i, series)
        return self

    def known(self) -> Known:
        """Return the inputs of the experts: the series so far and its memory."""
        given = (self._values.view, self.archive_, self._consolidated, self.windows, self.recall, self.horizon)
        ahead = (self.ahead or Ahead()).columns(len(self._values) + self.horizon)
        pooled = None if self.ahead is None else self.ahead.pooled
        return Known(*given, self.gate.period, ahead, self.gate.seasons, self.refits, self._experts, pooled=pooled)

    def _settle(self, i: int, series: Floats) -> None:
        """Learn from the earlier forecasts whose truth is the newest sample of window i."""
        steps = np.arange(1, min(self.horizon, i) + 1)
        earlier, truth = i - steps, series[i + self.windows.window - 1]
        if len(steps) == 0:
            return
        forecasts = self.measure(self._ordinary.view[earlier, :, steps - 1])
        ordinary = np.abs(forecasts - self.measure(truth)).sum(axis=-1)
        near = self.archive_.distances.view[earlier, 0]
        known = np.isfinite(near)
        self._learned.settle(steps[known], near[known], ordinary[known, 1], ordinary[known, 0])
        if self.scheme == "gated":
            experts, stacked = self._experts.view[earlier, :, steps - 1], self._stacked.view[earlier, steps - 1]
            self._gate.settle(steps, experts, stacked, truth)

    def _combine(self, i: int, series: Floats) -> None:
        """Make the forecast of window i."""
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

    def _like(self, i: int, series: Floats) -> Floats | None:
        """Return mean errors (horizon, channels, experts) from the windows recalled at i."""
        members, distances = self.archive_.recalled.view[i], self.archive_.distances.view[i]
        members, distances = members[members >= 0], distances[members >= 0]
        if len(members) == 0:
            return None
        near = 1.0 / (distances + NEAREST)
        truth = series[members[:, None] + self.windows.window + np.arange(self.horizon)]
        errors = np.abs(self.measure(self._experts.view[members]) - self.measure(truth)[:, None])
        return np.tensordot(near / near.sum(), errors, axes=1).transpose(1, 2, 0)

    def _limits(self, i: int) -> Floats:
        """Return the largest trusted distance (horizon,) at window i, from values up to that
        time."""
        threshold = self.recall.threshold
        if threshold is None:
            return np.full(self.horizon, np.inf)
        if isinstance(threshold, str):
            return self._learned.value()
        past = self.archive_.distances.view[: i + 1, 0]
        past = past[np.isfinite(past)]
        return np.full(self.horizon, np.quantile(past, threshold) if len(past) else -1.0)

    def predict(self, horizon: int | None = None) -> Floats:
        """Return the forecast (horizon, channels) beyond the last sample.

        Raises
        ------
        KoopflowError
            If `horizon` exceeds this forecaster's own.
        """
        if horizon is not None and not 1 <= horizon <= self.horizon:
            raise KoopflowError(f"horizon must be between 1 and {self.horizon}, the forecaster's own (got {horizon})")
        return self._combined.view[-1][: horizon or self.horizon].copy()

    def _padded(self, rows: NDArray, fill: float) -> NDArray:
        before = np.full((self.windows.window - 1, *rows.shape[1:]), fill, dtype=rows.dtype)
        return np.concatenate([before, rows])

    @property
    def forecasts_(self) -> Floats:
        """Return all forecasts so far, (time, horizon, channels)."""
        return self._padded(self._combined.view, np.nan)

    @property
    def recalled_(self) -> NDArray[np.intp]:
        """Return the ends of the recalled windows, (time, matches)."""
        rows = self.archive_.recalled.view
        return self._padded(np.where(rows >= 0, rows + self.windows.window - 1, -1), -1)

    @property
    def distances_(self) -> Floats:
        """Return the distances of the recalled windows, (time, matches)."""
        return self._padded(self.archive_.distances.view, np.nan)

    def explain(self, origin: int | None = None) -> pd.DataFrame:
        """Return the windows that a forecast recalled, their distances and their continuations.

        Returns
        -------
        DataFrame
            One row per match, channel and step: match, recalled_origin, distance, trusted, horizon,
            channel, continuation (the value that followed) and expected (the same, shifted to the
            present level).

        Raises
        ------
        KoopflowError
            If no forecast was made from `origin`.
        """
        series, window = self._values.view, self.windows.window
        origin = len(series) - 1 if origin is None else origin
        i = origin - window + 1
        if not 0 <= i < len(self._combined):
            raise KoopflowError(f"origin must be between {window - 1} and {len(series) - 1} (got {origin})")
        rows = []
        nearest = self.archive_.distances.view[i, 0]
        for match, (member, distance) in enumerate(
            zip(self.archive_.recalled.view[i], self.archive_.distances.view[i]), start=1
        ):
            if member < 0:
                continue
            end = member + window - 1
            for step in range(1, self.horizon + 1):
                trusted = bool(nearest <= self._thresholds.view[i, step - 1])
                for channel in range(series.shape[1]):
                    after = series[end + step, channel]
                    moved = after - series[end, channel] + series[origin, channel]
                    rows.append((match, end, distance, trusted, step, channel, after, moved))
        return pd.DataFrame(rows, columns=EXPLANATION)
