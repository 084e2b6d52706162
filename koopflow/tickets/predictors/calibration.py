"""From scores to the share of a ticket's gain that transfers: a regression over pairs of tasks, and
an interval whose units are tasks.

The share is linear in the scores. What the line leaves is measured on tasks that it has not seen:
each task is left out in turn, with every pair that it takes part in. The interval is the quantile
of these residuals, whatever their distribution. Pairs that share a task are not independent, so the
quantile is widened as Student's is beyond the normal one, with the degrees of freedom with which
the tasks determine the mean squared residual: 2 m² / var(m), var(m) jackknifed over tasks
(Satterthwaite 1946; Efron & Stein 1981).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import half_width
from koopflow.io.columns import TICKET_FORECASTS

TRANSFERS, STAYS, CANNOT_SAY = "transfers", "does not transfer", "cannot say"
FEWEST_TASKS = 6
"""Fewest tasks from which a calibration is fitted."""
MOST_FREEDOM = 200.0
"""Most degrees of freedom of an interval; Student's quantile hardly changes beyond."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """The predicted share of one ticket's gain: 0 is a random mask, 1 the target's own ticket.

    Attributes
    ----------
    share, low, high : float
        The prediction and its interval.
    answer : {"transfers", "does not transfer", "cannot say"}
        Whether the interval lies above or below the threshold.
    reason : str
        Why there is no answer; empty if there is one.
    """

    share: float
    low: float
    high: float
    answer: str
    reason: str = ""


@dataclass(frozen=True)
class Calibration:
    """A line from scores to shares, fitted over pairs of tasks.

    Attributes
    ----------
    predictors : tuple of str
        The scores, in the order of `slopes`.
    intercept : float
    slopes : float64 (predictor,)
    residuals : float64 (residual,)
        Distances from the line on tasks left out of the fit; two for each pair of tasks.
    freedom : float
        Degrees of freedom with which the tasks determine their mean square.
    lowest, highest : float64 (predictor,)
        Range of the scores.
    tasks, pairs : int
    """

    predictors: tuple[str, ...]
    intercept: float
    slopes: Array
    residuals: Array
    freedom: float
    lowest: Array
    highest: Array
    tasks: int
    pairs: int

    def predict(self, scores: Array) -> Array:
        """Return the shares (ticket,) that `scores` (ticket, predictor) promise."""
        return np.asarray(self.intercept + np.asarray(scores, dtype=float) @ self.slopes)

    def half_width(self, level: float) -> float:
        """Return half the width of the interval of one new ticket on a new task."""
        widened = half_width(1.0, self.freedom, level) / special.ndtri(0.5 + level / 2)
        return float(np.quantile(self.residuals, level) * widened)

    def forecast(self, scores: Array, level: float = 0.9, threshold: float = 0.5) -> Forecast:
        """Return the forecast for one ticket with `scores` (predictor,)."""
        values = np.asarray(scores, dtype=float)
        share, half = float(self.predict(values[None])[0]), self.half_width(level)
        low, high = share - half, share + half
        outside = ~((values >= self.lowest) & (values <= self.highest))
        if outside.any():
            name = self.predictors[int(np.argmax(outside))]
            return Forecast(share, low, high, CANNOT_SAY, f"{name} lies outside the calibrated range")
        if low > threshold:
            return Forecast(share, low, high, TRANSFERS)
        if high < threshold:
            return Forecast(share, low, high, STAYS)
        return Forecast(share, low, high, CANNOT_SAY, f"the interval holds the threshold, {threshold:g}")


def calibrate(pairs: pd.DataFrame, predictors: Sequence[str]) -> Calibration:
    """Return the calibration of a table of pairs.

    Parameters
    ----------
    pairs : DataFrame
        One row per ordered pair of tasks: source, target, transfer, and a column per predictor. Rows
        with a missing value are left out.
    predictors : sequence of str

    Raises
    ------
    KoopflowError
        For fewer than `FEWEST_TASKS` tasks.
    """
    pairs = pairs.dropna(subset=["transfer", *predictors])
    tasks = sorted({*pairs["source"], *pairs["target"]})
    if len(tasks) < FEWEST_TASKS:
        raise KoopflowError(
            f"a calibration of transfer needs at least {FEWEST_TASKS} tasks with a gain to share (got {len(tasks)})"
        )
    x, y = pairs[list(predictors)].to_numpy(dtype=float), pairs["transfer"].to_numpy(dtype=float)
    place = {task: number for number, task in enumerate(tasks)}
    ends = np.array([[place[source], place[target]] for source, target in zip(pairs["source"], pairs["target"])])
    residuals = np.zeros((2, len(y)))  # of each pair: once without its source, once without its target
    for task in range(len(tasks)):
        line = _line(x[(ends != task).all(axis=1)], y[(ends != task).all(axis=1)])
        for end in range(2):
            touched = ends[:, end] == task
            residuals[end, touched] = np.abs(y[touched] - _predict(line, x[touched]))
    line = _line(x, y)
    return Calibration(
        tuple(predictors),
        float(line[0]),
        line[1:],
        residuals.ravel(),
        _freedom((residuals**2).mean(axis=0), ends, len(tasks)),
        x.min(axis=0),
        x.max(axis=0),
        len(tasks),
        len(y),
    )


def pairs_of(table: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame:
    """Return the chosen density's rows of ``tickets/predictors.csv`` of one model, one row per pair
    with a column per predictor."""
    at = table[(table["chosen"] == "yes") & table["predictor"].isin(list(predictors))]
    keys = ["source", "target"]
    wide = at.pivot_table(index=keys, columns="predictor", values="score", sort=False)
    wide = wide.reindex(columns=list(predictors))  # a predictor without any score has no column
    shares = at.drop_duplicates(keys).set_index(keys)["transfer"]
    return wide.assign(transfer=shares).reset_index()


def forecasts_table(
    table: pd.DataFrame, predictors: Sequence[str], cost: float, level: float, threshold: float
) -> pd.DataFrame:
    """Return the forecast of every ticket and task, each from a calibration that has not seen the
    task.

    Parameters
    ----------
    table : DataFrame
        Rows of ``tickets/predictors.csv`` of one model.
    predictors : sequence of str
        Those that need no rounds on the target.
    cost : float
        Their cost for one ticket, as a share of the cost of training it.
    level, threshold : float
        Of the interval and of the answer.

    Returns
    -------
    DataFrame
        `koopflow.io.columns.TICKET_FORECASTS`; ``left_out`` is the task that the calibration lacks,
        the target or the source.
    """
    pairs = pairs_of(table, predictors)
    density, model = table.loc[table["chosen"] == "yes", ["density", "model"]].iloc[0]
    rows: list[tuple[Any, ...]] = []
    for task in dict.fromkeys([*pairs["source"], *pairs["target"]]):
        touched = (pairs["source"] == task) | (pairs["target"] == task)
        try:
            calibration = calibrate(pairs[~touched], predictors)
        except KoopflowError:
            return pd.DataFrame(columns=list(TICKET_FORECASTS))
        for each in pairs[touched].to_dict("records"):
            found = calibration.forecast(np.array([each[name] for name in predictors]), level, threshold)
            measured = each["transfer"]
            inside = "" if np.isnan(measured) else "yes" if found.low <= measured <= found.high else "no"
            told = (model, each["source"], each["target"], density, found.share, found.low, found.high, found.answer)
            rows.append((*told, measured, inside, task, cost, level, threshold))
    return pd.DataFrame(rows, columns=list(TICKET_FORECASTS))


def coverage(forecasts: pd.DataFrame) -> tuple[float, float, int]:
    """Return the share of measured transfers inside their intervals, its standard error over left-out
    tasks, and the number of these tasks."""
    known = forecasts[forecasts["inside"].isin(["yes", "no"])]
    by_task = (known["inside"] == "yes").groupby(known["left_out"]).mean()
    count = len(by_task)
    error = float(by_task.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return float(by_task.mean()), error, count


def right_answers(forecasts: pd.DataFrame, answer: str) -> tuple[int, int]:
    """Return how many forecasts with this answer were right, and how many had it; of tickets whose
    transfer was measured."""
    known = forecasts[forecasts["inside"].isin(["yes", "no"]) & (forecasts["answer"] == answer)]
    above = known["transfer"] > known["threshold"]
    return int((above if answer == TRANSFERS else ~above).sum()), len(known)


def _line(x: Array, y: Array) -> Array:
    """Return intercept and slopes of the least-squares fit."""
    return np.asarray(np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y, rcond=None)[0])


def _predict(line: Array, x: Array) -> Array:
    return np.asarray(line[0] + x @ line[1:])


def _freedom(squares: Array, ends: NDArray[np.int64], tasks: int) -> float:
    """Return the degrees of freedom of a mean over pairs, from its jackknife over tasks; between 1
    and `MOST_FREEDOM`."""
    without = np.array([squares[(ends != task).all(axis=1)].mean() for task in range(tasks)])
    variance = (tasks - 1) / tasks * ((without - without.mean()) ** 2).sum()
    return float(np.clip(2 * squares.mean() ** 2 / variance if variance > 0 else MOST_FREEDOM, 1.0, MOST_FREEDOM))
