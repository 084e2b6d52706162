"""Options of Koopman forecasts with memory: windows, what is recalled, how it is weighed."""

from dataclasses import dataclass
from typing import Literal

from koopflow.core.errors import KoopflowError

RECALLED = ("following", "later", "same")


@dataclass(frozen=True)
class WindowSettings:
    """The delay-DMD model that is fitted to every window.

    Parameters
    ----------
    window, delays, rank : int
        Samples per window and per delay vector, and rank of the model.
    center : bool
        Subtract each window's mean before the fit.
    stabilize : bool
        Move growing eigenvalues onto the unit circle before a forecast.
    """

    window: int
    delays: int
    rank: int
    center: bool = True
    stabilize: bool = True


@dataclass(frozen=True)
class RecallSettings:
    """Which earlier windows are recalled, and which of their models make the forecast.

    Parameters
    ----------
    matches : int
        How many of the nearest windows are averaged, weighted by one over their distance.
    recalled : "following", "later" or "same"
        The model that makes the forecast: one fitted to the samples that followed the recalled
        window, the model of the window that ends one horizon later, or the recalled window's own.
    history : int, optional
        How many earlier spectra, one horizon apart, are compared along with the present one.
        Default: 0 for the basic scheme, as in the paper, and 1 for the gated scheme.
    threshold : "learned", float or None
        Recall only below a distance: learned from past errors, or this quantile (0 to 1) of past
        distances. None: recall always.
    mode_weight : float
        Weight of the distance between modes, added to that between eigenvalues.

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

    def __post_init__(self) -> None:
        if self.recalled not in RECALLED:
            raise KoopflowError(f"recalled must be one of {', '.join(RECALLED)} (got {self.recalled!r})")
        if self.matches < 1:
            raise KoopflowError(f"matches must be at least 1 (got {self.matches})")
        quantile = isinstance(self.threshold, int | float) and 0 <= self.threshold <= 1
        if not (self.threshold is None or self.threshold == "learned" or quantile):
            raise KoopflowError(f"threshold must be 'learned', a quantile from 0 to 1, or None (got {self.threshold!r})")


@dataclass(frozen=True)
class GateSettings:
    """How the gated scheme weighs its experts.

    Parameters
    ----------
    experts : tuple of str, optional
        Names in `koopflow.forecast.registry.EXPERTS`, or "package.module:name"; persistence first.
        Default: all that suit the season.
    period : int
        Samples per season; 1 for none.
    caution : float
        How many forecasts' worth of evidence the prior counts for.
    sharpness : float
        How steeply the prior prefers the better expert; 0 weighs all alike.
    situation : float
        Share, in the prior, of errors made in similar situations (from the recalled windows); the
        rest are recent errors.
    pooling : float
        Steps ahead within this share of the horizon learn from one another.

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

    def __post_init__(self) -> None:
        if self.period < 1:
            raise KoopflowError(f"period must be at least 1 (got {self.period})")
        if self.caution <= 0:
            raise KoopflowError(f"caution must be positive (got {self.caution})")
        if self.sharpness < 0:
            raise KoopflowError(f"sharpness must not be negative (got {self.sharpness})")
        if not 0 <= self.situation <= 1:
            raise KoopflowError(f"situation must be between 0 and 1 (got {self.situation})")
