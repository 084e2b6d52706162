"""Predictors that train a ticket for a few steps on the target."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from koopflow.tickets import training
from koopflow.tickets.predictors.declared import STEP, Candidates, predictor

SCORED = 1000
"""Most training images on which accuracy is measured."""


@predictor(passes=lambda candidates: _passes(candidates, 10))
def accuracy_after_10_steps(candidates: Candidates) -> NDArray[np.float64]:
    """Return the accuracy on training images after 10 steps."""
    return accuracy_after(candidates, 10)


@predictor(passes=lambda candidates: _passes(candidates, 20))
def accuracy_after_20_steps(candidates: Candidates) -> NDArray[np.float64]:
    """Return the accuracy on training images after 20 steps."""
    return accuracy_after(candidates, 20)


def accuracy_after(candidates: Candidates, steps: int) -> NDArray[np.float64]:
    """Return the accuracy on at most `SCORED` training images after `steps` steps, (row,).

    Test images stay unseen, since transfer is scored on them. A schedule that depends on the number
    of steps runs through in these few.
    """
    images, last = candidates.images, candidates.first_step + steps
    seen = replace(images, x_test=images.x_train[:SCORED], y_test=images.y_train[:SCORED])
    setup = replace(candidates.setup, steps=min(last, candidates.setup.steps), checkpoints=None)
    return training.train(
        setup, seen, candidates.rows, candidates.seed, candidates.stream, candidates.first_step
    ).accuracy


def _passes(candidates: Candidates, steps: int) -> float:
    scored = min(SCORED, len(candidates.images.x_train))
    return STEP * candidates.setup.batch_size * steps + scored
