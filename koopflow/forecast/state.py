"""What a forecaster knows after it is fitted to a series: its choices, its forecasts from every
origin, and their errors."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.series import Series
from koopflow.forecast.choices import Choices, choose
from koopflow.forecast.intervals import RollingIntervals
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.protocol import Configured, Floats, Forecaster, settled
from koopflow.forecast.stretch import Stretch, stretch_of
from koopflow.forecast.transform import Transform

ESTIMATES = 3
HIDDEN = ("fitted", "measure", "ahead", "beside")
"""Fields that are not options: what other forecasters of the same series share."""


@dataclass
class State:
    """A forecaster on a series.

    Attributes
    ----------
    stretch : Stretch
    forecaster : Forecaster
        With all options set.
    point : (n, horizon)
        Forecasts from the origins of `stretch`, on the pointwise scale.
    memory : EpisodicKoopman, optional
        The memory that made them, if the forecaster has one; rebuilt when it is needed.
    pooled : (time, horizon), optional
        Forecasts by a model of many series.
    """

    stretch: Stretch
    forecaster: Forecaster
    point: Floats
    memory: EpisodicKoopman | None = None
    pooled: Floats | None = None
    _intervals: dict[tuple[float, ...], RollingIntervals] = field(default_factory=dict)

    @classmethod
    def fit(cls, forecaster: Forecaster, series: Series, horizon: int, pooled: Floats | None = None) -> Self:
        """Choose open options on the first 40 % of a series and forecast from every later
        sample."""
        settings = SeriesSettings.load({"horizon": horizon}, "fit")
        stretch = stretch_of(series, choose(series, settings), ESTIMATES, settings, pooled)
        state = cls(stretch, forecaster, np.empty((0, stretch.choices.horizon)), pooled=pooled)
        state.forecaster = settled(forecaster, stretch.situation.shifted(state.lost))
        return state.extended(series)

    @property
    def lost(self) -> int:
        """Return the samples that differences cost the forecaster at the start."""
        return self.stretch.choices.transform.lost if self._differenced else 0

    @property
    def _differenced(self) -> bool:
        return bool(getattr(self.forecaster, "differenced", False))

    def values(self) -> Floats:
        """Return the series as the forecaster receives it, (time,)."""
        transform = self.stretch.choices.transform
        moved = transform.apply if self._differenced else transform.point
        return moved(self.stretch.samples)[:, 0].copy()

    def extended(self, series: Series) -> Self:
        """Forecast from the samples of `series` after those so far, with the same options; return
        self."""
        self.stretch = stretch_of(series, self.stretch.choices, ESTIMATES, SeriesSettings(), self.pooled)
        stretch, choices = self.stretch, self.stretch.choices
        values, origins = self.values(), stretch.origins[len(self.point) :]
        if len(origins) == 0:
            return self
        renewed = getattr(self.forecaster, "renewed", None)
        if renewed is not None:
            self.forecaster = renewed(stretch.situation.shifted(self.lost))
        start = getattr(self.forecaster, "start", None)
        if start is None:
            point = np.asarray(self.forecaster.forecast(values, origins - self.lost, choices.horizon), dtype=np.float64)
        else:
            self.memory = self.memory or start(values, choices.horizon)
            self.memory.ahead = getattr(self.forecaster, "ahead", None)
            self.memory.update(values[len(self.memory.known().series) :])
            point = self.memory.forecasts_[origins - self.lost, :, 0]
        if point.shape != (len(origins), choices.horizon):
            raise KoopflowError(
                f"forecaster {self.forecaster!r} must return an array of shape (origins, horizon) = "
                f"{(len(origins), choices.horizon)} (got {point.shape})"
            )
        if self._differenced:
            point = choices.transform.undo(stretch.samples, origins, point[..., None])[..., 0]
        self.point = np.concatenate([self.point, point])
        # models of all windows are large, and later samples need none of them
        forecaster: Any = self.forecaster
        if getattr(forecaster, "fitted", None) is not None:
            self.forecaster = replace(forecaster, fitted=None)
        return self

    def future(self, coverages: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return the forecast beyond the last sample in the series' own units.

        Returns
        -------
        median : (horizon,)
        lower, upper : (horizon, coverages)
            NaN while there are too few errors.
        """
        return self._in_units(self.point[-1], self._bands(coverages)[-1])

    def one_step(self, coverages: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return the forecasts one step ahead from all origins of `stretch`.

        Returns
        -------
        median : (n,)
        lower, upper : (n, coverages)
            NaN while there are too few errors.
        """
        return self._in_units(self.point[:, 0], self._bands(coverages)[:, 0])

    def _bands(self, coverages: Sequence[float]) -> Floats:
        """Return half-widths (n, horizon, coverages), learned from the errors known at each origin."""
        key = tuple(sorted(set(coverages)))
        learned = self._intervals.setdefault(key, RollingIntervals(key, self.point.shape[1]))
        learned.extend(
            np.abs(self.stretch.choices.transform.point(self.stretch.truth) - self.point), self.stretch.origins
        )
        return learned.bands[..., [key.index(each) for each in coverages]]

    def _in_units(self, point: Floats, half: Floats) -> tuple[Floats, Floats, Floats]:
        upper, lower = self.stretch.units(point[:, None] + half, point[:, None] - half)
        return self.stretch.choices.transform.unpoint(point), lower, upper


def plain(state: State) -> dict[str, Any]:
    """Return choices and options of a state as plain values."""
    forecaster: Any = state.forecaster
    options = {each.name: getattr(forecaster, each.name) for each in fields(forecaster)}
    options = {name: value for name, value in options.items() if name not in HIDDEN}
    return {"choices": asdict(state.stretch.choices), "options": options}


def restored(kind: type[Configured], series: Series, description: str, point: Floats) -> State:
    """Return the state that `plain` described, as JSON; the memory is rebuilt when it is needed.

    Raises
    ------
    KoopflowError
        If the description does not suit the class.
    """
    try:
        about = json.loads(description)
        transform = dict(about["choices"]["transform"])
        transform["lags"] = tuple(transform["lags"])
        choices = Choices(**{**about["choices"], "transform": Transform(**transform)})
        forecaster: Any = kind(**about["options"])
    except (KeyError, TypeError) as error:
        raise KoopflowError(f"the forecaster was written by another version of koopflow ({error})") from None
    stretch = stretch_of(series, choices, ESTIMATES, SeriesSettings())
    if hasattr(forecaster, "measure"):
        forecaster = replace(forecaster, measure=stretch.situation.measure)
    return State(stretch, forecaster, point)
