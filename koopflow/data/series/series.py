"""A series: regular samples without missing values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EARLY = 0.4
"""The share of a series on which all choices are made, before the scored stretch begins."""

Times = NDArray[Any]
"""Stamps: datetime64 or numbers."""


@dataclass(frozen=True)
class Series:
    """A regular series without missing values.

    Attributes
    ----------
    name : str
    time : (n,) array
        Stamps (datetime64 or numbers), one step apart.
    values : (n,) float
    observed : (n,) bool
        False where the value was filled in.
    period : int
        Samples per season; 1 if there is none.
    label : str
        Axis label of the values.
    step : str
        Name of one step, for axes.
    """

    name: str
    time: Times
    values: NDArray[np.float64]
    observed: NDArray[np.bool_]
    period: int
    label: str
    step: str
