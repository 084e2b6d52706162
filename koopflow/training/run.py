"""One training on its way: the state that a checkpoint holds, one step of it, and what it leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from koopflow.training import optimizers
from koopflow.training.layout import Layout
from koopflow.training.replicas import Replicas


@dataclass
class Trained:
    """What training leaves behind. Rows of diverged replicas are NaN from their divergence on.

    Attributes
    ----------
    layout, buffer_layout : Layout
        Names and shapes behind the columns of weights and buffers.
    replicas : list of str
        ``group`` or ``group/copy``.
    weights : float32 (replica, parameter), buffers : float32 (replica, buffer)
        After the last step; buffers are batch normalization's running statistics (no column where there are none).
    loss : float32 (replica, step)
        Mean loss of the batch of each step first_step … steps, before that step's update; the last one is of the batch
        that would follow.
    accuracy : dict of step to float64 (replica,)
        On the test images, at the steps asked for and at the end.
    kept : dict of step to (weights, buffers)
        At the steps asked for (rewind points), after so many updates.
    diverged : dict of replica name to step
        First step whose loss was NaN, infinite or above the explosion limit.
    """

    layout: Layout
    buffer_layout: Layout
    replicas: list[str]
    weights: np.ndarray
    buffers: np.ndarray
    loss: np.ndarray
    accuracy: dict[int, np.ndarray] = field(default_factory=dict)
    kept: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    diverged: dict[str, int] = field(default_factory=dict)


class Run:
    """The state of one training: what a checkpoint holds and what the result is made of."""

    def __init__(self, replicas: Replicas, optimizer: Mapping, mask, steps: int, first: int, names: list[str], explosion: float):
        self.replicas, self.steps, self.first, self.step = replicas, steps, first, first
        self._names, self._explosion, self._mask = names, explosion, mask
        self._rate = optimizers.schedule(optimizer, steps)
        self._decay = float(optimizer.get("weight_decay", 0.0))
        # Plain descent of an MLP is part of the matrix product that would make the gradient.
        self._fused = replicas.method == "matrix" and optimizers.is_plain_descent(optimizer)
        self._optimizer = optimizers.build(optimizer, replicas.weights.flat)
        replicas.weights.flat.grad = replicas.gradients.flat
        self._loss = np.full((len(names), steps + 1 - first), np.nan, dtype=np.float32)
        self.kept: dict = {}
        self.accuracy: dict = {}
        self.diverged: dict[str, int] = {}

    def advance(self, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        """Do one update (none after the last step); return the losses (replica,) before it, NaN for diverged replicas."""
        step, replicas = self.step, self.replicas
        if step == self.steps:
            before = replicas.buffers.flat.clone()
            losses = replicas.engine.gradient(x, y, step)
            replicas.buffers.flat.copy_(before)  # only a look at the loss: running statistics stay
        elif self._fused:
            losses = replicas.engine.descend(x, y, self._rate(step), self._decay)
            if self._mask is not None:
                replicas.weights.flat.mul_(self._mask)
        else:
            losses = replicas.engine.gradient(x, y, step)
            if self._mask is not None:
                # A weight that starts at zero and never sees a gradient stays exactly zero under momentum and Adam too.
                replicas.gradients.flat.mul_(self._mask)
            for group in self._optimizer.param_groups:
                group["lr"] = self._rate(step)
            self._optimizer.step()
        losses = losses.cpu().numpy().copy()
        sound = losses <= self._explosion  # False for NaN
        if not sound.all():
            self._exclude(np.flatnonzero(~sound), losses)
        self._loss[:, step - self.first] = losses
        self.step += 1
        return losses

    def _exclude(self, indices: np.ndarray, losses: np.ndarray) -> None:
        losses[indices] = np.nan
        for index in indices:
            if self._names[index] not in self.diverged:
                self.diverged[self._names[index]] = self.step
                for stack in (self.replicas.weights, self.replicas.buffers):
                    for view in stack.views.values():
                        view[index] = torch.nan

    def state(self, captured: int) -> dict:
        """Return everything to go on from, before the update of the present step."""
        return {
            "step": self.step,
            "captured": captured,
            "weights": self.replicas.weights.flat,
            "buffers": self.replicas.buffers.flat,
            "optimizer": self._optimizer.state_dict(),
            "loss": torch.from_numpy(self._loss),
            "kept": {step: [torch.from_numpy(array) for array in pair] for step, pair in self.kept.items()},
            "accuracy": {step: torch.from_numpy(array) for step, array in self.accuracy.items()},
            "diverged": dict(self.diverged),
        }

    def restore(self, state: dict) -> None:
        """Go back to a saved state."""
        self.step = state["step"]
        self.replicas.weights.flat.copy_(state["weights"])
        self.replicas.buffers.flat.copy_(state["buffers"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._loss = state["loss"].numpy().copy()
        self.kept = {step: tuple(tensor.numpy() for tensor in pair) for step, pair in state["kept"].items()}
        self.accuracy = {step: tensor.numpy() for step, tensor in state["accuracy"].items()}
        self.diverged = dict(state["diverged"])

    def result(self) -> Trained:
        weights, buffers = self.replicas.weights.rows(), self.replicas.buffers.rows()
        layouts = self.replicas.layout, self.replicas.buffer_layout
        return Trained(*layouts, list(self._names), weights, buffers, self._loss, self.accuracy, self.kept, self.diverged)
