"""A forecaster as a model of statsforecast, which koopflow does not depend on: `StatsForecastModel`."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.api.forecasting import chosen_forecaster
from koopflow.core.errors import KoopflowError
from koopflow.data.series.held import as_series, samples_of
from koopflow.forecast.estimator import coverages_of
from koopflow.forecast.methods import Gated
from koopflow.forecast.protocol import Forecaster
from koopflow.forecast.state import State

__all__ = ["StatsForecastModel"]


class StatsForecastModel:
    """A forecaster for ``StatsForecast(models=[...])`` and its cross-validation.

    Parameters
    ----------
    forecaster : forecaster or str, optional
        As for `koopflow.forecast`; `Gated` by default.
    season_length : int, optional
        Samples per season; found from the first 40 % of each series by default.
    alias : str, optional
        Name of the column of forecasts; the forecaster's repr by default.

    Examples
    --------
    >>> import numpy as np
    >>> import koopflow as kf
    >>> model = kf.StatsForecastModel(kf.Sliding(window=40), season_length=1, alias="sliding")
    >>> wave = 10 + np.cos(2 * np.pi * np.arange(200) / 10)
    >>> found = model.forecast(y=wave, h=3, level=[90])
    >>> list(found), found["mean"].round(2).tolist()
    (['mean', 'lo-90', 'hi-90'], [11.0, 10.81, 10.31])
    """

    uses_exog = False
    prediction_intervals: Any = None

    def __init__(
        self, forecaster: Forecaster | str | None = None, *, season_length: int | None = None, alias: str | None = None
    ) -> None:
        self.forecaster = chosen_forecaster(forecaster, Gated())
        self.season_length = season_length
        self.alias = alias or repr(self.forecaster)
        self._values: NDArray[np.float64] | None = None
        self._states: dict[int, State] = {}

    def new(self) -> Self:
        """Return the same model, not fitted."""
        return type(self)(self.forecaster, season_length=self.season_length, alias=self.alias)

    def fit(self, y: ArrayLike, X: object = None) -> Self:
        """Keep the series (time,); return self. The horizon is known to `predict`, which fits."""
        self._values, self._states = samples_of(y, "y")[1], {}
        return self

    def predict(self, h: int, X: object = None, level: Sequence[float] | None = None) -> dict[str, Any]:
        """Return the forecast of `h` steps: mean, and lo-90, hi-90, ... for each level in percent.

        Raises
        ------
        KoopflowError
            If `fit` was not called, or the series is constant or too short.
        """
        levels = [] if level is None else list(level)
        mean, lower, upper = self._state(h).future(coverages_of(levels, ()) or [0.9])
        return {"mean": mean} | _ends(levels, lower, upper, "")

    def forecast(
        self,
        y: ArrayLike,
        h: int,
        X: object = None,
        X_future: object = None,
        level: Sequence[float] | None = None,
        fitted: bool = False,
    ) -> dict[str, Any]:
        """Return what `fit` and `predict` return, without keeping the series.

        With `fitted`, also the forecasts one step ahead (time,) and their intervals, NaN before the
        first: fitted, and fitted-lo-90, fitted-hi-90, ... for each level.
        """
        model = self.new().fit(y)
        found = model.predict(h, level=level)
        return found | model._one_step(h, level or ()) if fitted else found

    def forward(
        self,
        y: ArrayLike,
        h: int,
        X: object = None,
        X_future: object = None,
        level: Sequence[float] | None = None,
        fitted: bool = False,
    ) -> dict[str, Any]:
        """Return the forecast after `y`, which begins with the fitted series, with the options that were
        chosen on that; the further samples are kept.

        Raises
        ------
        KoopflowError
            If `fit` was not called, or `y` begins otherwise.
        """
        before, values = self._values, samples_of(y, "y")[1]
        if before is not None:
            if len(values) < len(before) or not np.array_equal(values[: len(before)], before, equal_nan=True):
                raise KoopflowError(f"{self.alias}: y must begin with the {len(before)} fitted samples; fit again")
            self._state(h)  # the options are chosen before further samples are seen
            self._values = values
        found = self.predict(h, level=level)
        return found | self._one_step(h, level or ()) if fitted else found

    def _state(self, h: int) -> State:
        """Return the state after all samples, with the options of the first call for `h` steps."""
        if self._values is None:
            raise KoopflowError(f"{self.alias} is not fitted; call fit first")
        series = as_series(self._values, period=self.season_length)
        if h not in self._states:
            self._states[h] = State.fit(self.forecaster, series, h)
        elif len(series.values) > len(self._states[h].stretch.series.values):
            self._states[h].extended(series)
        return self._states[h]

    def _one_step(self, h: int, levels: Sequence[float]) -> dict[str, Any]:
        """Return the forecasts one step ahead (time,) and their intervals, NaN before the first."""
        state = self._state(h)
        count = 0 if self._values is None else len(self._values)
        times = state.stretch.origins + 1 + count - len(state.stretch.samples)

        def placed(found: NDArray[np.float64]) -> NDArray[np.float64]:
            whole = np.full((count + 1, *found.shape[1:]), np.nan)
            whole[times] = found
            return whole[:count]

        middle, lower, upper = (placed(each) for each in state.one_step(coverages_of(levels, ()) or [0.9]))
        return {"fitted": middle} | _ends(levels, lower, upper, "fitted-")

    def __repr__(self) -> str:
        return self.alias


def _ends(
    levels: Sequence[float], lower: NDArray[np.float64], upper: NDArray[np.float64], before: str
) -> dict[str, Any]:
    """Return the ends (n,) of intervals by statsforecast's names."""
    found: dict[str, Any] = {}
    for place, each in enumerate(levels):
        found |= {f"{before}lo-{each}": lower[:, place], f"{before}hi-{each}": upper[:, place]}
    return found
