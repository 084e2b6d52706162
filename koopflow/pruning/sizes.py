"""How large a pruned network really is: parameters, multiply-adds and bytes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from koopflow.pruning.weights import is_transposed, weights_of


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network.

    Attributes
    ----------
    parameters, nonzero : int
        All parameters, each tied one once, and those that are not zero.
    multiply_adds, nonzero_multiply_adds : int
        Multiply-adds of linear layers and convolutions for the given inputs, of all weights and of
        those that are not zero; other layers are not counted.
    bytes, sparse_bytes : int
        Bytes of parameters as they are, and with every tensor that gains from it as values with
        32-bit positions.
    """

    parameters: int
    nonzero: int
    multiply_adds: int
    nonzero_multiply_adds: int
    bytes: int
    sparse_bytes: int


@torch.no_grad()
def sizes(model: nn.Module, *inputs: Any) -> Sizes:
    """Return the sizes of a network, which is called once on `inputs` to count multiply-adds."""
    weights = list(weights_of(model).values())
    counted = [
        (each.value.numel(), int(torch.count_nonzero(each.value)), each.value.element_size()) for each in weights
    ]
    dense, nonzero = _multiply_adds(model, inputs)
    return Sizes(
        sum(count for count, _, _ in counted),
        sum(left for _, left, _ in counted),
        dense,
        nonzero,
        sum(count * width for count, _, width in counted),
        sum(min(count * width, left * (width + 4)) for count, left, width in counted),
    )


def _multiply_adds(model: nn.Module, inputs: tuple[Any, ...]) -> tuple[int, int]:
    totals = [0, 0]

    def count(module: Any, _: Any, output: torch.Tensor) -> None:
        weight = module.weight
        convolved = weight.ndim > 2
        uses = output.numel() // output.shape[1] if convolved else output.numel() // output.shape[-1]
        totals[0] += weight.numel() * uses
        totals[1] += int(torch.count_nonzero(weight)) * uses

    layers = [
        each
        for each in model.modules()
        if isinstance(each, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d) or is_transposed(each)
    ]
    hooks, training = [each.register_forward_hook(count) for each in layers], model.training
    try:
        model.eval()(*inputs)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return totals[0], totals[1]
