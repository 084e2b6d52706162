"""When the parameters of an expert are estimated anew, and a store of the estimates.

Estimates are made at fixed numbers of known samples, each half as large again as the one before, so
that a forecast does not depend on when or in how many parts the samples arrived.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

GROWTH = 1.5


class Stretch(NamedTuple):
    """Origins first ... stop - 1, whose forecasts use the estimate from the first `known`
    samples."""

    known: int
    first: int
    stop: int


def stretches(first: int, stop: int, start: int) -> Iterator[Stretch]:
    """Yield the stretches of the origins first ... stop - 1.

    Parameters
    ----------
    first, stop : int
    start : int
        Number of samples of the first estimate; at most first + 1.

    Examples
    --------
    >>> list(stretches(9, 30, 10))
    [Stretch(known=10, first=9, stop=14), Stretch(known=15, first=14, stop=22), Stretch(known=23, first=22, stop=30)]
    """
    known = start
    while first < stop:
        later = int(np.ceil(GROWTH * known))
        if later > first + 1:
            end = min(stop, later - 1)
            yield Stretch(known, first, end)
            first = end
        known = later


class Refits:
    """Estimates by what was estimated and from which samples; forecasters of one series share it."""

    def __init__(self) -> None:
        self._made: dict[tuple[Hashable, bytes], Any] = {}

    def of(self, what: Hashable, past: NDArray[np.float64], make: Callable[[], Any]) -> Any:
        """Return the estimate `what` from the samples `past`, made by `make` when it is first
        asked for."""
        key = (what, hashlib.sha256(np.ascontiguousarray(past).tobytes()).digest())
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
