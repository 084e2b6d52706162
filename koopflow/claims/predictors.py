"""Measures on what tells a ticket's transfer before it is tried."""

import pandas as pd

from koopflow.claims.estimate import Estimate, Undecided, over_units
from koopflow.claims.measures import measure
from koopflow.claims.tables import Choice, Tables, pick
from koopflow.core.intervals import FRACTION
from koopflow.rg.universality import mantel
from koopflow.tickets.predictors.judging import matrix_of

PREDICTORS = "tickets/predictors.csv"
TESTS = "tickets/predictor_tests.csv"
FORECASTS = "tickets/will_transfer.csv"


@measure(
    "rank correlation, over ordered pairs of tasks, of a predictor with the share of a ticket's gain that transfers"
)
def predictor_correlation(tables: Tables, level: float, predictor: str, model: Choice = None) -> Estimate:
    """Return Spearman's ρ at the density whose transfer is the most reliable, jackknifed over tasks.

    Intervals of registered predictors hold together: their level is adjusted for their number
    (Bonferroni).

    Parameters
    ----------
    predictor : str
        A name in ``tickets/predictors.csv``.
    """
    frame = pick(tables.read(PREDICTORS), PREDICTORS, model=model, predictor=predictor)
    frame = frame[frame["chosen"] == "yes"]
    networks = sorted(frame["model"].unique())
    if len(networks) > 1:
        raise Undecided(f"{PREDICTORS} has several networks ({', '.join(networks)}); set model")
    model_here = frame["model"].iloc[0]
    tests = pick(tables.read(TESTS), TESTS, model=model_here, predictor=predictor)
    if (tests["decision"] == "transfer is not reliable enough to decide").any():
        raise Undecided("transfer is not reliable enough between halves of the seeds to decide")
    tasks = sorted({*frame["source"], *frame["target"]})
    if len(tasks) < 4:
        raise Undecided(f"{len(tasks)} tasks; a relation over their pairs needs at least 4")
    of = tables.read(PREDICTORS)
    registered = of[(of["model"] == model_here) & (of["registered"] == "yes")]["predictor"].nunique()
    if frame["registered"].iloc[0] == "yes":
        level = 1 - (1 - level) / registered
    found = mantel(matrix_of(frame, "transfer", tasks), matrix_of(frame, "score", tasks), confidence=level)
    return Estimate(found.correlation, found.ci_low, found.ci_high, found.items, "tasks")


@measure("share of measured transfers inside the intervals that were predicted without their task")
def forecast_coverage(tables: Tables, level: float, model: Choice = None) -> Estimate:
    """Return the coverage of `kf.will_transfer`'s intervals, each task left out in turn."""
    frame = pick(tables.read(FORECASTS), FORECASTS, model=model)
    known = frame[frame["inside"].isin(["yes", "no"])]
    return over_units((known["inside"] == "yes").groupby(known["left_out"]).mean(), level, "tasks left out", FRACTION)


@measure("share of the answers 'transfers' and 'does not transfer' that are right")
def answers_right(tables: Tables, level: float, model: Choice = None) -> Estimate:
    """Return the accuracy of `kf.will_transfer` where it gives an answer, each task left out in
    turn."""
    frame = pick(tables.read(FORECASTS), FORECASTS, model=model)
    told = frame[frame["answer"].isin(["transfers", "does not transfer"]) & frame["transfer"].notna()]
    if told.empty:
        raise Undecided("no ticket had an answer")
    right = (told["transfer"] > told["threshold"]) == (told["answer"] == "transfers")
    return over_units(pd.Series(right).groupby(told["left_out"]).mean(), level, "tasks left out", FRACTION)
