"""The registry of measures: what can be computed from the tables to judge a claim."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A registered statistic.

    Attributes
    ----------
    function : callable
        ``function(tables, level, **options) -> Estimate``; raises `Undecided` when the tables do not allow it.
    statistic : str
        What it computes, in words that stand in the table of claims.
    """

    function: Callable
    statistic: str

    @property
    def options(self) -> set[str]:
        """Names of the options that a claim may give."""
        return set(list(inspect.signature(self.function).parameters)[2:])

    @property
    def required(self) -> set[str]:
        """Names of the options that a claim must give."""
        parameters = list(inspect.signature(self.function).parameters.values())[2:]
        return {parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty}


MEASURES: dict[str, Measure] = {}


def measure(statistic: str):
    """Register the decorated function as a measure under its own name."""

    def register(function: Callable) -> Callable:
        MEASURES[function.__name__] = Measure(function, statistic)
        return function

    return register
