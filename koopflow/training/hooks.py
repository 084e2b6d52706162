"""Hooks: actions besides the updates of a training, such as keeping states, measuring accuracy,
reporting progress.

The trainer calls every hook at every step, so its loop need not know what they do. To write one,
subclass `Hook` and define the methods that it needs.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training.run import Run


@dataclass(frozen=True)
class Context:
    """The training that a hook is attached to.

    Attributes
    ----------
    run : Run
        The training's state: its step, weights, losses and results.
    images : Images
    groups : sequence of str
        Names of the groups of replicas.
    about : dict
        Set-up, seeds and names, as plain values that JSON can hold.
    """

    run: Run
    images: Images
    groups: Sequence[str]
    about: dict[str, object]


class Hook:
    """The base of all hooks: every method does nothing.

    Methods are called in this order: `prepare`; `begin`; for each step `before` and `after`; then
    `close`, or `abandon` if the training ends early. State s is the one after s updates; the step
    after the last update only computes a loss.
    """

    def prepare(self, context: Context) -> None:
        """Check the hook against the training and raise a KoopflowError before anything is
        computed."""

    def identity(self) -> object:
        """Return what distinguishes a training with this hook from one without: part of the name of
        its checkpoint."""
        return None

    def begin(self, saved: int | None) -> None:
        """Start, or continue from the value that `saved` returned for the checkpoint from which the
        training resumes."""

    def before(self, run: Run) -> None:
        """Read the weights of step ``run.step``, before its update."""

    def after(self, run: Run, step: int, losses: NDArray[np.float32]) -> None:
        """Read the losses (replica,) of `step` before its update; NaN for diverged replicas."""

    def saved(self) -> int:
        """Flush all that the hook wrote to disk, and return the value from which `begin`
        continues."""
        return 0

    def close(self) -> None:
        """Finish: the training is complete."""

    def abandon(self) -> None:
        """Stop: the training ended early and may be resumed."""


class Keep(Hook):
    """Keeps weights and buffers of chosen steps, as rewind points, in ``Trained.kept``."""

    def __init__(self, steps: Collection[int]):
        self._steps = frozenset(steps)

    def prepare(self, context: Context) -> None:
        check_steps("keep", self._steps, context.run.steps)

    def identity(self) -> object:
        return ["keep", sorted(self._steps)]

    def before(self, run: Run) -> None:
        if run.step in self._steps:
            run.kept[run.step] = run.replicas.weights.rows(), run.replicas.buffers.rows()


class Evaluate(Hook):
    """Measures the test accuracy at chosen steps and at the end, in ``Trained.accuracy``."""

    def __init__(self, steps: Collection[int] = ()):
        self._steps = frozenset(steps)
        self._test: tuple[torch.Tensor, torch.Tensor] | None = None

    def prepare(self, context: Context) -> None:
        check_steps("evaluate", self._steps, context.run.steps)
        device = context.run.replicas.device
        self._test = (
            torch.from_numpy(context.images.x_test).to(device),
            torch.from_numpy(context.images.y_test).to(device),
        )

    def identity(self) -> object:
        return ["evaluate", sorted(self._steps)]

    def before(self, run: Run) -> None:
        if self._test is not None and (run.step in self._steps or run.step == run.steps):
            run.accuracy[run.step] = run.replicas.score(*self._test)[0]


class Progress(Hook):
    """Calls a function with the steps done and the steps to do."""

    def __init__(self, tell: Callable[[int, int], object]):
        self._tell = tell

    def after(self, run: Run, step: int, losses: NDArray[np.float32]) -> None:
        self._tell(step - run.first, run.steps - run.first)


def check_steps(key: str, asked: Collection[int], steps: int) -> None:
    """Raise a KoopflowError for `key` unless all steps `asked` for lie within a training of `steps`
    steps."""
    for step in asked:
        if not 0 <= step <= steps:
            raise KoopflowError(f"{key}: step {step} is outside the training's steps 0 to {steps}")
