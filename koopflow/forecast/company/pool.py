"""Boosted trees that learn from many series at once.

All series share one model, estimated at a few times of a common calendar from what was known then
of every series. Changes are divided by the recent size of each series' own changes, so that large
and small series teach each other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.data.series.series import Series
from koopflow.forecast.company import boosting
from koopflow.forecast.company.design import Design

Floats = NDArray[np.float64]
FEWEST_SERIES = 10
"""Fewest series that make a pool."""
LAGS = 12
ROWS = 20000
"""Most rows of an estimate, drawn evenly from all series and origins."""
FEWEST_ROWS = 200
FIRST, GROWTH = 24, 1.5
"""Times before the first estimate, and how many times more before each further one."""
BATCH = 100_000
"""Rows that are forecast at once."""


@dataclass(frozen=True)
class Member:
    """One series of a pool.

    Attributes
    ----------
    time : (n,)
        Stamps.
    values : (n,) float
    observed : (n,) bool
        False where the value was filled in.
    """

    time: NDArray[Any]
    values: Floats
    observed: NDArray[np.bool_]


def pool_of(series: Mapping[str, Series], horizon: int) -> dict[str, Floats]:
    """Return the pooled forecasts (time, horizon) of each series by name; none of too few series, or
    of some with dates and some without."""
    kinds = {each.time.dtype.kind == "M" for each in series.values()}
    if len(series) < FEWEST_SERIES or len(kinds) > 1:
        return {}
    period = Counter(each.period for each in series.values()).most_common(1)[0][0]
    members = [Member(each.time, each.values, each.observed) for each in series.values()]
    return dict(zip(series, pooled_forecasts(members, period, horizon)))


def pooled_forecasts(members: Sequence[Member], period: int, horizon: int) -> list[Floats]:
    """Return the forecasts of every series from all of its samples by a model of all of them.

    Parameters
    ----------
    members : sequence of Member
        Series whose stamps can be compared.
    period : int
        Samples per season; 1 for none.
    horizon : int
        Steps ahead.

    Returns
    -------
    list of (n, horizon)
        In units of the series; NaN before the first estimate. Row i of a series depends only on
        samples of all series up to its time i.
    """
    design = Design(LAGS, (period,) if period > 1 else (), horizon)
    found = [np.full((len(each.values), horizon), np.nan) for each in members]
    calendar = np.unique(np.concatenate([each.time for each in members]))
    cuts = _cuts(len(calendar), FIRST + period + horizon)
    for place, cut in enumerate(cuts):
        model = _fitted(design, members, calendar[cut])
        if model is None:
            continue
        end = calendar[cuts[place + 1]] if place + 1 < len(cuts) else None
        _predict(design, model, members, found, calendar[cut], end)
    return found


def _cuts(count: int, first: int) -> list[int]:
    """Return the places in the calendar at which an estimate is made; they do not depend on what
    follows."""
    cuts, place = [], first
    while place < count:
        cuts.append(place)
        place = int(np.ceil(GROWTH * place))
    return cuts


def _fitted(design: Design, members: Sequence[Member], now: Any) -> Any:
    """Return a model of everything that is known at `now`; None if that is too little."""
    steps, first = np.arange(1, design.horizon + 1), max(design.lags, max(design.seasons, default=0))
    lasts = [int(np.searchsorted(each.time, now, side="right")) - design.horizon for each in members]
    total = sum(max(0, last - first) for last in lasts) * design.horizon
    every = max(1, int(np.ceil(total / ROWS)))
    rows: list[Floats] = []
    truth: list[Floats] = []
    for place, (each, last) in enumerate(zip(members, lasts)):
        origins = np.arange(first + place % every, last, every)
        origins = origins[each.observed[origins]]
        if len(origins) == 0:
            continue
        targets = origins[:, None] + steps
        size = boosting.size_of_changes(design, each.values, origins)
        change = (each.values[targets] - each.values[origins][:, None]) / size[:, None]
        # a value filled in may rest on what came after `now`
        kept = each.observed[targets] & np.isfinite(change)
        rows.append(_rows(design, each, origins, size)[kept])
        truth.append(change[kept])
    if sum(map(len, truth)) < FEWEST_ROWS:
        return None
    return boosting.model().fit(np.concatenate(rows), np.concatenate(truth))


def _predict(
    design: Design, model: Any, members: Sequence[Member], found: Sequence[Floats], begin: Any, end: Any
) -> None:
    """Write into `found` the forecasts from the origins at `begin` and later, before `end`."""
    held: list[tuple[Floats, Floats, Floats]] = []
    for each, own in zip(members, found):
        stop = len(each.time) if end is None else int(np.searchsorted(each.time, end))
        origins = np.arange(max(int(np.searchsorted(each.time, begin)), 1), stop)
        if len(origins):
            size = boosting.size_of_changes(design, each.values, origins)
            own[origins] = each.values[origins][:, None]
            held.append((own[origins[0] : stop], size, _rows(design, each, origins, size)))
        if sum(rows.shape[0] * rows.shape[1] for *_, rows in held) > BATCH:
            _add_changes(model, held)
            held = []
    if held:
        _add_changes(model, held)


def _add_changes(model: Any, held: Sequence[tuple[Floats, Floats, Floats]]) -> None:
    """Add the forecast changes to the last values, for several series at once."""
    changes = model.predict(np.concatenate([rows.reshape(-1, rows.shape[-1]) for *_, rows in held]))
    for own, size, _ in held:
        own += changes[: own.size].reshape(own.shape) * size[:, None]
        changes = changes[own.size :]


def _rows(design: Design, each: Member, origins: NDArray[np.intp], size: Floats) -> Floats:
    """Return the regressors (n, horizon, regressors), in sizes of the series' own changes."""
    steps = np.arange(1, design.horizon + 1)
    found = design.rows(each.values, np.empty((len(each.values) + design.horizon, 0)), origins, steps)
    return boosting.with_step(found, size, 0)
