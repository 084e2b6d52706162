"""The forecasters with Koopman models: objects that hold their options; None leaves an option open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.forecast.ahead import Ahead
from koopflow.forecast.estimator import Fitted, known
from koopflow.forecast.experts import RECALLING, expert_names
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.observables import lifted, scaled
from koopflow.forecast.options import GateSettings, RecallSettings, WindowSettings
from koopflow.forecast.protocol import LEAST, FittedWindows, Floats, Integers, Recollection, Situation
from koopflow.forecast.sliding import rolling_from
from koopflow.koopman.windows import WindowModels

SIZES = ("window", "delays", "rank")
WITHOUT_MEMORY = ("persistence", "sliding", "seasonal")


@dataclass(frozen=True, repr=False)
class WindowForecaster(Fitted):
    """Base class of forecasters that fit delay-DMD models to windows.

    Parameters
    ----------
    window, delays, rank : int, optional
        Samples per window and per delay vector, and rank of the model; None chooses on the early
        stretch.
    radial : int
        Number of radial basis functions of the delay vector that are observed beside the samples;
        0 for delays alone.
    first : int, optional
        Samples of the early stretch, which determines centres and widths of the radial basis
        functions, and the scale of `beside`; by default two windows.
    beside : (time, columns) array, optional
        Other series at the same times, observed beside the samples as one state.
    """

    window: int | None = None
    delays: int | None = None
    rank: int | None = None
    radial: int = 0
    first: int | None = field(default=None, repr=False, compare=False)
    beside: Floats | None = field(default=None, repr=False, compare=False)
    fitted: FittedWindows | None = field(default=None, repr=False, compare=False)
    open: ClassVar[tuple[str, ...]] = (*SIZES, "first", "beside", "fitted")
    differenced: ClassVar[bool] = True
    joint: ClassVar[bool] = True
    least: ClassVar[Mapping[str, float]] = LEAST | {"window": 4}

    def for_series(self, situation: Situation) -> Self:
        """Return this forecaster with open options set; open sizes are chosen to fit the given
        ones."""
        given = (self.window, self.delays, self.rank)
        if situation.sizes is not None and None in given and any(given):
            sizes = situation.sizes(*given)
            situation = replace(situation, window=sizes.window, delays=sizes.delays, rank=sizes.rank)
        return super().for_series(situation)

    def windows(self) -> WindowSettings:
        """Return the sizes; raise a KoopflowError if any is open."""
        return WindowSettings(known(self, "window"), known(self, "delays"), known(self, "rank"))

    def observed(self, values: Floats) -> Floats:
        """Return the observables of `values` (time,): the samples as channel 0, any radial basis
        functions of their delay vectors, and any other series."""
        if self.radial < 0:
            raise KoopflowError(f"radial must be at least 0 (got {self.radial})")
        early = min(self.first or 2 * known(self, "window"), len(values))
        parts = [lifted(values, known(self, "delays"), self.radial, early) if self.radial else values[:, None]]
        if self.beside is not None:
            if len(self.beside) < len(values):
                raise KoopflowError(
                    f"beside must have a row for each of {len(values)} samples (got {len(self.beside)})"
                )
            parts.append(scaled(self.beside[: len(values)], values, early))
        return np.concatenate(parts, axis=1)

    def models(self, values: Floats) -> WindowModels:
        """Return the models of all windows of `values` (time, channels)."""
        windows = self.windows()
        return (self.fitted or FittedWindows()).of(values, windows.window, windows.delays, windows.rank)


@dataclass(frozen=True, repr=False)
class Sliding(WindowForecaster):
    """Sliding-window forecasts without memory, from a delay-DMD model of the last samples.

    Parameters
    ----------
    window, delays, rank : int, optional
        Samples per window and per delay vector, and rank of the model; None chooses on the early
        stretch.
    radial : int
        Number of radial basis functions of the delay vector that are observed beside the samples.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.cos(2 * np.pi * np.arange(80) / 10)
    >>> Sliding(window=40, delays=12, rank=2).forecast(wave, np.array([59]), 5).round(3)
    array([[ 1.   ,  0.809,  0.309, -0.309, -0.809]])
    """

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        windows, start, observed = self.windows(), 0, self.observed(values)
        if self.fitted is None:  # no other forecaster needs the models of the windows before
            start = max(0, int(origins[0]) - windows.window + 1)
            observed = observed[start : origins[-1] + 1]
        models = self.models(observed)
        return rolling_from(models, observed, windows.window, windows.delays, horizon)[origins - start, :, 0]


@dataclass(frozen=True, repr=False)
class Episodic(WindowForecaster):
    """Koopman forecasts with episodic memory: recall if near enough, else the sliding forecast.

    The spectrum of the present window is compared with the spectra of all earlier windows whose
    future is known; models of the nearest windows advance the state (Redman et al. 2023, arXiv
    2311.12615).

    Parameters
    ----------
    window, delays, rank, radial : int, optional
        As for `Sliding`.
    period : int, optional
        Samples per season; 1 for none.
    recalled : "later", "following", "same" or "events", optional
        The model used of a recalled window, or what followed it; see
        `koopflow.forecast.options.RecallSettings`.
    matches : int, optional
        Number of nearest windows to average.
    exclusion : float, optional
        Shortest time between recalled windows, and between them and the present, in lengths of a
        window; 1 recalls one window per episode.
    mode_weight : float
        Weight of the distance between modes, added to the distance between eigenvalues.
    threshold : "learned", "always" or float
        Largest distance for recall: learned from past errors, none, or this quantile (0 to 1) of
        past distances.
    blend : float
        Weight of what is recalled; the sliding forecast has the rest.
    match : "spectrum" or "learned"
        What makes windows alike: their spectra, or eigenvalues, modes, phase, level and slope with
        weights learned from the errors of earlier recalls.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.cos(2 * np.pi * np.arange(200) / 10)
    >>> Episodic(window=40, delays=12, rank=2, matches=1).forecast(wave, np.array([159]), 5).round(3)
    array([[ 1.   ,  0.809,  0.309, -0.309, -0.809]])
    """

    period: int | None = None
    recalled: str | None = None
    matches: int | None = None
    exclusion: float | None = None
    mode_weight: float = 0.0
    threshold: Literal["learned", "always"] | float = "learned"
    blend: float = 1.0
    match: Literal["spectrum", "learned"] = "spectrum"
    measure: Callable[[Floats], Floats] | None = field(default=None, repr=False, compare=False)
    ahead: Ahead | None = field(default=None, repr=False, compare=False)
    open: ClassVar[tuple[str, ...]] = (*WindowForecaster.open, "period", "recalled", "matches", "exclusion", "measure")
    scheme: ClassVar[Literal["gated", "basic"]] = "basic"

    def experts(self) -> tuple[str, ...] | None:
        """Return the experts that the gate weights; None means all that suit the season."""
        return None

    def start(self, values: Floats, horizon: int) -> EpisodicKoopman:
        """Return a memory of `values` (time,), to which more can be added."""
        memory = EpisodicKoopman(
            self.windows(),
            horizon,
            scheme=self.scheme,
            recall=RecallSettings(
                recalled=self.recalled or "later",
                matches=self.matches or 3,
                exclusion=self.exclusion or 0.0,
                mode_weight=self.mode_weight,
                blend=self.blend,
                match=self.match,
                threshold=None if self.threshold == "always" else self.threshold,
            ),
            gate=self.gate(),
            measure=self.measure if self.radial == 0 and self.beside is None else self._of_samples,
            ahead=self.ahead,
            refits=None if self.fitted is None else self.fitted.refits,
        )
        observed = self.observed(values)
        return memory.fit(observed, self.models(observed))

    def _of_samples(self, values: Floats) -> Floats:
        """Return forecasts (..., channels) of the samples alone, in the units of errors."""
        samples = values[..., :1]
        return samples if self.measure is None else self.measure(samples)

    def gate(self) -> GateSettings:
        """Return the options of the gate."""
        return GateSettings(experts=self.experts(), period=self.period or 1)

    def recall(self, values: Floats, origins: Integers, horizon: int) -> Recollection:
        """Return forecasts from `origins`, with the recalled windows."""
        memory = self.start(values, horizon)
        return Recollection(memory.forecasts_[origins, :, 0], memory.recalled_[origins], memory.distances_[origins])

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        return self.recall(values, origins, horizon).forecasts


@dataclass(frozen=True, repr=False)
class EpisodicPaper(Episodic):
    """`Episodic` with the options of the paper, as far as they are known.

    The single nearest window is recalled, by the distance between eigenvalues plus that between
    modes (both are the paper's), and the model fitted to what followed it forecasts. That a window
    is near enough if its distance is in the lower half of past ones is reconstructed.

    Examples
    --------
    >>> EpisodicPaper(window=40)
    EpisodicPaper(window=40)
    """

    recalled: str | None = "following"
    matches: int | None = 1
    mode_weight: float = 1.0
    threshold: Literal["learned", "always"] | float = 0.5


@dataclass(frozen=True, repr=False)
class Gated(Episodic):
    """Recalled, sliding and plain forecasts, weighted at each step ahead by their past errors.

    Parameters as for `Episodic`; see `koopflow.forecast.gate.Gate` for the weights.

    Examples
    --------
    >>> Gated(window=40, matches=5)
    Gated(window=40, matches=5)
    """

    scheme: ClassVar[Literal["gated", "basic"]] = "gated"
    joint: ClassVar[bool] = False

    def observed(self, values: Floats) -> Floats:
        """Return the samples (time, 1); raise a KoopflowError if others are asked for."""
        if self.radial:
            raise KoopflowError(f"radial must be 0 for a gate, which weighs samples alone (got {self.radial})")
        return values[:, None]


@dataclass(frozen=True, repr=False)
class GatedWithoutRecall(Gated):
    """The gate with all experts except those that recall windows.

    Recalled windows are not used in the prior of the weights either. The difference from `Gated` is
    what episodic memory adds.
    """

    def experts(self) -> tuple[str, ...]:
        """Return the experts that recall nothing."""
        return tuple(name for name in expert_names(self.period or 1) if name not in RECALLING)


@dataclass(frozen=True, repr=False)
class GatedWithoutMemory(Gated):
    """The gate with the sliding forecast and naive ones only.

    It lacks experts that recall nothing, too; `GatedWithoutRecall` is the control for memory.
    """

    def experts(self) -> tuple[str, ...]:
        """Return the sliding and the naive experts."""
        return tuple(name for name in WITHOUT_MEMORY if name != "seasonal" or (self.period or 1) > 1)
