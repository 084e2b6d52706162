"""The interface of an engine, and the declaration by which a network gets the fastest one."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn


class Engine(Protocol):
    """Computes with the weights, gradients and buffers of all replicas."""

    def gradient(self, x: torch.Tensor, y: torch.Tensor, step: int) -> torch.Tensor:
        """Write the gradients of all replicas on batches x (group, image, ...), y (group, image);
        return their losses (replica,)."""
        ...

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs (replica, image, class) for images (image, ...) that all replicas
        see."""
        ...


@runtime_checkable
class DescendingEngine(Protocol):
    """An engine whose gradient can be fused with the update of plain gradient descent."""

    def descend(self, x: torch.Tensor, y: torch.Tensor, rate: float, decay: float) -> torch.Tensor:
        """Do one step w ← (1 − rate·decay)·w − rate·gradient in place; return the losses (replica,)
        before it."""
        ...


@dataclass(frozen=True)
class DenseChain:
    """A network that flattens its input and applies linear layers with one activation between them.

    A module with an attribute ``dense_chain`` of this type is trained by batched matrix products.
    Its parameters must be those of the layers alone: ``LAYER.weight``, and ``LAYER.bias`` in all of
    the layers or in none.

    Attributes
    ----------
    layers : tuple of str
        Names of the ``nn.Linear`` submodules, in the order in which they are applied.
    activation : str
        ``relu``, ``tanh``, ``gelu`` or ``linear``.
    """

    layers: tuple[str, ...]
    activation: str


def dense_chain_of(module: nn.Module) -> DenseChain | None:
    """Return the dense chain that `module` declares, or None."""
    chain = getattr(module, "dense_chain", None)
    return chain if isinstance(chain, DenseChain) else None
