"""A training in progress: the state that a checkpoint holds, a step, and the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.config.training import OptimizerSettings
from koopflow.training import optimizers
from koopflow.training.checkpoint import State
from koopflow.training.engines.contract import DescendingEngine
from koopflow.training.layout import Layout
from koopflow.training.replicas import Replicas

EXPLOSION = 1.0e6
"""A loss above this counts as divergence, like NaN."""


@dataclass
class Trained:
    """The result of a training. Rows of diverged replicas are NaN from their divergence on.

    Attributes
    ----------
    layout, buffer_layout : Layout
        Names and shapes behind the columns of weights and buffers.
    replicas : list of str
        ``group`` or ``group/copy``.
    weights : float32 (replica, parameter), buffers : float32 (replica, buffer)
        After the last step; buffers are the running statistics of batch normalization (no column if
        there are none).
    loss : float32 (replica, step)
        Mean loss on the batch of each step from the first to ``steps``, before that step's update;
        the last one is on the batch that would follow.
    accuracy : dict of step to float64 (replica,)
        On the test images, at the requested steps and at the end.
    kept : dict of step to (weights, buffers)
        At the requested steps (rewind points): step s is after s updates.
    curves : dict of step to float64 (quantity, replica)
        Loss, accuracy and weight norm at the steps of `koopflow.training.curves.Curves`.
    diverged : dict of replica name to step
        First step whose loss was NaN, infinite or above `EXPLOSION`.
    """

    layout: Layout
    buffer_layout: Layout
    replicas: list[str]
    weights: NDArray[np.float32]
    buffers: NDArray[np.float32]
    loss: NDArray[np.float32]
    accuracy: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    kept: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = field(default_factory=dict)
    diverged: dict[str, int] = field(default_factory=dict)
    curves: dict[int, NDArray[np.float64]] = field(default_factory=dict)


class Run:
    """The state of one training.

    Attributes
    ----------
    replicas : Replicas
    steps, first, step : int
        Length of the training, its first step, and its current step.
    mask : tensor of float32, (replicas × parameters,), optional
        Weights outside are zero and stay zero.
    accuracy, kept, curves, diverged
        As in `Trained`; hooks write the first three.
    """

    def __init__(self, replicas: Replicas, optimizer: OptimizerSettings, steps: int, first: int, names: Sequence[str]):
        self.replicas, self.steps, self.first, self.step = replicas, steps, first, first
        self.mask: torch.Tensor | None = None
        self._names = list(names)
        self._rate = optimizers.schedule(optimizer, steps)
        self._decay = float(optimizer.weight_decay)
        self._fused = optimizers.is_plain_descent(optimizer)
        self._optimizer = optimizers.build(optimizer, replicas.weights.flat)
        replicas.weights.flat.grad = replicas.gradients.flat
        self._loss = np.full((len(names), steps + 1 - first), np.nan, dtype=np.float32)
        self.kept: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        self.accuracy: dict[int, NDArray[np.float64]] = {}
        self.curves: dict[int, NDArray[np.float64]] = {}
        self.diverged: dict[str, int] = {}

    def advance(self, x: torch.Tensor, y: torch.Tensor) -> NDArray[np.float32]:
        """Do one update (none after the last step); return the losses (replica,) before it, NaN for
        diverged replicas."""
        step, replicas, engine = self.step, self.replicas, self.replicas.engine
        frozen = replicas.frozen()
        if step == self.steps:
            before = replicas.buffers.flat.clone()
            found = engine.gradient(x, y, step)
            replicas.buffers.flat.copy_(before)  # only the loss is needed: running statistics stay
        elif self._fused and isinstance(engine, DescendingEngine):
            found = engine.descend(x, y, self._rate(step), self._decay)
            if self.mask is not None:
                replicas.weights.flat.mul_(self.mask)
        else:
            found = engine.gradient(x, y, step)
            if self.mask is not None:
                # A weight that starts at zero and never sees a gradient stays exactly zero under
                # momentum and Adam too.
                replicas.gradients.flat.mul_(self.mask)
            for name in frozen:
                replicas.gradients.views[name].zero_()
            for group in self._optimizer.param_groups:
                group["lr"] = self._rate(step)
            self._optimizer.step()
        for name, values in frozen.items():
            replicas.weights.views[name].copy_(values)  # weight decay moves weights without a gradient too
        losses: NDArray[np.float32] = found.cpu().numpy().copy()
        sound = losses <= EXPLOSION  # False for NaN
        if not sound.all():
            self._exclude(np.flatnonzero(~sound), losses)
        self._loss[:, step - self.first] = losses
        self.step += 1
        return losses

    def _exclude(self, indices: NDArray[np.intp], losses: NDArray[np.float32]) -> None:
        losses[indices] = np.nan
        for index in indices:
            if self._names[index] not in self.diverged:
                self.diverged[self._names[index]] = self.step
                for stack in (self.replicas.weights, self.replicas.buffers):
                    for view in stack.views.values():
                        view[index] = torch.nan

    def state(self) -> State:
        """Return all that is needed to continue with the update of the current step."""
        return {
            "step": self.step,
            "weights": self.replicas.weights.flat,
            "buffers": self.replicas.buffers.flat,
            "optimizer": self._optimizer.state_dict(),
            "loss": torch.from_numpy(self._loss),
            "kept": {step: [torch.from_numpy(array) for array in pair] for step, pair in self.kept.items()},
            "accuracy": {step: torch.from_numpy(array) for step, array in self.accuracy.items()},
            "curves": {step: torch.from_numpy(array) for step, array in self.curves.items()},
            "diverged": dict(self.diverged),
        }

    def restore(self, state: State) -> None:
        """Restore a state that `state` returned."""
        self.step = state["step"]
        self.replicas.weights.flat.copy_(state["weights"])
        self.replicas.buffers.flat.copy_(state["buffers"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._loss = state["loss"].numpy().copy()
        self.kept = {step: (weights.numpy(), buffers.numpy()) for step, (weights, buffers) in state["kept"].items()}
        self.accuracy = {step: tensor.numpy() for step, tensor in state["accuracy"].items()}
        self.curves = {step: tensor.numpy() for step, tensor in state["curves"].items()}
        self.diverged = dict(state["diverged"])

    def result(self) -> Trained:
        """Return the result of the training at the current step."""
        weights, buffers = self.replicas.weights.rows(), self.replicas.buffers.rows()
        layouts = self.replicas.layout, self.replicas.buffer_layout
        return Trained(
            *layouts,
            list(self._names),
            weights,
            buffers,
            self._loss,
            accuracy=self.accuracy,
            kept=self.kept,
            diverged=self.diverged,
            curves=self.curves,
        )
