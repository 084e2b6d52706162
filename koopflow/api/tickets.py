"""Winning tickets: `iterative_pruning`, and whether a ticket transfers (`will_transfer`)."""

from collections.abc import Mapping
from os import PathLike
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from koopflow.config.training import TrainingSetup
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.tickets.chain import Chain
from koopflow.tickets.imp import run_chain
from koopflow.tickets.plan import ChainPlan
from koopflow.tickets.training import Setup
from koopflow.training.recipe import Recipe

Ticket: TypeAlias = tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.bool_]]]
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
    if not isinstance(images, Images):
        raise KoopflowError(
            f"iterative_pruning: images must come from koopflow.data.images.load (got {type(images).__name__})"
        )
    recipe = Recipe.load(setup)
    trained = Setup(recipe.model, recipe.optimizer, recipe.batch_size, recipe.steps, device)
    plan = ChainPlan(images.name, seeds, fraction, scope, rewind_step=rewind_step, seed=seed)
    return run_chain(trained, images, plan, rounds, checkpoints=None if checkpoints is None else str(checkpoints))


def will_transfer(ticket: Ticket, images: Images) -> NoReturn:
    """Predict from a ticket alone whether it will train well on other images; not available yet.

    >>> import koopflow as kf
    >>> kf.will_transfer(None, None)
    Traceback (most recent call last):
    NotImplementedError: will_transfer is not available yet; train the ticket to find out

    Parameters
    ----------
    ticket : (weights, masks)
        From ``chain.ticket(round)``.
    images : Images
        Images of the other task.

    Raises
    ------
    NotImplementedError
        Always.
    """
    raise NotImplementedError("will_transfer is not available yet; train the ticket to find out")
