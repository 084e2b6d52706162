"""A measure: a function of the run's tables, and a description of the statistic that it
computes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from koopflow.claims.estimate import Estimate
from koopflow.claims.registry import MEASURES
from koopflow.core.registry import check_options

F = TypeVar("F", bound=Callable[..., Estimate])
STATISTIC = "statistic"
LEADING = 2
"""Number of leading parameters that are not options: the tables and the level."""


@dataclass(frozen=True)
class Measure:
    """A statistic that claims may name.

    Attributes
    ----------
    function : callable
        ``function(tables, level, **options) -> Estimate``. It raises `Undecided` if the tables do
        not hold what it needs.
    statistic : str
        What it computes, as the table of claims shows it.
    """

    function: Callable[..., Estimate]
    statistic: str

    def options(self, given: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Return the `given` options, checked by name and type; raise a KoopflowError that begins
        with `key` if one is wrong."""
        return check_options(self.function, given, key, first=LEADING)


def measure(statistic: str) -> Callable[[F], F]:
    """Return a decorator that describes what a measure computes.

    >>> from koopflow.claims.estimate import over_units
    >>> @measure("accuracy of the dense network (share of images)")
    ... def dense_accuracy(tables, level):
    ...     rounds = tables.read("tickets/rounds.csv")
    ...     return over_units(rounds[rounds["density"] == 1].groupby("seed")["accuracy"].mean(), level)
    """

    def named(function: F) -> F:
        setattr(function, STATISTIC, statistic)
        return function

    return named


def load_measure(name: str, key: str) -> Measure:
    """Return the measure `name`, which is registered or has the form package.module:name.

    Without the decorator `measure`, the first line of a function's docstring is its description.

    Raises
    ------
    KoopflowError
        If the name is unknown or cannot be imported; the message begins with `key`.
    """
    function = MEASURES.load(name, key)
    summary = (function.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return Measure(function, getattr(function, STATISTIC, summary or name))
