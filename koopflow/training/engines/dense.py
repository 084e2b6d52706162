"""Dense chains by explicit batched matrix products, forward and backward, without autograd.

Activations are stored as (replica, unit, image). The first layer of all copies that share a batch
is then one matrix product per group, (copies·units × inputs) · (inputs × images), without copies.
Under plain descent, the product that would compute the gradient updates the weights directly, and
the gradient is never stored. Numbers agree with autograd to rounding.
"""

import torch
import torch.nn.functional as F

from koopflow.training.engines.contract import DenseChain
from koopflow.training.layout import Stack

Update = tuple[float, float] | None
"""Factors (of the weights, of the gradient) of a fused update; None to write the gradient."""


class DenseEngine:
    """Losses, gradients and outputs of an ensemble of one dense chain."""

    def __init__(self, chain: DenseChain, weights: Stack, gradients: Stack, groups: int, copies: int):
        self._w, self._g = weights, gradients
        self._copies, self._replicas = copies, groups * copies
        self._names, self._activation = chain.layers, chain.activation
        self._bias = f"{chain.layers[0]}.bias" in weights.views
        self._space: dict[tuple[object, tuple[int, ...]], torch.Tensor] = {}

    def gradient(self, x: torch.Tensor, y: torch.Tensor, step: int) -> torch.Tensor:
        """Write the gradients of all replicas; return their losses (replica,)."""
        return self._backward(x, y, None)

    def descend(self, x: torch.Tensor, y: torch.Tensor, rate: float, decay: float) -> torch.Tensor:
        """Do one step w ← (1 − rate·decay)·w − rate·gradient in place; return the losses (replica,)
        before it."""
        return self._backward(x, y, (1 - rate * decay, -rate))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs (replica, image, class) for images (image, ...) that all replicas
        see."""
        a = x.reshape(len(x), -1).t()
        for index, name in enumerate(self._names):
            weight = self._w.views[f"{name}.weight"]
            if index == 0:
                z = (weight.view(-1, weight.shape[2]) @ a).view(self._replicas, weight.shape[1], len(x))
            else:
                z = torch.bmm(weight, a)
            if self._bias:
                z += self._w.views[f"{name}.bias"].unsqueeze(2)
            a = z if name == self._names[-1] else _activate(z, self._activation)
        return a.transpose(1, 2)

    def _backward(self, x: torch.Tensor, y: torch.Tensor, update: Update) -> torch.Tensor:
        groups, count = y.shape
        x = x.reshape(groups, count, -1)
        inputs, before = self._forward(x)
        losses, slope = self._loss_and_slope(before[-1], y)
        for index in range(len(self._names) - 1, -1, -1):
            name = self._names[index]
            weight = self._w.views[f"{name}.weight"]
            if index > 0:
                lower = torch.bmm(
                    weight.transpose(1, 2), slope, out=self._buffer(("slope", index), inputs[index].shape)
                )
                _backward_activation(lower, before[index - 1], inputs[index], self._activation)
            if self._bias:
                self._update_bias(f"{name}.bias", slope, update)
            if index == 0:
                units = self._copies * weight.shape[1]
                self._product(
                    f"{name}.weight", (groups, units, weight.shape[2]), slope.view(groups, units, count), x, update
                )
            else:
                self._product(f"{name}.weight", weight.shape, slope, inputs[index].transpose(1, 2), update)
                slope = lower
        return losses

    def _loss_and_slope(self, logits: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean cross-entropy (replica,) and its derivative by the logits (replica,
        class, image)."""
        groups, count = y.shape
        labels = y.view(groups, 1, 1, count).expand(groups, self._copies, 1, count).reshape(self._replicas, 1, count)
        log_probability = torch.log_softmax(logits, 1, out=self._buffer("log", logits.shape))
        losses = log_probability.gather(1, labels).mean(dim=(1, 2)).neg_()
        slope = log_probability.exp_()
        if slope.is_cuda:  # to scatter in a fixed order, a GPU first sorts the indices
            slope.add_(labels == torch.arange(slope.shape[1], device=slope.device).view(-1, 1), alpha=-1)
        else:
            slope.scatter_add_(1, labels, slope.new_full((1, 1, 1), -1.0).expand(labels.shape))
        slope.div_(count)
        return losses, slope

    def _forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return each layer's inputs and its outputs before the activation, both (replica, unit,
        image).

        Activations whose derivative follows from their values overwrite the outputs.
        """
        groups, count, _ = x.shape
        inputs, before = [x], []
        for index, name in enumerate(self._names):
            weight = self._w.views[f"{name}.weight"]
            units = weight.shape[1]
            z = self._buffer(("before", index), (self._replicas, units, count))
            if index == 0:
                shape = (groups, self._copies * units)
                torch.bmm(weight.view(*shape, -1), x.transpose(1, 2), out=z.view(*shape, count))
            else:
                torch.bmm(weight, inputs[index], out=z)
            if self._bias:
                z.add_(self._w.views[f"{name}.bias"].unsqueeze(2))
            before.append(z)
            if name != self._names[-1]:
                inputs.append(_activate(z, self._activation))
        return inputs, before

    def _product(
        self, name: str, shape: tuple[int, ...], slope: torch.Tensor, values: torch.Tensor, update: Update
    ) -> None:
        if update is None:
            torch.bmm(slope, values, out=self._g.views[name].view(shape))
        else:
            self._w.views[name].view(shape).baddbmm_(slope, values, beta=update[0], alpha=update[1])

    def _update_bias(self, name: str, slope: torch.Tensor, update: Update) -> None:
        total = torch.sum(slope, 2, out=self._g.views[name])
        if update is not None:
            self._w.views[name].mul_(update[0]).add_(total, alpha=update[1])

    def _buffer(self, key: object, shape: tuple[int, ...]) -> torch.Tensor:
        """Return memory that every step reuses."""
        found = self._space.get((key, tuple(shape)))
        if found is None:
            found = self._space[key, tuple(shape)] = torch.empty(shape, device=self._w.flat.device)
        return found


def _activate(z: torch.Tensor, activation: str) -> torch.Tensor:
    if activation == "relu":
        return z.relu_()
    if activation == "tanh":
        return z.tanh_()
    if activation == "gelu":
        return F.gelu(z)
    return z


def _backward_activation(slope: torch.Tensor, before: torch.Tensor, after: torch.Tensor, activation: str) -> None:
    """Multiply `slope` in place by the activation's derivative."""
    if activation == "relu":
        torch.ops.aten.threshold_backward.grad_input(slope, after, 0, grad_input=slope)
    elif activation == "tanh":
        torch.ops.aten.tanh_backward.grad_input(slope, after, grad_input=slope)
    elif activation == "gelu":
        torch.ops.aten.gelu_backward.grad_input(slope, before, grad_input=slope)
