"""What is known beside a series' values: the calendar, public holidays, regressors, and what a model
of many series forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.series.calendar_columns import calendar_columns, holiday_columns
from koopflow.data.series.series import Series

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ahead:
    """Columns of numbers for every sample of a series and for the steps after its last.

    Attributes
    ----------
    parts : mapping of str to (time + horizon, columns) float
        Columns by what they are: calendar, holidays, regressors.
    pooled : (time, horizon) float, optional
        Forecasts from every sample by a model of many series; see
        `koopflow.forecast.company.pool`.
    """

    parts: Mapping[str, Floats] = field(default_factory=dict)
    pooled: Floats | None = None

    def columns(self, rows: int) -> Floats:
        """Return all columns of the first `rows` samples and steps.

        Raises
        ------
        KoopflowError
            If one ends before.
        """
        for name, part in self.parts.items():
            if len(part) < rows:
                raise KoopflowError(f"{name} must be known for {rows - len(part)} more steps, up to the horizon")
        return np.concatenate([np.empty((rows, 0)), *(part[:rows] for part in self.parts.values())], axis=1)

    def without(self, names: tuple[str, ...]) -> Self:
        """Return this without the parts `names`."""
        kept = {name: part for name, part in self.parts.items() if name not in names}
        return type(self)(kept, None if "pooled" in names else self.pooled)

    def shifted(self, lost: int) -> Self:
        """Return this for the series without its first `lost` samples."""
        pooled = None if self.pooled is None else self.pooled[lost:]
        return type(self)({name: part[lost:] for name, part in self.parts.items()}, pooled)


def ahead_of(series: Series, horizon: int, pooled: Floats | None = None) -> Ahead:
    """Return what is known beside a series, for its samples and `horizon` steps more.

    Raises
    ------
    KoopflowError
        If a regressor ends before, or there are no holidays of the place.
    """
    times = np.concatenate([series.time, series.later(horizon)])
    parts = {"calendar": calendar_columns(times)}
    if series.holidays is not None:
        parts["holidays"] = holiday_columns(times, series.holidays, f"series.{series.name}.holidays")
    if series.regressors:
        for name, column in series.regressors.items():
            if len(column) < len(times):
                beyond = len(column) - len(series.time)
                raise KoopflowError(
                    f"series.{series.name}.regressors: {name!r} must be known for {horizon} steps after the last "
                    f"value, the horizon (got {max(beyond, 0)}); add rows with an empty value, or set a horizon"
                )
        parts["regressors"] = np.stack([column[: len(times)] for column in series.regressors.values()], axis=1)
    return Ahead({name: part for name, part in parts.items() if part.shape[1]}, pooled)
