"""Many replicas of one network: their weights, gradients and running statistics, and the engine that computes with them.

An engine has ``gradient(x, y, step) -> losses`` (writes the gradients of all replicas) and ``logits(x)``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.training import models
from koopflow.training.device import choose_device
from koopflow.training.general import SequentialEngine, VmapEngine
from koopflow.training.layout import Layout, Stack
from koopflow.training.mlp import MLPEngine

METHODS = ("auto", "matrix", "vmap", "sequential")


class Replicas:
    """`groups` × `copies` networks of one architecture, group by group.

    Attributes
    ----------
    module : torch.nn.Module
        The architecture; its own weights are not used.
    layout, buffer_layout : Layout
        Of the parameters, and of the floating-point buffers (batch normalization's running statistics).
    weights, gradients, buffers : Stack
    method : str
        ``matrix`` (fully connected), ``vmap`` or ``sequential``, as chosen.
    """

    def __init__(
        self,
        spec: Mapping | str,
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
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.module = models.build(spec, input_shape, classes).to(self.device)
        self.count, self.groups, self.copies = groups * copies, groups, copies
        self.layout = Layout.of(self.module.named_parameters())
        floating = [(name, buffer) for name, buffer in self.module.named_buffers() if buffer.is_floating_point()]
        self.buffer_layout = Layout.of(floating)
        self.weights, self.gradients = (Stack(self.layout, self.count, self.device) for _ in range(2))
        self.buffers = Stack(self.buffer_layout, self.count, self.device)
        self.buffers.load(np.concatenate([np.zeros(0, np.float32), *(b.cpu().numpy().reshape(-1) for _, b in floating)]))
        self.method = _choose_method(self.module, method, self.device)
        self.engine = self._engine(random_seeds or [0] * self.count)

    def _engine(self, random_seeds: list[int]):
        shape = (self.groups, self.copies)
        if self.method == "matrix":
            return MLPEngine(self.module, self.weights, self.gradients, *shape)
        if self.method == "vmap":
            return VmapEngine(self.module, self.weights, self.gradients, self.buffers, *shape)
        return SequentialEngine(self.module, self.weights, self.gradients, self.buffers, *shape, random_seeds)

    def score(self, x: torch.Tensor, y: torch.Tensor, block: int = 1000) -> tuple[np.ndarray, np.ndarray]:
        """Return accuracy and mean loss (replica,) on images (image, …) and labels, both float64; replicas with NaN
        weights get NaN."""
        right = torch.zeros(self.count, dtype=torch.float64)
        loss = torch.zeros(self.count, dtype=torch.float64)
        for start in range(0, len(x), block):
            labels = y[start : start + block]
            logits = self.engine.logits(x[start : start + block])
            right += (logits.argmax(dim=2) == labels).sum(dim=1).cpu()
            picked = torch.log_softmax(logits, 2).gather(2, labels.view(1, -1, 1).expand(self.count, -1, 1))
            loss -= picked.sum(dim=(1, 2), dtype=torch.float64).cpu()
        accuracy, loss = right.numpy() / len(x), loss.numpy() / len(x)
        accuracy[~np.isfinite(loss)] = np.nan
        return accuracy, loss


def initial_weights(
    spec: Mapping | str,
    input_shape: Sequence[int],
    classes: int,
    *,
    seed: int,
    stream: Sequence,
    groups: Sequence,
    copies: int = 1,
    perturbation: float = 1e-3,
) -> np.ndarray:
    """Return the starting weights (replica, parameter) of an ensemble, float32, group by group.

    The first replica of a group has PyTorch's default initialization, drawn from the stream (seed, *stream, group,
    "initialization");
    each further copy has every weight multiplied by 1 + perturbation · U(−1, 1), as paper O has it.
    """
    rows = []
    for group in groups:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.torch_seed(seed, *stream, group, "initialization"))
            module = models.build(spec, input_shape, classes)
        base = np.concatenate([parameter.detach().numpy().reshape(-1) for parameter in module.parameters()]).astype(np.float32)
        rows.append(base)
        for copy in range(1, copies):
            factor = seeds.rng(seed, *stream, group, "perturbation", copy).uniform(-1, 1, len(base))
            rows.append((base * (1 + perturbation * factor)).astype(np.float32))
    return np.stack(rows)


def _choose_method(module: nn.Module, method: str, device: torch.device) -> str:
    if method not in METHODS:
        raise KoopflowError(f"method: {method!r} is not accepted; accepted are {', '.join(METHODS)}")
    if method == "matrix" and not isinstance(module, models.MLP):
        raise KoopflowError("method: matrix is only for the model mlp; accepted here are auto, vmap and sequential")
    if method != "auto":
        return method
    if isinstance(module, models.MLP):
        return "matrix"
    kinds = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
    # Convolutions with each replica's own weights become grouped ones, which the CPU does slower than one after another;
    # running statistics and dropout do not belong to vmap at all.
    unfit = kinds if device.type == "cpu" else kinds[1:]
    return "sequential" if any(isinstance(each, unfit) for each in module.modules()) else "vmap"
