"""A regular grid: a way to number stamps by steps."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.data.series.series import Times

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """A way to number stamps by steps.

    Attributes
    ----------
    label : str
        The name of a step, for axes.
    slots : function of times (n,)
        Returns the step of each stamp, (n,) int64, counted from any origin.
    stamps : function of times (n,) and a count
        Returns the stamps of that many steps, beginning with the first of `times`.
    """

    label: str
    slots: Callable[[Times], Index]
    stamps: Callable[[Times, int], Times]
