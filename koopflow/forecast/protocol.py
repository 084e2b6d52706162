"""What a forecaster is, what it is told of a series, and how one is built from its name."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from koopflow.config.forecast import ForecasterSettings
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import check_options
from koopflow.forecast.options import WindowSettings
from koopflow.forecast.registry import FORECASTERS
from koopflow.koopman.windows import WindowModels, fit_windows

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@runtime_checkable
class Forecaster(Protocol):
    """An object that forecasts a series from any of its samples.

    A class of your own needs no base class. Derive from `Configured` for open options, a repr, and
    the scale of differences.
    """

    def forecast(self, values: Floats, origins: Integers, horizon: int) -> Floats:
        """Forecast from several origins at once.

        Parameters
        ----------
        values : (time,) float
            The whole series; its root or logarithm where such a transform is chosen, and forecasts
            are on the same scale. Row i of the result may depend on ``values[: origins[i] + 1]``
            and on nothing later.
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
    """Forecasts (n, horizon), and recalled origins and distances (n, matches); -1 and NaN: none."""

    forecasts: Floats
    origins: Integers
    distances: Floats


@runtime_checkable
class Recalling(Forecaster, Protocol):
    """A forecaster that says which earlier origins it recalled."""

    def recall(self, values: Floats, origins: Integers, horizon: int) -> Recollection:
        """Forecast as `forecast` does, and return what was recalled as well."""
        ...


class FittedWindows:
    """Window models shared by the forecasters of one series, each set fitted once."""

    def __init__(self) -> None:
        self._fitted: dict[tuple[int, int, int], tuple[Floats, WindowModels]] = {}

    def of(self, values: Floats, window: int, delays: int, rank: int) -> WindowModels:
        """Return the models of all windows of `values` (time,), as `fit_windows` fits them."""
        sizes = (window, delays, rank)
        known = self._fitted.get(sizes)
        if known is None or not np.array_equal(known[0], values):
            known = self._fitted[sizes] = (values, fit_windows(values[:, None], window, delays, rank))
        return known[1]


@dataclass(frozen=True)
class Situation:
    """What is settled on the early stretch of a series; it fills open options.

    Attributes
    ----------
    period : int
        Samples per season; 1 for none.
    window, delays, rank : int
        Sizes with which the sliding method did best on the early stretch.
    recalled, matches
        Which model of a recalled window did best there, and how many matches averaged.
    first : int
        The first scored origin, an index of the values that the forecaster gets.
    estimates : int
        How often along the series parameters are estimated.
    sizes : callable, optional
        ``sizes(window, delays, rank)`` chooses those of the three that are None to suit the others.
    measure : callable, optional
        Maps forecasts back to the series' own units, in which errors are compared; None: they are
        in these units already.
    fitted : FittedWindows
        Window models that forecasters share.
    """

    period: int
    window: int
    delays: int
    rank: int
    recalled: str
    matches: int
    first: int
    estimates: int = 3
    sizes: Callable[[int | None, int | None, int | None], WindowSettings] | None = None
    measure: Callable[[Floats], Floats] | None = None
    fitted: FittedWindows = field(default_factory=FittedWindows)

    def shifted(self, lost: int) -> "Situation":
        """Return the situation of the series without its first `lost` samples."""
        return replace(self, first=self.first - lost)


@dataclass(frozen=True, repr=False)
class Configured:
    """Base of forecasters whose options are dataclass fields; None leaves an option open.

    Attributes
    ----------
    open : tuple of str
        Fields that `for_series` fills from the `Situation` of the same name where they are None.
    differenced : bool
        Whether the forecaster gets the series after the differences of its transform, rather than
        before them.
    """

    open: ClassVar[tuple[str, ...]] = ()
    differenced: ClassVar[bool] = False

    def for_series(self, situation: Situation) -> Self:
        """Return this forecaster with its open options set to what suits the series."""
        return replace(self, **{name: getattr(situation, name) for name in self.open if getattr(self, name) is None})

    def __repr__(self) -> str:
        shown = [each for each in fields(self) if each.repr and getattr(self, each.name) != each.default]
        return f"{type(self).__name__}({', '.join(f'{each.name}={getattr(self, each.name)!r}' for each in shown)})"


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
    """Return an object, class or function as a forecaster; raise a KoopflowError if it is none."""
    if inspect.isclass(found):
        found = found()
    if isinstance(found, Forecaster):
        return found
    if callable(found):
        return FromFunction(found)
    raise KoopflowError(
        f"{key}: {found!r} is no forecaster; give an object with a method forecast(values, origins, horizon), or such a function"
    )


def named(name: str, key: str = "forecast.methods", /, **options: object) -> Forecaster:
    """Build the forecaster called `name`.

    Parameters
    ----------
    name : str
        A name in FORECASTERS, or "package.module:name" of a class with a method `forecast` or of a
        function with its parameters.
    key : str
        The YAML key that errors name.
    **options
        Options of the class, or of the function after its first three parameters.

    Raises
    ------
    KoopflowError
        If the name is unknown, cannot be imported or is no forecaster, or if an option is unknown,
        missing or of another type.

    Examples
    --------
    >>> named("drift", window=40)
    Drift(window=40)
    """
    found = FORECASTERS.load(name, key)
    if inspect.isclass(found):
        return as_forecaster(found(**check_options(found, options, key, first=0)), key)
    return FromFunction(found, check_options(found, options, key, first=3))


def all_named(names: Iterable[str], declared: Mapping[str, ForecasterSettings] | None = None) -> dict[str, Forecaster]:
    """Build several forecasters, in order.

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
