"""The gate with company: regressions, boosting and classical models beside the experts of `gated`."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from koopflow.core.errors import KoopflowError
from koopflow.forecast.experts import RECALLING, expert_names
from koopflow.forecast.methods import Gated
from koopflow.forecast.options import GateSettings
from koopflow.forecast.protocol import Situation
from koopflow.forecast.registry import EXPERTS

PARTS = ("seasons", "calendar", "holidays", "regressors", "recall")
"""What can be left out of `combined` beside its experts."""


@dataclass(frozen=True, repr=False)
class Combined(Gated):
    """`Gated` with more experts: exponential smoothing (statsmodels), the airline model, and a linear
    regression and boosted trees (scikit-learn) on recent samples, all seasons, and what is known
    ahead. Of ten or more series at once, one more expert is a model of boosted trees that learns from all
    of them.

    Parameters
    ----------
    window, delays, rank, period, recalled, matches, exclusion, mode_weight, threshold
        As for `Episodic`.
    seasons : tuple of int, optional
        Samples per season, if there are several; found by default.
    without : tuple of str
        Experts to leave out, or parts: seasons (all but the first), calendar, holidays, regressors,
        recall. Everything else stays as it is, so that the difference is what the part adds.

    Examples
    --------
    >>> Combined(window=40, without=("boosting",))
    Combined(window=40, without=('boosting',))
    """

    seasons: tuple[int, ...] | None = None
    without: tuple[str, ...] = ()
    open: ClassVar[tuple[str, ...]] = (*Gated.open, "seasons")

    def __post_init__(self) -> None:
        for name in ("without", "seasons"):  # a saved forecaster has lists
            if isinstance(given := getattr(self, name), list):
                object.__setattr__(self, name, tuple(given))
        if not isinstance(self.without, tuple):
            raise KoopflowError(f"without: must be a list of names (got {self.without!r})")
        for name in self.without:
            if name not in PARTS and (name not in EXPERTS or name == "persistence"):
                known = ", ".join([*PARTS, *(each for each in EXPERTS if each != "persistence")])
                raise KoopflowError(f"without: must be names from {known} (got {name!r})")

    def for_series(self, situation: Situation) -> Self:
        """Return this forecaster with open options set, less the parts to leave out."""
        found = super().for_series(situation)
        seasons = tuple(found.seasons or ())
        if "seasons" in self.without:
            seasons = (found.period,) if found.period and found.period > 1 else ()
        return replace(found, seasons=seasons).renewed(situation)

    def renewed(self, situation: Situation) -> Self:
        """Return this forecaster with what is known ahead of the series of `situation`."""
        return replace(self, ahead=None if situation.ahead is None else situation.ahead.without(self.without))

    def experts(self) -> tuple[str, ...]:
        """Return the experts, without those to leave out."""
        gone = set(self.without) | (set(RECALLING) if "recall" in self.without else set())
        if self.ahead is None or self.ahead.pooled is None:
            gone.add("pooled")
        return tuple(name for name in expert_names(self.period or 1, company=True) if name not in gone)

    def gate(self) -> GateSettings:
        """Return the options of the gate."""
        return replace(super().gate(), seasons=tuple(self.seasons or ()))
