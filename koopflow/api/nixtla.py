"""A forecaster as a model of statsforecast, which koopflow does not depend on: `StatsForecastModel`."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.series.held import as_series
from koopflow.forecast.estimator import coverages_of
from koopflow.forecast.methods import Gated
from koopflow.forecast.protocol import Forecaster, as_forecaster, named
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
        given = Gated() if forecaster is None else forecaster
        self.forecaster = named(given, "forecaster") if isinstance(given, str) else as_forecaster(given)
        self.season_length = season_length
        self.alias = alias or repr(self.forecaster)
        self._values: NDArray[np.float64] | None = None
        self._states: dict[int, State] = {}

    def new(self) -> Self:
        """Return the same model, not fitted."""
        return type(self)(self.forecaster, season_length=self.season_length, alias=self.alias)

    def fit(self, y: ArrayLike, X: object = None) -> Self:
        """Keep the series (time,); return self. The horizon is known to `predict`, which fits."""
        self._values, self._states = np.asarray(y, dtype=np.float64), {}
        return self

    def predict(self, h: int, X: object = None, level: Sequence[float] | None = None) -> dict[str, Any]:
        """Return the forecast of `h` steps: mean, and lo-90, hi-90, ... for each level in percent.

        Raises
        ------
        KoopflowError
            If `fit` was not called, or the series is constant or too short.
        """
        if self._values is None:
            raise KoopflowError(f"{self.alias} is not fitted; call fit first")
        if h not in self._states:
            series = as_series(self._values, period=self.season_length)
            self._states[h] = State.fit(self.forecaster, series, h)
        levels = [] if level is None else list(level)
        mean, lower, upper = self._states[h].future(coverages_of(levels, ()) or [0.9])
        found: dict[str, Any] = {"mean": mean}
        for place, each in enumerate(levels):
            found |= {f"lo-{each}": lower[:, place], f"hi-{each}": upper[:, place]}
        return found

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

        With `fitted`, also the forecasts one step ahead (time,), NaN before the first.
        """
        model = self.new().fit(y)
        found = model.predict(h, level=level)
        if fitted:
            state, count = model._states[h], len(np.asarray(y))
            before = state.stretch.origins + count - len(state.stretch.samples)
            ahead = np.full(count + 1, np.nan)
            ahead[before + 1] = state.stretch.choices.transform.unpoint(state.point[:, 0])
            found["fitted"] = ahead[:count]
        return found

    def __repr__(self) -> str:
        return self.alias
