"""Many replicas of one network: their weights, gradients and running statistics, and the engine
that computes with them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core import seeds
from koopflow.training.device import choose_device, own_random_numbers
from koopflow.training.engines.choice import choose_method
from koopflow.training.engines.contract import Engine, dense_chain_of
from koopflow.training.engines.dense import DenseEngine
from koopflow.training.engines.sequential import SequentialEngine
from koopflow.training.engines.vmapped import VmapEngine
from koopflow.training.layout import Layout, Stack
from koopflow.training.models.build import ModelSpec, build


class Replicas:
    """`groups` × `copies` networks of one architecture, group by group.

    Parameters
    ----------
    spec : str or mapping
        The network, as `koopflow.training.models.build.build` takes it.
    input_shape : sequence of int
        Channels, height and width of an image.
    classes : int
    groups, copies : int
        Replicas of one group share their batches.
    device, method : str
        See `choose_device` and `choose_method`.
    random_seeds : list of int, optional
        One per replica, for networks that draw random numbers (dropout).

    Attributes
    ----------
    module : torch.nn.Module
        The architecture; its own weights are not used.
    layout, buffer_layout : Layout
        Of the parameters, and of the floating-point buffers (running statistics of batch
        normalization).
    weights, gradients, buffers : Stack
    engine : Engine
    method : str
        The engine chosen: ``matrix``, ``vmap`` or ``sequential``.
    """

    def __init__(
        self,
        spec: ModelSpec,
        input_shape: Sequence[int],
        classes: int,
        groups: int,
        copies: int = 1,
        *,
        device: str = "cpu",
        method: str = "auto",
        random_seeds: list[int] | None = None,
    ):
        self.device = choose_device(device)
        with own_random_numbers(0):
            self.module = build(spec, input_shape, classes).to(self.device)
        self.count, self.groups, self.copies = groups * copies, groups, copies
        self.layout = Layout.of(self.module.named_parameters())
        floating = [(name, buffer) for name, buffer in self.module.named_buffers() if buffer.is_floating_point()]
        self.buffer_layout = Layout.of(floating)
        self.weights, self.gradients = (Stack(self.layout, self.count, self.device) for _ in range(2))
        self.buffers = Stack(self.buffer_layout, self.count, self.device)
        self.buffers.load(
            np.concatenate([np.zeros(0, np.float32), *(b.cpu().numpy().reshape(-1) for _, b in floating)])
        )
        self.method = choose_method(self.module, method, self.device, input_shape, classes)
        self.engine = self._engine(random_seeds or [0] * self.count)
        self._frozen = [name for name, parameter in self.module.named_parameters() if not parameter.requires_grad]

    def frozen(self) -> dict[str, torch.Tensor]:
        """Return copies (replica, *shape) of the parameters that the network has frozen
        (requires_grad is False)."""
        return {name: self.weights.views[name].clone() for name in self._frozen}

    def _engine(self, random_seeds: list[int]) -> Engine:
        chain = dense_chain_of(self.module)
        if self.method == "matrix" and chain is not None:
            return DenseEngine(chain, self.weights, self.gradients, self.groups, self.copies)
        if self.method == "vmap":
            return VmapEngine(self.module, self.weights, self.gradients, self.buffers, self.groups, self.copies)
        return SequentialEngine(self.module, self.weights, self.gradients, self.buffers, self.copies, random_seeds)

    def score(
        self, x: torch.Tensor, y: torch.Tensor, block: int = 1000
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return accuracy and mean loss (replica,) on images x (image, ...) and labels y; NaN for
        replicas with NaN weights."""
        right, total = (torch.zeros(self.count, dtype=torch.float64) for _ in range(2))
        for start in range(0, len(x), block):
            labels = y[start : start + block]
            logits = self.engine.logits(x[start : start + block])
            right += (logits.argmax(dim=2) == labels).sum(dim=1).cpu()
            picked = torch.log_softmax(logits, 2).gather(2, labels.view(1, -1, 1).expand(self.count, -1, 1))
            total -= picked.sum(dim=(1, 2), dtype=torch.float64).cpu()
        accuracy: NDArray[np.float64] = right.numpy() / len(x)
        loss: NDArray[np.float64] = total.numpy() / len(x)
        accuracy[~np.isfinite(loss)] = np.nan
        return accuracy, loss


def initial_weights(
    spec: ModelSpec,
    input_shape: Sequence[int],
    classes: int,
    *,
    seed: int,
    stream: Sequence[object],
    groups: Sequence[object],
    copies: int = 1,
    perturbation: float = 1e-3,
) -> NDArray[np.float32]:
    """Return the starting weights (replica, parameter) of an ensemble, group by group.

    The first replica of a group has the network's own initialization, drawn from the stream that
    ``seed``, ``stream``, the group and "initialization" name; in each further copy every weight
    that is not frozen is multiplied by 1 + perturbation · U(−1, 1), as in paper O.
    """
    rows = []
    for group in groups:
        with own_random_numbers(seeds.torch_seed(seed, *stream, group, "initialization")):
            module = build(spec, input_shape, classes)
        base = np.concatenate([parameter.detach().numpy().reshape(-1) for parameter in module.parameters()]).astype(
            np.float32
        )
        moving = np.concatenate(
            [np.full(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
        )
        rows.append(base)
        for copy in range(1, copies):
            factor = seeds.rng(seed, *stream, group, "perturbation", copy).uniform(-1, 1, len(base))
            rows.append((base * (1 + perturbation * factor * moving)).astype(np.float32))
    return np.stack(rows)
