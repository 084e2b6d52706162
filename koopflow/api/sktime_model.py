"""A forecaster with sktime's interface, which koopflow does not depend on: `SktimeForecaster`."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from koopflow.api.forecasting import chosen_forecaster
from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.data.series.held import as_series
from koopflow.forecast.methods import Gated
from koopflow.forecast.protocol import Forecaster
from koopflow.forecast.state import State

__all__ = ["SktimeForecaster"]


class SktimeForecaster:
    """A forecaster for sktime's ``evaluate``, which asks for methods and not for a base class.

    It forecasts one series, and steps after its last sample. `X` is left aside, as the tag
    ``capability:exogenous`` says. Tuners and pipelines of sktime need its own base class.

    Parameters
    ----------
    forecaster : forecaster or str, optional
        As for `koopflow.forecast`; `Gated` by default.
    sp : int, optional
        Samples per season; found from the first 40 % of the series by default.

    Examples
    --------
    >>> import numpy as np
    >>> import koopflow as kf
    >>> wave = 10 + np.cos(2 * np.pi * np.arange(200) / 10)
    >>> model = kf.SktimeForecaster(kf.Sliding(window=40), sp=1).fit(wave, fh=[1, 3])
    >>> model.predict().round(2).to_dict()
    {200: 11.0, 202: 10.31}
    >>> list(model.predict_interval(coverage=0.8))
    [(0, 0.8, 'lower'), (0, 0.8, 'upper')]
    """

    tags: ClassVar[dict[str, Any]] = {
        "object_type": "forecaster",
        "y_inner_mtype": "pd.Series",
        "X_inner_mtype": "pd.DataFrame",
        "scitype:y": "univariate",
        "capability:multivariate": False,
        "capability:exogenous": False,
        "capability:missing_values": True,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "requires-fh-in-fit": False,
    }

    def __init__(self, forecaster: Forecaster | str | None = None, sp: int | None = None) -> None:
        self.forecaster = forecaster
        self.sp = sp
        self.fh: Any = None
        self._y: pd.Series | None = None
        self._state: State | None = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name; with `deep`, those of the forecaster as forecaster__window."""
        inner = getattr(self.forecaster, "get_params", dict) if deep else dict
        nested = {f"forecaster__{name}": value for name, value in inner().items()}
        return {"forecaster": self.forecaster, "sp": self.sp} | nested

    def set_params(self, **options: object) -> Self:
        """Change options; return self, no longer fitted.

        Raises
        ------
        KoopflowError
            If an option is unknown.
        """
        nested = {}
        for name, value in options.items():
            if name in ("forecaster", "sp"):
                setattr(self, name, value)
            elif name.startswith("forecaster__") and hasattr(self.forecaster, "set_params"):
                nested[name.removeprefix("forecaster__")] = value
            else:
                raise KoopflowError(f"SktimeForecaster: options are {', '.join(self.get_params())} (got {name!r})")
        if nested:
            inner: Any = self.forecaster
            inner.set_params(**nested)
        return self.reset()

    def clone(self) -> Self:
        """Return the same forecaster, not fitted."""
        inner: Any = self.forecaster
        return type(self)(type(inner)(**inner.get_params()) if hasattr(inner, "get_params") else inner, self.sp)

    def reset(self) -> Self:
        """Forget the series; return self."""
        self.fh = self._y = self._state = None
        return self

    def get_tags(self) -> dict[str, Any]:
        """Return what this forecaster can do, in sktime's words."""
        return dict(self.tags)

    def get_tag(self, tag_name: str, tag_value_default: Any = None, raise_error: bool = False) -> Any:
        """Return one tag; an unknown one is `tag_value_default`, or a ValueError with `raise_error`."""
        if raise_error and tag_name not in self.tags:
            raise ValueError(f"tag {tag_name!r} is unknown")
        return self.tags.get(tag_name, tag_value_default)

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` was called."""
        return self._y is not None

    @property
    def cutoff(self) -> pd.Index | None:
        """The time of the last sample, as an index; None before `fit`."""
        return None if self._y is None else self._y.index[-1:]

    def fit(self, y: ArrayLike | pd.Series | pd.DataFrame, X: object = None, fh: object = None) -> Self:
        """Keep the series (time,); return self. Options are chosen when the horizon is known, by the
        first `predict`."""
        self.reset()
        self.fh, self._y = fh, _one(y)
        return self

    def update(self, y: ArrayLike | pd.Series | pd.DataFrame, X: object = None, update_params: bool = True) -> Self:
        """Add samples; return self. Options are chosen again, or stay without `update_params`."""
        before, new = self._known(), _one(y)
        if not isinstance(y, pd.Series | pd.DataFrame):
            new.index = before.index[-1] + 1 + np.arange(len(new))
        both = pd.concat([before, new])
        self._y = both[~both.index.duplicated(keep="last")].sort_index().rename(before.name)
        if update_params:
            self._state = None
        return self

    def predict(self, fh: object = None, X: object = None) -> pd.Series:
        """Return the forecast of the steps `fh` after the last sample, those of `fit` by default.

        Raises
        ------
        KoopflowError
            If `fit` was not called, no step is given, one lies in the past, or the series is
            constant or too short.
        """
        steps, index, state = self._ahead(fh)
        return pd.Series(state.future([0.9])[0][steps - 1], index=index, name=self._known().name)

    def predict_quantiles(
        self,
        fh: object = None,
        X: object = None,
        alpha: float | Sequence[float] | None = None,
    ) -> pd.DataFrame:
        """Return quantiles, a column (name, alpha) for each; 0.05 and 0.95 by default."""
        asked = [arguments.share(each, "alpha") for each in np.atleast_1d([0.05, 0.95] if alpha is None else alpha)]
        steps, index, state = self._ahead(fh)
        median, lower, upper = state.future([abs(1 - 2 * each) or 0.9 for each in asked])
        parts = [
            median if each == 0.5 else (lower if each < 0.5 else upper)[:, place] for place, each in enumerate(asked)
        ]
        name = self._variable()
        columns = pd.MultiIndex.from_tuples([(name, each) for each in asked])
        return pd.DataFrame(np.stack(parts, axis=1)[steps - 1], index=index, columns=columns)

    def predict_interval(
        self,
        fh: object = None,
        X: object = None,
        coverage: float | Sequence[float] = 0.9,
    ) -> pd.DataFrame:
        """Return prediction intervals, columns (name, coverage, lower) and (name, coverage, upper)."""
        asked = [arguments.share(each, "coverage") for each in np.atleast_1d(coverage)]
        steps, index, state = self._ahead(fh)
        _, lower, upper = state.future(asked)
        name = self._variable()
        columns = pd.MultiIndex.from_tuples([(name, each, end) for each in asked for end in ("lower", "upper")])
        both = np.stack([lower, upper], axis=2).reshape(len(lower), -1)
        return pd.DataFrame(both[steps - 1], index=index, columns=columns)

    def __repr__(self) -> str:
        return f"SktimeForecaster({self.forecaster!r}, sp={self.sp!r})"

    def _known(self) -> pd.Series:
        if self._y is None:
            raise KoopflowError(f"{self!r} is not fitted; call fit first")
        return self._y

    def _variable(self) -> Any:
        name = self._known().name
        return 0 if name is None else name

    def _ahead(self, given: Any) -> tuple[NDArray[np.intp], pd.Index, State]:
        """Return the steps asked for, their index, and the fitted state."""
        known = self._known()
        if given is None:
            given = self.fh
        if given is None:
            raise KoopflowError("fh must be given to fit or predict: the steps ahead, such as [1, 2, 3]")
        own = hasattr(given, "to_relative")
        relative = given.to_relative(self.cutoff).to_numpy() if own else given
        steps = np.atleast_1d(np.asarray(relative))
        if not len(steps) or steps.dtype.kind not in "iu" or steps.min() < 1:
            raise KoopflowError(f"fh must be steps after the last sample, 1 or more (got {relative})")
        steps = steps.astype(np.intp)
        state = self._fitted(known, int(steps.max()))
        return steps, given.to_absolute_index(self.cutoff) if own else _later(known, state)[steps - 1], state

    def _fitted(self, known: pd.Series, horizon: int) -> State:
        """Return the state after all samples, fitted for at least `horizon` steps."""
        series = as_series(known, period=self.sp)
        if self._state is None or self._state.stretch.choices.horizon < horizon:
            self._state = State.fit(chosen_forecaster(self.forecaster, Gated()), series, horizon)
        elif len(series.values) > len(self._state.stretch.series.values):
            self._state.extended(series)
        return self._state


def _one(given: ArrayLike | pd.Series | pd.DataFrame) -> pd.Series:
    """Return one series; raise a KoopflowError if there are several."""
    if isinstance(given, pd.DataFrame):
        if given.shape[1] != 1:
            raise KoopflowError(f"y must be one series (got {given.shape[1]} columns); fit one forecaster for each")
        return given.iloc[:, 0]
    return given if isinstance(given, pd.Series) else pd.Series(np.asarray(given))


def _later(known: pd.Series, state: State) -> pd.Index:
    """Return the index of the steps ahead."""
    horizon, index = state.stretch.choices.horizon, known.index
    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(index[-1] + 1, periods=horizon, freq=index.freq)
    if isinstance(index, pd.DatetimeIndex):
        return pd.DatetimeIndex(state.stretch.series.later(horizon), tz=index.tz)
    step = index[-1] - index[-2]
    return pd.Index(index[-1] + step * np.arange(1, horizon + 1))
