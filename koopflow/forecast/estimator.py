"""Forecasters as objects that are fitted, updated and saved, with scikit-learn's conventions."""

import json
import os
from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import check_options
from koopflow.data.series.held import Given, as_series, samples_of
from koopflow.data.series.loading import prepared
from koopflow.data.series.series import Series
from koopflow.forecast.protocol import Configured, Floats, Integers
from koopflow.forecast.state import HIDDEN, State, plain, restored
from koopflow.io import npz

KIND, VERSION = "fitted forecaster", 2
SAVED = ("name", "period", "label", "step", "seasons", "holidays")
"""What a file holds of a series beside its arrays."""


class Fitted(Configured):
    """Base of forecasters that can be fitted to one series.

    Options are constructor arguments, read with `get_params` and changed with `set_params`, so that
    ``sklearn.base.clone`` copies them; `fit` stores what it learns in ``state_`` and leaves the
    options as they are.

    Examples
    --------
    >>> import numpy as np
    >>> import koopflow as kf
    >>> wave = 10 + np.cos(2 * np.pi * np.arange(200) / 10)
    >>> model = kf.Sliding(window=40).fit(wave, horizon=3)
    >>> model.predict().round(2)["prediction"].tolist()
    [11.0, 10.81, 10.31]
    >>> model.update([11.0, 10.809]).predict(levels=[50]).columns.tolist()
    ['step', 'time', 'prediction', 'low_50', 'high_50']
    """

    joint: ClassVar[bool] = False
    """Whether other series beside the values are observed as well."""

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from `origins`; see `koopflow.forecast.protocol.Forecaster`."""
        raise NotImplementedError

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in HIDDEN}

    def set_params(self, **options: object) -> Self:
        """Change options; return self, no longer fitted.

        Raises
        ------
        KoopflowError
            If an option is unknown or of the wrong type.
        """
        needed = [each.name for each in fields(self) if each.default is MISSING and each.default_factory is MISSING]
        known = {name: getattr(self, name) for name in needed}
        for name, value in check_options(type(self), known | options, type(self).__name__, first=0).items():
            object.__setattr__(self, name, value)
        self.__dict__.pop("state_", None)
        return self

    def fit(
        self,
        series: Given,
        horizon: int = 12,
        *,
        period: int | None = None,
        regressors: Sequence[str] = (),
        holidays: str | None = None,
        beside: Sequence[str] = (),
    ) -> Self:
        """Choose open options on the first 40 % of a series and forecast from every later sample,
        to learn from the errors; return self.

        Parameters
        ----------
        series : array, list, pandas Series or DataFrame, or koopflow Series
            As for `koopflow.forecast`.
        horizon : int
            Steps ahead.
        period : int, optional
            Samples per season; found by default.
        regressors, holidays, beside
            As for `koopflow.forecast`.

        Raises
        ------
        KoopflowError
            If the series cannot be read, is constant, or is too short; or if the forecaster does
            not observe what is `beside`.
        """
        if beside and not self.joint:
            raise KoopflowError(f"beside: {type(self).__name__} observes one series; use Sliding or Episodic")
        given = as_series(series, period=period, regressors=regressors, holidays=holidays, beside=beside)
        object.__setattr__(self, "state_", State.fit(self, given, horizon))
        return self

    def update(self, series: Given) -> Self:
        """Add the samples that follow those so far; return self.

        The options stay as `fit` chose them. Only the new samples are forecast from.

        Parameters
        ----------
        series : array, list, pandas Series or DataFrame
            With dates if the fitted series has them.

        Raises
        ------
        KoopflowError
            If the samples do not continue the series, or it has others beside it.
        """
        state = self._state()
        if state.stretch.series.beside is not None:
            raise KoopflowError("update: the series has others beside it; fit again with all samples")
        state.extended(_continued(state.stretch.series, series))
        return self

    def predict(
        self,
        horizon: int | None = None,
        *,
        levels: Sequence[float] | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """Return the forecast beyond the last sample.

        Parameters
        ----------
        horizon : int, optional
            Steps ahead, at most as many as in `fit`.
        levels : sequence of float, optional
            Coverages of prediction intervals in percent, such as [50, 90].
        quantiles : sequence of float, optional
            Quantiles between 0 and 1.

        Returns
        -------
        DataFrame
            One row per step: step, time, prediction; low and high with coverage 90 %, or low_50,
            high_50, ... for each level; q0.1, ... for each quantile.

        Raises
        ------
        KoopflowError
            If the horizon, a level or a quantile is out of range.
        """
        state = self._state()
        longest = state.stretch.choices.horizon
        if horizon is not None and not (isinstance(horizon, Integral) and 1 <= horizon <= longest):
            raise KoopflowError(f"horizon must be between 1 and {longest}, as fitted (got {horizon!r}); fit again")
        table = table_of(state, levels, quantiles)
        return table.head(longest if horizon is None else int(horizon))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write options, series and forecasts to a .npz file, without pickles."""
        state = self._state()
        series = state.stretch.series
        about = plain(state) | {"class": type(self).__name__, "given": self.get_params()}
        about |= {name: getattr(series, name) for name in SAVED}
        about["beside"] = None if series.beside is None else series.beside.tolist()
        about["regressors"] = {name: column.tolist() for name, column in series.regressors.items()}
        arrays = {name: getattr(series, name) for name in ("time", "values", "observed")} | {"point": state.point}
        npz.save(path, KIND, VERSION, arrays | {"about": np.array(json.dumps(about))})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the forecaster that `save` wrote; `predict` gives the same bits.

        Raises
        ------
        KoopflowError
            If the file is missing or damaged, or holds another forecaster.
        """
        held = npz.load(path, KIND, VERSION, ("time", "values", "observed", "point", "about"))
        about = json.loads(str(held["about"]))
        if about["class"] != cls.__name__:
            raise KoopflowError(f"{path}: holds a {about['class']}, not a {cls.__name__}")
        names = {name: about[name] for name in SAVED} | {"seasons": tuple(about["seasons"])}
        names["regressors"] = {name: np.array(column) for name, column in about["regressors"].items()}
        beside = about.get("beside")
        names["beside"] = None if beside is None else np.array(beside)
        series = Series(time=held["time"], values=held["values"], observed=held["observed"], **names)
        found = cls(**about["given"])
        object.__setattr__(found, "state_", restored(cls, series, str(held["about"]), held["point"]))
        return found

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` was called."""
        return "state_" in self.__dict__

    def _state(self) -> State:
        if not self.__sklearn_is_fitted__():
            raise KoopflowError(f"{self!r} is not fitted; call fit first")
        state: State = self.__dict__["state_"]
        return state


def coverages_of(levels: Sequence[float], quantiles: Sequence[float]) -> list[float]:
    """Return the coverages of the intervals behind levels (percent) and quantiles.

    Raises
    ------
    KoopflowError
        If one is out of range.
    """
    percent = [arguments.share(each, "levels", 100, "percentages") for each in _distinct(levels, "levels", "[50, 90]")]
    asked = [arguments.share(each, "quantiles") for each in _distinct(quantiles, "quantiles", "[0.1, 0.9]")]
    return [level / 100 for level in percent] + [abs(1 - 2 * quantile) for quantile in asked if quantile != 0.5]


def _distinct(given: object, key: str, example: str) -> list[object]:
    """Return the entries of a list; raise a KoopflowError if two are equal."""
    found = arguments.several(given, key, example)
    for place, each in enumerate(found):
        if each in found[:place]:
            raise KoopflowError(f"{key} must be unique (got {each!s} twice)")
    return found


def table_of(
    state: State, levels: Sequence[float] | None, quantiles: Sequence[float] | None, coverage: float = 0.9
) -> pd.DataFrame:
    """Return the forecast of all steps, with intervals for `levels`, or of one `coverage`."""
    quantiles = [] if quantiles is None else quantiles
    asked = [100 * coverage] if levels is None else levels
    coverages = coverages_of(asked, quantiles)
    if levels is None:
        coverages[0] = coverage
    median, lower, upper = state.future(coverages or [0.9])
    columns: dict[str, Any] = {"step": np.arange(1, len(median) + 1)}
    columns |= {"time": state.stretch.series.later(len(median)), "prediction": median}
    for place, level in enumerate(asked):
        end = "" if levels is None else f"_{level:g}"
        columns |= {f"low{end}": lower[:, place], f"high{end}": upper[:, place]}
    place = len(asked)
    for quantile in quantiles:
        if quantile == 0.5:
            columns["q0.5"] = median
        else:
            columns[f"q{quantile:g}"] = (lower if quantile < 0.5 else upper)[:, place]
            place += 1
    return pd.DataFrame(columns)


def _continued(before: Series, given: Given) -> Series:
    """Return a series with further samples; raise a KoopflowError if they do not continue it."""
    times, values, _ = samples_of(given, "update")
    if before.time.dtype.kind == "M":
        if times is None or times.dtype.kind != "M":
            raise KoopflowError("update: the new samples must have dates, as the fitted series has")
        times = times.astype(before.time.dtype)
    else:
        times = before.time[-1] + (before.time[-1] - before.time[-2]) * np.arange(1, len(values) + 1)
    if len(times) and times[0] <= before.time[-1]:
        raise KoopflowError(f"update: the new samples must begin after {before.time[-1]} (got {times[0]})")
    values_before = np.where(before.observed, before.values, np.nan)
    stamps, everything = np.concatenate([before.time, times]), np.concatenate([values_before, values])
    found = prepared(before.name, stamps, everything, before.label, period=before.period)
    same = {name: getattr(before, name) for name in ("seasons", "holidays", "regressors")}
    found = replace(found, **same)
    if len(found.time) < len(before.time) or not np.array_equal(found.time[: len(before.time)], before.time):
        raise KoopflowError("update: the new samples must lie on the grid of the fitted series")
    return found


def known(forecaster: Configured, name: str) -> int:
    """Return an option that `for_series` sets; raise a KoopflowError while it is open."""
    value = getattr(forecaster, name)
    if value is None:
        raise KoopflowError(
            f"{forecaster!r}: {name} must be given (got None); or call koopflow.evaluate, which chooses it"
        )
    return int(value)
