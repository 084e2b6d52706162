"""The memory layout of the weights of many replicas: one flat buffer, in which each tensor of all
replicas is contiguous."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layout:
    """Names and shapes of a network's tensors, in the network's order.

    A row (parameter,) of weights holds these tensors flattened, one after another.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, named: Iterable[tuple[str, torch.Tensor]]) -> "Layout":
        """Return the layout of ``module.named_parameters()`` or any other (name, tensor) pairs."""
        pairs = [(name, tuple(tensor.shape)) for name, tensor in named]
        return cls(tuple(name for name, _ in pairs), tuple(shape for _, shape in pairs))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of elements of each tensor."""
        return tuple(prod(shape) for shape in self.shapes)

    @property
    def size(self) -> int:
        """Number of elements of all tensors."""
        return sum(self.sizes)

    def place(self, name: str) -> slice:
        """Return the slice of the tensor `name` in a row of weights."""
        index = self.names.index(name)
        start = sum(self.sizes[:index])
        return slice(start, start + self.sizes[index])

    def tensors(self, row: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return a row (parameter,) of weights as views {name: array of its shape}."""
        return {name: row[self.place(name)].reshape(shape) for name, shape in zip(self.names, self.shapes)}


class Stack:
    """Tensors of a layout for `replicas` networks at once.

    Attributes
    ----------
    flat : tensor of float32, (replicas × layout.size,)
        All tensors, for elementwise updates in one call.
    views : dict of tensors, (replica, *shape)
        Contiguous views into `flat`, so that copies that share a batch form one matrix.
    """

    def __init__(self, layout: Layout, replicas: int, device: torch.device):
        self.layout, self.replicas = layout, replicas
        self.flat = torch.zeros(replicas * layout.size, dtype=torch.float32, device=device)
        self.views: dict[str, torch.Tensor] = {}
        start = 0
        for name, shape, size in zip(layout.names, layout.shapes, layout.sizes):
            self.views[name] = self.flat[start : start + replicas * size].view(replicas, *shape)
            start += replicas * size

    def load(self, rows: NDArray[np.generic]) -> None:
        """Set all tensors from rows (replica, parameter), or from one row (parameter,) for all
        replicas."""
        spread = np.broadcast_to(np.asarray(rows, dtype=np.float32), (self.replicas, self.layout.size))
        for name, view in self.views.items():
            view.copy_(torch.from_numpy(np.array(spread[:, self.layout.place(name)])).view(view.shape))

    def rows(self, names: Sequence[str] | None = None, out: torch.Tensor | None = None) -> NDArray[np.float32]:
        """Return the tensors `names` (all by default) as rows (replica, parameter) on the CPU;
        `out` is a CPU tensor to fill."""
        names = self.layout.names if names is None else names
        parts = [self.views[name].reshape(self.replicas, -1) for name in names]
        if out is None:
            out = torch.empty(self.replicas, sum(part.shape[1] for part in parts))
        start = 0
        for part in parts:
            out[:, start : start + part.shape[1]].copy_(part)
            start += part.shape[1]
        rows: NDArray[np.float32] = out.numpy()
        return rows
