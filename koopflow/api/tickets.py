"""Winning tickets: `iterative_pruning`, and whether a ticket transfers (`will_transfer`)."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.config.training import TrainingSetup
from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.tickets.chain import Chain
from koopflow.tickets.chain import Ticket as ChainTicket
from koopflow.tickets.imp import run_chain
from koopflow.tickets.plan import ChainPlan
from koopflow.tickets.predictors.answer import Answer, answer
from koopflow.tickets.training import Setup
from koopflow.training.recipe import Recipe

Ticket: TypeAlias = ChainTicket | tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.bool_]]]
"""Rewind weights and masks by name, each of shape (seed, ...)."""


def iterative_pruning(
    setup: TrainingSetup | Recipe | Mapping[str, Any],
    images: Images,
    rounds: int = 15,
    *,
    seeds: int = 3,
    fraction: float = 0.2,
    scope: Literal["global", "layer"] = "global",
    rewind_step: int = 0,
    seed: int = 0,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    checkpoints: str | PathLike[str] | None = None,
) -> Chain:
    """Return the chain of tickets of iterative magnitude pruning (Frankle & Carbin 2019).

    >>> import koopflow as kf
    >>> from koopflow.data import images
    >>> digits = images.load({"source": "digits", "train_size": 100, "test_size": 50})
    >>> network = {"name": "mlp", "widths": [8], "bias": False}
    >>> setup = {"model": network, "optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 20, "steps": 10}
    >>> chain = kf.iterative_pruning(setup, digits, rounds=6, seeds=2)
    >>> chain.densities().round(2)
    array([1.  , 0.8 , 0.64, 0.51, 0.41, 0.33])
    >>> chain.exponents().layer.tolist()
    ['layer1.weight', 'output.weight']

    Parameters
    ----------
    setup : mapping, TrainingSetup or Recipe
        Training in each round: model, optimizer, batch_size and steps.
    images : Images
        From `koopflow.data.images.load`.
    rounds : int
        Number of rounds, including the dense round 0.
    seeds : int
        Number of independent networks, trained as one ensemble; intervals are over seeds.
    fraction, scope, rewind_step, seed
        See `koopflow.tickets.plan.ChainPlan`.
    device : {"auto", "cpu", "cuda"}
    checkpoints : path, optional
        Folder that stores every round, so that a later call resumes or extends the chain.

    Returns
    -------
    Chain
        With ``exponents()``, ``ticket(round)``, ``accuracy`` and ``densities()``.

    Raises
    ------
    KoopflowError
        For an invalid set-up or plan, or if every seed diverges.
    """
    _check_images(images, "iterative_pruning")
    if checkpoints is not None and Path(checkpoints).is_file():
        raise KoopflowError(f"iterative_pruning: checkpoints must be a folder (got the file {checkpoints})")
    rounds = arguments.whole(rounds, "rounds", 1)
    plan = _plan(images.name, seeds, fraction, scope, rewind_step, seed)
    recipe = Recipe.load(setup)
    trained = Setup(recipe.model, recipe.optimizer, recipe.batch_size, recipe.steps, device)
    return run_chain(trained, images, plan, rounds, checkpoints=None if checkpoints is None else str(checkpoints))


def will_transfer(
    ticket: Ticket,
    images: Images,
    *,
    setup: TrainingSetup | Recipe | Mapping[str, Any] | None = None,
    calibration: str | PathLike[str] | pd.DataFrame | None = None,
    level: float = 0.9,
    threshold: float = 0.5,
    seed: int = 0,
) -> Answer:
    """Predict, before training, what share of a ticket's gain will transfer to other images.

    0 is the accuracy of a random mask, 1 that of the task's own ticket. The prediction rests on
    cheap scores of the ticket on the training images (a probe of the untrained network, 20 steps of
    training) and on a calibration: how these scores went with transfer between other tasks. Its
    interval has tasks as units. The answer is "cannot say" where the interval holds the threshold,
    where scores lie outside those of the calibration, and where the calibration is missing or of
    another network or density.

    >>> import koopflow as kf
    >>> from koopflow.data import images
    >>> digits = images.load({"source": "digits", "train_size": 100, "test_size": 50})
    >>> setup = {"model": {"name": "mlp", "widths": [8], "bias": False}, "batch_size": 20, "steps": 10}
    >>> setup |= {"optimizer": {"name": "sgd", "learning_rate": 0.1}}
    >>> ticket = kf.iterative_pruning(setup, digits, rounds=3, seeds=2).ticket(2)
    >>> kf.will_transfer(ticket, digits, calibration="nowhere.csv").answer
    'cannot say'

    Parameters
    ----------
    ticket : (weights, masks)
        From ``chain.ticket(round)``: arrays (seed, ...) by name. Scores are averaged over seeds.
    images : Images
        Those of the other task; only training images are read.
    setup : mapping, TrainingSetup or Recipe, optional
        How the other task will be trained; by default as the ticket's own task was.
    calibration : path or DataFrame, optional
        The table ``tickets/predictors.csv`` of a study of this network; by default under results.
    level, threshold : float
        Level of the interval; share of the gain above which a ticket transfers.
    seed : int
        The run's seed, for the batches of the 20 steps.

    Returns
    -------
    Answer
        answer, share, low, high, reason, scores, and cost as a share of that of training; of the answers of
        this kind on tasks left out of the calibration, how many were right.

    Raises
    ------
    KoopflowError
        For a ticket that does not fit the network or the images, or a table without the columns.
    """
    _check_images(images, "will_transfer")
    arguments.share(level, "level")
    arguments.share(threshold, "threshold")
    recipe = None if setup is None else Recipe.load(setup)
    return answer(ticket, images, recipe, calibration, level, threshold, arguments.whole(seed, "seed"))


def _check_images(images: object, name: str) -> None:
    """Raise a KoopflowError unless these are images as a function called `name` needs them."""
    if not isinstance(images, Images):
        raise KoopflowError(f"{name}: images must come from koopflow.data.images.load (got {type(images).__name__})")


def _plan(task: str, seeds: int, fraction: float, scope: str, rewind_step: int, seed: int) -> ChainPlan:
    """Return the plan of a chain; raise a KoopflowError for a number that is none, or out of range."""
    share, first = arguments.share(fraction, "fraction"), arguments.whole(rewind_step, "rewind_step")
    seeds, seed = arguments.whole(seeds, "seeds", 1), arguments.whole(seed, "seed")
    return ChainPlan(task, seeds, share, scope, rewind_step=first, seed=seed)
