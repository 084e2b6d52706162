"""Choose open settings on the early stretch of a series, which is never scored.

Window, delays, rank and transform are those with which the sliding method does best there, so that
memory competes with the sliding method at its best. The model used of a recalled window and the
number of matches averaged are those with which the basic scheme does best.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.series import EARLY, Series
from koopflow.forecast.experts import recall_from
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import MODELS, RecallSettings, WindowSettings
from koopflow.forecast.transform import Transform, build
from koopflow.koopman.windows import advance, fit_some

Floats = NDArray[np.float64]
ORIGINS = 150
MATCHES = (1, 3, 10)
# Samples at the end of the early stretch on which recalled models are compared.
RECENT = 3000


@dataclass(frozen=True)
class Choices:
    """All settings of a series, fixed before the scored stretch begins at sample `early`.

    Attributes
    ----------
    period, horizon : int
        Samples per season (1 for none) and steps ahead.
    window, delays, rank : int
        Sizes of the window models.
    transform : Transform
    recalled, matches
        See `koopflow.forecast.options.RecallSettings`.
    early : int
    considered : list of dict
        Every candidate with its error on the early stretch: window, delays, rank, transform and the
        sliding method's error, in units of the series; then recalled, matches and that of the basic
        scheme, on the transformed scale.
    """

    period: int
    horizon: int
    window: int
    delays: int
    rank: int
    transform: Transform
    recalled: str
    matches: int
    early: int
    considered: list[dict[str, Any]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Return the choices as plain values for a report."""
        return asdict(self)


@dataclass(frozen=True)
class EarlyStretch:
    """The samples on which settings are chosen.

    Attributes
    ----------
    name : str
        Name of the series, for errors.
    past : (time, 1) float
    period, horizon : int
    considered : list of dict
        Candidates compared so far; see `Choices`.
    """

    name: str
    past: Floats
    period: int
    horizon: int
    considered: list[dict[str, Any]] = field(default_factory=list)

    def sizes(
        self, transform: Transform, window: int | None = None, delays: int | None = None, rank: int | None = None
    ) -> WindowSettings:
        """Return the sizes with which the sliding method does best; given sizes are kept.

        Raises
        ------
        KoopflowError
            If sizes are incompatible.
        """
        best, least = None, np.inf
        for sizes in self.candidates(window, delays, rank):
            error = self.sliding_error(transform, sizes)
            # prefer a larger model only if it is better by more than chance
            if best is None or error < 0.995 * least:
                best, least = sizes, error
        assert best is not None
        return best

    def candidates(self, window: int | None, delays: int | None, rank: int | None) -> list[WindowSettings]:
        """Return the sizes to compare, smallest first; raise a KoopflowError if given sizes are
        incompatible."""
        longest = (len(self.past) - 2 * self.horizon) // 2
        usual = [2 * self.period, 3 * self.period, 4 * self.period] if self.period > 1 else [40, 60, 100]
        found = []
        bounded = {min(max(each, 24, 2 * self.horizon), 400, max(longest, 12)) for each in usual}
        for width in [window] if window else sorted(bounded):
            for lags in [delays] if delays else sorted({max(4, min(width // share, 48)) for share in (4, 3)}):
                most = min(lags, width - lags)
                if width <= lags + 1:
                    raise KoopflowError(
                        f"series.{self.name}: {_said('window', width, window)} and {_said('delays', lags, delays)} do "
                        f"not fit: delays must be at most {width - 2}"
                    )
                for size in [rank] if rank else sorted({min(each, most) for each in (4, 6, 10)}):
                    if size > most:
                        given = f"{_said('window', width, window)}, {_said('delays', lags, delays)}"
                        raise KoopflowError(
                            f"series.{self.name}: {given} and {_said('rank', size, rank)} do not fit: rank must be at "
                            f"most {most}"
                        )
                    found.append(WindowSettings(width, lags, size))
        return found

    def sliding_error(self, transform: Transform, sizes: WindowSettings) -> float:
        """Return the sliding method's mean absolute error over at most ORIGINS origins."""
        moved, lost, horizon = transform.apply(self.past), transform.lost, self.horizon
        first, last = sizes.window - 1, len(moved) - horizon
        if last - first < 4:
            return np.inf
        origins = np.unique(np.linspace(first, last - 1, min(ORIGINS, last - first)).astype(int))
        windows = moved[origins[:, None] + np.arange(1 - sizes.window, 1)]
        models = fit_some(windows, sizes.delays, sizes.rank)
        forecasts = advance(models, windows[:, -sizes.delays :], models.mean, horizon)
        forecasts = transform.unpoint(transform.undo(self.past, origins + lost, forecasts))
        truth = self.past[(origins + lost)[:, None] + np.arange(1, horizon + 1)]
        error = float(np.abs(forecasts - truth).mean())
        tried = {"window": sizes.window, "delays": sizes.delays, "rank": sizes.rank, "transform": transform.name}
        if tried | {"error": error} not in self.considered:
            self.considered.append(tried | {"error": error})
        return error

    def recalled(self, settings: SeriesSettings, transform: Transform, sizes: WindowSettings) -> tuple[str, int]:
        """Return the `recalled` and `matches` with which the basic scheme does best at the end of
        the stretch."""
        models = [settings.recalled] if settings.recalled else list(MODELS)
        numbers = [settings.matches] if settings.matches else list(MATCHES)
        moved = transform.apply(self.past[-RECENT:])
        origins = np.arange(sizes.window - 1 + self.horizon, len(moved) - self.horizon)
        if len(origins) < 4:
            return settings.recalled or "later", numbers[len(numbers) // 2]
        recall = RecallSettings(matches=max(numbers), recalled="following")
        memory = EpisodicKoopman(sizes, self.horizon, scheme="basic", recall=recall).fit(moved)
        known = memory.known()
        truth, errors = moved[origins[:, None] + np.arange(1, self.horizon + 1)], {}
        for which in models:
            for matches in numbers:
                forecasts = recall_from(known, 0, len(moved) - sizes.window + 1, which, matches)[
                    origins - sizes.window + 1
                ]
                errors[which, matches] = float(np.abs(forecasts - truth).mean())
                self.considered.append({"recalled": which, "matches": matches, "error": errors[which, matches]})
        return min(errors, key=lambda each: errors[each])


def default_horizon(period: int, length: int) -> int:
    """Return the default horizon for a period: 14 days, 12 months, 24 hours, 13 weeks."""
    if period == 1:
        horizon = 12
    elif period <= 7:
        horizon = 2 * period
    elif period <= 24:
        horizon = period
    else:
        horizon = min(24, period // 4)
    return max(1, min(horizon, length // 10, (int(EARLY * length) - 12) // 3))


def choose(series: Series, settings: SeriesSettings) -> Choices:
    """Return the settings of a series; open ones are chosen on its early stretch.

    Raises
    ------
    KoopflowError
        If the series is too short for window and horizon, or settings are incompatible.
    """
    stretch = _checked(series, settings)
    transforms = _transforms(series, settings, stretch)
    sizes = stretch.sizes(transforms[0], settings.window, settings.delays, settings.rank)
    transform = min(transforms, key=lambda each: stretch.sliding_error(each, sizes))
    recalled, matches = stretch.recalled(settings, transform, sizes)
    return Choices(
        period=series.period,
        horizon=stretch.horizon,
        window=sizes.window,
        delays=sizes.delays,
        rank=sizes.rank,
        transform=transform,
        recalled=recalled,
        matches=matches,
        early=len(stretch.past),
        considered=stretch.considered,
    )


def check(series: Series, settings: SeriesSettings) -> int:
    """Return the horizon of a series; raise a KoopflowError if the series is too short for its
    settings."""
    stretch = _checked(series, settings)
    _transforms(series, settings, stretch)
    stretch.candidates(settings.window, settings.delays, settings.rank)
    return stretch.horizon


def early_stretch(series: Series, horizon: int) -> EarlyStretch:
    """Return the early stretch of a series, on which choices are made."""
    return EarlyStretch(series.name, series.values[: int(EARLY * len(series.values)), None], series.period, horizon)


def _checked(series: Series, settings: SeriesSettings) -> EarlyStretch:
    length = len(series.values)
    horizon = settings.horizon or default_horizon(series.period, length)
    stretch = early_stretch(series, horizon)
    early = len(stretch.past)
    if early < 2 * horizon + 12:
        need = int(np.ceil((2 * horizon + 12) / EARLY))
        raise KoopflowError(
            f"series.{series.name}: must have at least {need} samples for "
            f"{_said('horizon', horizon, settings.horizon)} "
            f"(got {length}); settings are chosen on the first 40 %"
        )
    if settings.window and settings.window + 2 * horizon > early:
        raise KoopflowError(
            f"series.{series.name}.window: {settings.window} with "
            f"{_said('horizon', horizon, settings.horizon)} must fit "
            f"into the first {early} samples (40 %), on which settings are chosen"
        )
    if np.ptp(stretch.past) == 0:
        raise KoopflowError(
            f"series.{series.name}: constant in its first {early} samples, on which settings are chosen; "
            "shorten or drop it"
        )
    return stretch


def _transforms(series: Series, settings: SeriesSettings, stretch: EarlyStretch) -> list[Transform]:
    """Return the given transform, or the candidates to choose from."""
    past, period = stretch.past, series.period
    if settings.transform not in ("auto", "all"):
        return [build(settings.transform, period, past, f"series.{series.name}")]
    names = ["none", *(["root"] if past.min() >= 0 else []), *(["log"] if past.min() > 0 else [])]
    if settings.transform == "auto":
        return [build(each, period, past) for each in names]
    names += ["boxcox"] if past.min() > 0 else []
    lags: list[list[str]] = [[], ["difference"]]
    # the seasonal difference costs a season, and the sizes must still fit
    if 1 < period < len(past) // 4:
        lags.append(["seasonal"])
    return [build([each, *further], period, past) for further in lags for each in names]


def _said(name: str, value: int, given: int | None) -> str:
    """Return "name: value", marked as the default if the user gave none."""
    return f"{name}: {value}" if given else f"{name}: {value} (the default; set {name} to change it)"
