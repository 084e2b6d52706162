"""Will this ticket transfer? The answer for one ticket and one set of images."""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.io.columns import TICKET_PREDICTORS
from koopflow.io.tables import read_csv
from koopflow.tickets.predictors.calibration import (
    CANNOT_SAY,
    Forecast,
    calibrate,
    forecasts_table,
    pairs_of,
    right_answers,
)
from koopflow.tickets.predictors.declared import Candidates, Predictor, cost_of_training, load_predictor
from koopflow.tickets.training import Rows, Setup, prunable
from koopflow.training.recipe import Recipe
from koopflow.training.replicas import Replicas

DEFAULT = Path("results/tickets/predictors.csv")
NEAR = 1.25
"""A calibration serves tickets whose density differs from its own by at most this factor."""


@dataclass(frozen=True)
class Answer:
    """What is known of a ticket's transfer before it is tried.

    Attributes
    ----------
    answer : {"transfers", "does not transfer", "cannot say"}
    share, low, high : float
        Predicted share of the gain, with its interval; NaN without a calibration.
    reason : str
        Why it cannot be said; empty otherwise.
    scores : dict of str to float
        The predictors' scores, averaged over seeds.
    cost : float
        Cost of the scores as a share of the cost of training the ticket, both in forward passes.
    tasks : int
        Number of tasks of the calibration.
    right, told : int
        How many answers of this kind were right for the calibration's own tickets, and how many there
        were, each from a calibration without the task.
    """

    answer: str
    share: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    reason: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    cost: float = 0.0
    tasks: int = 0
    right: int = 0
    told: int = 0

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        share = "" if np.isnan(self.share) else f": {self.share:.2f} [{self.low:.2f}, {self.high:.2f}] of the gain"
        before = f"; {self.right} of {self.told} such answers on tasks left out were right" if self.told else ""
        return f"{self.answer}{why}{share}{before}"


def answer(
    ticket: Any,
    images: Images,
    recipe: Recipe | None,
    calibration: pd.DataFrame | str | PathLike[str] | None,
    level: float,
    threshold: float,
    seed: int,
) -> Answer:
    """Return the answer; see `koopflow.api.tickets.will_transfer`."""
    if not (isinstance(ticket, tuple) and len(ticket) >= 2 and all(isinstance(part, dict) for part in ticket[:2])):
        raise KoopflowError(
            f"will_transfer: ticket must be weights and masks, from chain.ticket(round) (got {type(ticket).__name__})"
        )
    weights, masks = ticket[:2]
    setup = _setup(ticket, recipe)
    _check(weights, masks, setup, images)
    table = _table(calibration)
    if isinstance(table, str):
        return Answer(CANNOT_SAY, reason=table)
    network = setup.model.label
    table = table[(table["model"] == network) & (table["registered"] == "yes") & (table["chosen"] == "yes")]
    if table.empty:
        return Answer(CANNOT_SAY, reason=f"the calibration has no tickets of {network}")
    density = sum(float(mask.sum()) for mask in masks.values()) / sum(mask.size for mask in masks.values())
    calibrated = float(table["density"].iloc[0])
    if not 1 / NEAR <= density / calibrated <= NEAR:
        reason = f"the calibration is for a density of {calibrated:.3g}, the ticket's is {density:.3g}"
        return Answer(CANNOT_SAY, reason=reason)
    found = [load_predictor(str(name)) for name in table["predictor"].unique()]
    predictors = [each for each in found if not each.needs]
    if not predictors:
        return Answer(CANNOT_SAY, reason="every registered predictor of the calibration needs the task's own rounds")
    return _told(predictors, _candidates(ticket, setup, images, seed), table, level, threshold)


def _told(
    predictors: list[Predictor], candidates: Candidates, table: pd.DataFrame, level: float, threshold: float
) -> Answer:
    """Return the answer from the scores of one ticket and a calibration that serves it."""
    scores = {each.name: float(np.mean(each.scores(candidates))) for each in predictors}
    passes = sum(float(each.passes(candidates)) for each in predictors)
    cost = passes / cost_of_training(candidates.setup, candidates.first_step)
    try:
        fitted = calibrate(pairs_of(table, list(scores)), list(scores))
    except KoopflowError as error:
        return Answer(CANNOT_SAY, reason=str(error), scores=scores, cost=cost)
    told: Forecast = fitted.forecast(np.array(list(scores.values())), level, threshold)
    before = (0, 0)
    if told.answer != CANNOT_SAY:
        before = right_answers(forecasts_table(table, list(scores), cost, level, threshold), told.answer)
    return Answer(told.answer, told.share, told.low, told.high, told.reason, scores, cost, fitted.tasks, *before)


def _setup(ticket: Any, recipe: Recipe | None) -> Setup:
    if recipe is None:
        origin = getattr(ticket, "origin", None)
        if origin is None:
            raise KoopflowError(
                "will_transfer: the ticket does not know how it was trained; pass setup=, with model, optimizer, "
                "batch_size and steps"
            )
        recipe = Recipe.load(origin.setup)
    return Setup(recipe.model, recipe.optimizer, recipe.batch_size, recipe.steps, "cpu")


def _check(weights: dict[str, NDArray[Any]], masks: dict[str, NDArray[Any]], setup: Setup, images: Images) -> None:
    """Raise a KoopflowError unless the ticket fits the network for these images."""
    net = Replicas(setup.model, images.shape, images.classes, 1, device="cpu")
    expected = dict(zip([*net.layout.names, *net.buffer_layout.names], [*net.layout.shapes, *net.buffer_layout.shapes]))
    for name, shape in expected.items():
        given = weights[name].shape[1:] if name in weights else "absent"
        if given != tuple(shape):
            raise KoopflowError(
                f"will_transfer: {name} must have shape {tuple(shape)} after the seeds, for {setup.model.label} on "
                f"{images.name} (got {given})"
            )
    for name in prunable(weights):
        if name not in masks or masks[name].shape != weights[name].shape:
            raise KoopflowError(f"will_transfer: {name} needs a mask of shape {weights[name].shape}")


def _table(calibration: pd.DataFrame | str | PathLike[str] | None) -> pd.DataFrame | str:
    """Return the table of a calibration, or the reason why there is none."""
    if isinstance(calibration, pd.DataFrame):
        return _columns_of(calibration)
    if not isinstance(calibration, str | PathLike | None):
        raise KoopflowError(f"will_transfer: calibration must be a table or a path (got {type(calibration).__name__})")
    path = DEFAULT if calibration is None else Path(calibration)
    if not path.is_file():
        return f"there is no calibration {path}; snakemake tickets makes one"
    return read_csv(path, TICKET_PREDICTORS)


def _columns_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a calibration; raise a KoopflowError if it lacks a column, or one of numbers has
    others."""
    for column in TICKET_PREDICTORS:
        if column not in table:
            raise KoopflowError(f"will_transfer: the calibration must have a column {column!r}")
    for column in ("density", "score", "transfer"):
        if len(table) and not pd.api.types.is_numeric_dtype(table[column]):
            raise KoopflowError(f"will_transfer: column {column!r} of the calibration must hold numbers")
    if (table["density"] <= 0).any():
        raise KoopflowError(
            f"will_transfer: densities of the calibration must be positive (got {table['density'].min():g})"
        )
    return table


def _candidates(ticket: Any, setup: Setup, images: Images, seed: int) -> Candidates:
    weights, masks = ticket
    count = len(next(iter(weights.values())))
    origin = getattr(ticket, "origin", None)
    first = 0 if origin is None else int(origin.rewind_step)
    return Candidates(setup, images, Rows(weights, masks, list(range(count))), [""] * count, seed, first_step=first)
