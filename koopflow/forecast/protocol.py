"""The forecaster interface, the settings a forecaster receives for a series, and construction by
name."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from koopflow.config.forecast import ForecasterSettings
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import check_options
from koopflow.forecast.ahead import Ahead
from koopflow.forecast.company.refits import Refits
from koopflow.forecast.options import WindowSettings
from koopflow.forecast.registry import FORECASTERS
from koopflow.koopman.windows import WindowModels, fit_windows

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@runtime_checkable
class Forecaster(Protocol):
    """An object that forecasts a series from any of its samples.

    Your own class needs no base class. Derive from `Configured` for open options, a repr, and
    differenced input.
    """

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Return forecasts from several origins.

        Parameters
        ----------
        values : (time,) float
            The whole series, or its root or logarithm if such a transform is chosen; forecasts are
            on the same scale. Row i of the result may depend only on ``values[: origins[i] + 1]``.
        origins : (n,) int, increasing
            Indices of the last known samples.
        horizon : int
            Steps ahead.

        Returns
        -------
        (n, horizon) float
        """
        ...


@dataclass(frozen=True)
class Recollection:
    """Forecasts (n, horizon), and recalled origins and distances (n, matches), padded with -1 and
    NaN."""

    forecasts: Floats
    origins: Integers
    distances: Floats


@runtime_checkable
class Recalling(Forecaster, Protocol):
    """A forecaster that also returns the earlier origins it recalled."""

    def recall(self, values: Floats, origins: Integers, horizon: int) -> Recollection:
        """Return the same forecasts as `forecast`, with the recalled origins."""
        ...


class FittedWindows:
    """Window models, and estimates of experts, shared by the forecasters of a series; each is fitted
    once."""

    def __init__(self) -> None:
        self._fitted: dict[tuple[int, int, int], tuple[Floats, WindowModels]] = {}
        self.refits = Refits()

    def of(self, values: Floats, window: int, delays: int, rank: int) -> WindowModels:
        """Return the models of all windows of `values` (time, channels), as `fit_windows` fits
        them."""
        sizes = (window, delays, rank)
        known = self._fitted.get(sizes)
        if known is None or not np.array_equal(known[0], values):
            known = self._fitted[sizes] = (values, fit_windows(values, window, delays, rank))
        return known[1]


@dataclass(frozen=True)
class Situation:
    """Settings chosen on the early stretch of a series; they fill open options.

    Attributes
    ----------
    period : int
        Samples per season; 1 for none.
    window, delays, rank : int
        Sizes with which the sliding method does best on the early stretch.
    recalled, matches
        The model of a recalled window, and the number of matches averaged, that do best there.
    exclusion : float
        Shortest time between recalled windows and to the present, in lengths of a window.
    first : int
        The first scored origin, as an index into the forecaster's values.
    estimates : int
        Number of times along the series that parameters are estimated.
    sizes : callable, optional
        ``sizes(window, delays, rank)`` chooses the sizes that are None to fit the others.
    measure : callable, optional
        Maps forecasts back to the series' own units, in which errors are compared; None if they
        already are.
    seasons : tuple of int
        Samples of every season that was found, the first of them `period`; empty for none.
    ahead : Ahead, optional
        What is known ahead of the series' values: the calendar, holidays, regressors.
    fitted : FittedWindows
        Window models shared by forecasters.
    beside : (time, columns) float, optional
        Other series that make one state with the values.
    """

    period: int
    window: int
    delays: int
    rank: int
    recalled: str
    matches: int
    first: int
    exclusion: float = 0.0
    estimates: int = 3
    sizes: Callable[[int | None, int | None, int | None], WindowSettings] | None = None
    measure: Callable[[Floats], Floats] | None = None
    seasons: tuple[int, ...] = ()
    ahead: Ahead | None = None
    fitted: FittedWindows = field(default_factory=FittedWindows)
    beside: Floats | None = None

    def shifted(self, lost: int) -> "Situation":
        """Return the situation for the series without its first `lost` samples."""
        ahead = None if self.ahead is None else self.ahead.shifted(lost)
        beside = None if self.beside is None else self.beside[lost:]
        return replace(self, first=self.first - lost, ahead=ahead, beside=beside)


LEAST = {
    "window": 2,
    "delays": 1,
    "rank": 1,
    "radial": 0,
    "period": 1,
    "seasons": 2,
    "estimates": 1,
    "matches": 1,
    "exclusion": 0,
    "mode_weight": 0,
}


@dataclass(frozen=True, repr=False)
class Configured:
    """Base class of forecasters whose options are dataclass fields; None leaves an option open.

    Attributes
    ----------
    open : tuple of str
        Fields that `for_series` fills, if None, from the `Situation` field of the same name.
    differenced : bool
        Whether the forecaster receives the series with the transform's differences applied.
    least : mapping of str to float
        Smallest values of options, by name; of several values, of each.
    """

    open: ClassVar[tuple[str, ...]] = ()
    differenced: ClassVar[bool] = False
    least: ClassVar[Mapping[str, float]] = LEAST

    def for_series(self, situation: Situation) -> Self:
        """Return this forecaster with its open options set from `situation`."""
        return replace(self, **{name: getattr(situation, name) for name in self.open if getattr(self, name) is None})

    def __repr__(self) -> str:
        shown = [each for each in fields(self) if each.repr and getattr(self, each.name) != each.default]
        return f"{type(self).__name__}({', '.join(f'{each.name}={getattr(self, each.name)!r}' for each in shown)})"


def settled(forecaster: Forecaster, situation: Situation) -> Forecaster:
    """Return a forecaster with its open options set from `situation`.

    Raises
    ------
    KoopflowError
        If an option is of the wrong type or out of its range; named by the class and the option.
    """
    if not isinstance(forecaster, Configured):
        return forecaster
    name = type(forecaster).__name__
    given = {each.name: getattr(forecaster, each.name) for each in fields(forecaster) if each.init}
    plain = {option: value.item() if isinstance(value, np.generic) else value for option, value in given.items()}
    for option, value in check_options(type(forecaster), plain, name, first=0).items():
        least = forecaster.least.get(option)
        for each in value if isinstance(value, tuple) else [value]:
            if least is not None and each is not None and not each >= least:
                raise KoopflowError(f"{name}.{option} must be at least {least} (got {plain[option]})")
    return forecaster.for_series(situation)


@dataclass(frozen=True, repr=False)
class FromFunction:
    """A function ``f(values, origins, horizon, **options)`` as a forecaster."""

    function: Callable[..., Floats]
    options: Mapping[str, Any] = field(default_factory=dict)

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Call the function with its options."""
        return self.function(values, origins, horizon, **self.options)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def as_forecaster(found: object, key: str = "forecaster") -> Forecaster:
    """Return an object, class or function as a forecaster; raise a KoopflowError if it is not
    one."""
    if inspect.isclass(found):
        found = found()
    if isinstance(found, Forecaster):
        return found
    if callable(found):
        return FromFunction(found)
    raise KoopflowError(
        f"{key}: must be an object with a method forecast(values, origins, horizon), or such a function (got {found!r})"
    )


def named(name: str, key: str = "forecast.methods", /, **options: object) -> Forecaster:
    """Build the forecaster called `name`.

    Parameters
    ----------
    name : str
        A name in FORECASTERS, or "package.module:name" of a class with a method `forecast` or of a
        function with its parameters.
    key : str
        The YAML key named in errors.
    **options
        Options of the class, or of the function after its first three parameters.

    Raises
    ------
    KoopflowError
        If the name is unknown, cannot be imported or is not a forecaster, or if an option is
        unknown, missing or of the wrong type.

    Examples
    --------
    >>> named("drift", window=40)
    Drift(window=40)
    """
    found = FORECASTERS.load(name, key)
    if inspect.isclass(found):
        checked = check_options(found, options, key, first=0)
        try:
            return as_forecaster(found(**checked), key)
        except KoopflowError as error:  # an option of the right type, out of its range
            raise error if str(error).startswith(key) else KoopflowError(f"{key}: {error}") from None
    return FromFunction(found, check_options(found, options, key, first=3))


def all_named(names: Iterable[str], declared: Mapping[str, ForecasterSettings] | None = None) -> dict[str, Forecaster]:
    """Return several forecasters by name, in order.

    Parameters
    ----------
    names : iterable of str
        As for `named`, or names in `declared`.
    declared : mapping of str to ForecasterSettings, optional
        Forecasters with options, by name (``forecast.forecasters``).

    Raises
    ------
    KoopflowError
        As `named` does.
    """
    found = {}
    for name in names:
        if declared is not None and name in declared:
            key = f"forecast.forecasters.{name}"
            found[name] = named(declared[name].forecaster, f"{key}.options", **declared[name].options)
        else:
            found[name] = named(name)
    return found
