"""Time axes: dates where a series has dates."""

from typing import Any, Literal

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

Times = NDArray[Any]


def places(times: Times) -> NDArray[np.float64]:
    """Return the places (n,) of stamps on an axis: days for dates, numbers as they are."""
    if times.dtype.kind == "M":
        days: NDArray[np.float64] = mdates.date2num(times)
        return days
    return np.asarray(times, dtype=np.float64)


def time_axis(ax: Axes, times: Times, axis: Literal["x", "y"] = "x", name: str = "time") -> None:
    """Label an axis of `places` as time, with dates as ticks if the stamps are dates."""
    chosen = ax.xaxis if axis == "x" else ax.yaxis
    if times.dtype.kind == "M":
        locator = mdates.AutoDateLocator(minticks=3, maxticks=7)
        chosen.set_major_locator(locator)
        chosen.set_major_formatter(mdates.ConciseDateFormatter(locator))
    chosen.set_label_text(name)
