"""Options of Koopman forecasts with memory: windows, recall and gate."""

from dataclasses import dataclass
from typing import Literal

from koopflow.core.errors import KoopflowError

MODELS = ("following", "later", "same")
"""Models of a recalled window, among which the early stretch chooses."""
RECALLED = (*MODELS, "events")
MATCHES = ("spectrum", "learned")


@dataclass(frozen=True)
class WindowSettings:
    """Options of the delay-DMD model fitted to each window.

    Parameters
    ----------
    window, delays, rank : int
        Samples per window and per delay vector, and rank of the model.
    center : bool
        Whether to subtract each window's mean before the fit.
    stabilize : bool
        Whether to move eigenvalues outside the unit circle onto it before a forecast.
    """

    window: int
    delays: int
    rank: int
    center: bool = True
    stabilize: bool = True


@dataclass(frozen=True)
class RecallSettings:
    """Options of recall: which earlier windows are recalled, and which of their models forecast.

    Parameters
    ----------
    matches : int
        Number of nearest windows to average, weighted by 1 / distance.
    recalled : "following", "later", "same" or "events"
        The model that forecasts: one fitted to the samples that followed the recalled window, that
        of the window ending one horizon later, or the recalled window's own. With events no model
        does: the forecast is what followed the recalled windows, from the present level.
    history : int, optional
        Number of earlier spectra, one horizon apart, compared along with the present one. Default:
        0 for the basic scheme, as in the paper, and 1 for the gated scheme.
    threshold : "learned", float or None
        Largest distance for recall: learned from past errors, or this quantile (0 to 1) of past
        distances. None: always recall.
    mode_weight : float
        Weight of the distance between modes, added to the distance between eigenvalues.
    exclusion : float
        Shortest time between the ends of two recalled windows, and between them and the present, in
        lengths of a window. With 1, matches do not overlap each other or the present: each is a
        separate episode. With 0, neighbours may match.
    blend : float
        Weight (0 to 1) of the recalled forecast where windows are recalled; the sliding forecast
        has the rest.
    match : "spectrum" or "learned"
        What makes windows alike: their eigenvalues (and modes, see `mode_weight`), or eigenvalues,
        modes, phase, level and slope with weights learned from the errors of earlier recalls, see
        `koopflow.forecast.learned_match`.

    Raises
    ------
    KoopflowError
        If an option is out of range.
    """

    matches: int = 3
    recalled: str = "later"
    history: int | None = None
    threshold: Literal["learned"] | float | None = "learned"
    mode_weight: float = 0.0
    exclusion: float = 0.0
    blend: float = 1.0
    match: str = "spectrum"

    def __post_init__(self) -> None:
        if self.match not in MATCHES:
            raise KoopflowError(f"match must be one of {', '.join(MATCHES)} (got {self.match!r})")
        if self.match == "learned" and self.mode_weight:
            raise KoopflowError(
                f"mode_weight must be 0 with match: learned, which weighs the modes itself (got {self.mode_weight})"
            )
        if not 0 <= self.blend <= 1:
            raise KoopflowError(f"blend must be between 0 and 1 (got {self.blend})")
        if self.recalled not in RECALLED:
            raise KoopflowError(f"recalled must be one of {', '.join(RECALLED)} (got {self.recalled!r})")
        if self.matches < 1:
            raise KoopflowError(f"matches must be at least 1 (got {self.matches})")
        if self.exclusion < 0:
            raise KoopflowError(f"exclusion must be at least 0 (got {self.exclusion})")
        quantile = isinstance(self.threshold, int | float) and 0 <= self.threshold <= 1
        if not (self.threshold is None or self.threshold == "learned" or quantile):
            raise KoopflowError(
                f"threshold must be 'learned', a quantile between 0 and 1, or None (got {self.threshold!r})"
            )


@dataclass(frozen=True)
class GateSettings:
    """Options of the gate, which weights the experts.

    Parameters
    ----------
    experts : tuple of str, optional
        Names in `koopflow.forecast.registry.EXPERTS`, or "package.module:name"; persistence first.
        Default: all that suit the season.
    period : int
        Samples per season; 1 for none.
    caution : float
        Weight of the prior, as an equivalent number of forecasts.
    sharpness : float
        Steepness of the prior's preference for better experts; 0 weights all equally.
    situation : float
        Share in the prior of errors in similar situations (from recalled windows), as opposed to
        recent errors.
    pooling : float
        Share of the horizon within which neighbouring steps ahead are averaged.
    seasons : tuple of int
        Samples of each season, if there are several.

    Raises
    ------
    KoopflowError
        If an option is out of range.
    """

    experts: tuple[str, ...] | None = None
    period: int = 1
    caution: float = 1000.0
    sharpness: float = 8.0
    situation: float = 0.15
    pooling: float = 0.15
    seasons: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.period < 1:
            raise KoopflowError(f"period must be at least 1 (got {self.period})")
        if self.caution <= 0:
            raise KoopflowError(f"caution must be positive (got {self.caution})")
        if self.sharpness < 0:
            raise KoopflowError(f"sharpness must be non-negative (got {self.sharpness})")
        if not 0 <= self.situation <= 1:
            raise KoopflowError(f"situation must be between 0 and 1 (got {self.situation})")
