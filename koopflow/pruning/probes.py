"""What scores read from a PyTorch model and some training data: derivatives of the loss, and the
size of what each weight is multiplied by."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

from koopflow.core.errors import KoopflowError
from koopflow.pruning.weights import Weight, is_transposed

Loss = Callable[[Any, torch.Tensor], torch.Tensor]
CHUNK = 64
"""Examples whose gradients are held at once."""


@dataclass(frozen=True)
class Batch:
    """Training data on which a model is probed.

    Attributes
    ----------
    inputs, targets : torch.Tensor
        The first axis counts examples.
    loss : function of (output, targets)
        Mean loss; cross-entropy by default.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    loss: Loss = field(default_factory=lambda: functional.cross_entropy)


def gradient(model: nn.Module, weights: Sequence[Weight], batch: Batch) -> list[torch.Tensor]:
    """Return the gradient of the mean loss by each weight; zeros where it does not depend on it."""
    tensors = [each.original for each in weights]
    with torch.enable_grad(), _trainable(tensors):
        found = torch.autograd.grad(_loss(model, batch), tensors, allow_unused=True)
    return _filled(found, tensors)


def hessian_gradient(model: nn.Module, weights: Sequence[Weight], batch: Batch) -> list[torch.Tensor]:
    """Return the product of the loss's Hessian with its gradient: half the gradient of the squared
    gradient norm."""
    tensors = [each.original for each in weights]
    with torch.enable_grad(), _trainable(tensors):
        first = torch.autograd.grad(_loss(model, batch), tensors, create_graph=True, allow_unused=True)
        half = sum(0.5 * (each * each).sum() for each in first if each is not None)
        if not (isinstance(half, torch.Tensor) and half.requires_grad):  # the loss is linear in the weights
            return [torch.zeros_like(each) for each in tensors]
        second = torch.autograd.grad(half, tensors, allow_unused=True)
    return _filled(second, tensors)


def squared_gradient(model: nn.Module, weights: Sequence[Weight], batch: Batch) -> list[torch.Tensor]:
    """Return the mean over examples of the squared gradient of an example's loss: the diagonal of
    the empirical Fisher information.

    The model is in evaluation mode, since examples of one batch must not depend on each other.
    """
    names = {id(value): name for name, value in model.named_parameters()}
    own = [names[id(each.original)] for each in weights]
    fixed = dict(model.named_buffers())

    def one(values: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return batch.loss(functional_call(model, (values, fixed), (x[None],)), y[None])

    each = vmap(grad(one), in_dims=(None, 0, 0), randomness="different")
    values = {name: value.detach() for name, value in model.named_parameters()}
    total = {name: torch.zeros_like(values[name]) for name in own}
    with _evaluating(model):
        for start in range(0, len(batch.inputs), CHUNK):
            found = each(values, batch.inputs[start : start + CHUNK], batch.targets[start : start + CHUNK])
            for name in own:
                total[name] += found[name].square().sum(0)
    return [total[name] / len(batch.inputs) for name in own]


def path_gradient(model: nn.Module, weights: Sequence[Weight], shape: Sequence[int]) -> list[torch.Tensor]:
    """Return the derivative, by each weight's absolute value, of the sum of outputs for an input of
    ones when all weights and statistics are replaced by their absolute values.

    Parameters
    ----------
    model : torch.nn.Module
    weights : sequence of Weight
    shape : sequence of int
        Shape of one input, without the axis of examples.

    Notes
    -----
    Source: Tanaka et al. (arXiv 2006.05467); the linear path of a network of ReLU.
    """
    names = {id(value): name for name, value in model.named_parameters()}
    positive = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        for value in [*positive.parameters(), *positive.buffers()]:
            if value.is_floating_point():
                value.abs_()
    held = dict(positive.named_parameters())
    tensors = [held[names[id(each.original)]] for each in weights]
    ones = torch.ones(1, *shape, dtype=torch.float64, device=tensors[0].device)
    with torch.enable_grad(), _trainable(tensors):
        found = torch.autograd.grad(_tensor(positive(ones)).sum(), tensors, allow_unused=True)
    return _filled(found, tensors)


@torch.no_grad()
def input_norms(model: nn.Module, weights: Sequence[Weight], batch: Batch) -> list[torch.Tensor]:
    """Return, for each weight, the Euclidean norm over examples and positions of what it is
    multiplied by; a bias is multiplied by 1.

    Raises
    ------
    KoopflowError
        For a weight of a module that is neither linear nor a convolution, or is not called.
    """
    squares = {id(each.original): torch.zeros_like(each.value, dtype=torch.float64) for each in weights}

    def count(module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        for leaf, amount in _squares(module, given[0].detach(), output).items():
            original = next(each.original for each in weights if (module, leaf) in each.places)
            squares[id(original)] += amount.double()

    owners = {module for each in weights for module, _ in each.places if _is_known(module)}
    called: set[nn.Module] = set()
    hooks = [owner.register_forward_hook(count) for owner in owners]
    hooks += [owner.register_forward_hook(lambda module, _, __: called.add(module)) for owner in owners]
    try:
        with _evaluating(model):
            model(batch.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    for each in weights:
        if each.is_matrix and not any(module in called for module, _ in each.places):
            raise KoopflowError(
                f"prune: the inputs of {each.name} are not known, since its layer is not called as a module; "
                "exclude it, or choose another score"
            )
    return [squares[id(each.original)].sqrt() for each in weights]


def _is_known(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | _ConvNd) or is_transposed(module)


def _squares(module: Any, x: torch.Tensor, output: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the sum of squares of what each weight of a module is multiplied by."""
    weight = module.weight.detach()
    if isinstance(module, _ConvNd):
        with torch.enable_grad():  # the derivative by the weights of a convolution of squares with ones
            free = torch.zeros_like(weight, requires_grad=True)
            forward = module._conv_forward(x.square(), free, None)
            (found,) = torch.autograd.grad(forward.sum(), free)
        count = output[:, 0].numel()
    else:
        flat = x.reshape(-1, x.shape[-1]).square().sum(0)
        found = (flat[:, None] if is_transposed(module) else flat).expand_as(weight)
        count = output.reshape(-1, output.shape[-1]).shape[0]
    has_bias = getattr(module, "bias", None) is not None
    return {"weight": found} | ({"bias": torch.full_like(module.bias, count)} if has_bias else {})


def _loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    return batch.loss(model(batch.inputs), batch.targets)


def _tensor(output: Any) -> torch.Tensor:
    found = getattr(output, "logits", output)
    if not isinstance(found, torch.Tensor):
        raise KoopflowError(f"prune: the network must return one tensor for this score (got {type(output).__name__})")
    return found


def _filled(found: Sequence[torch.Tensor | None], tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [torch.zeros_like(tensor) if each is None else each for each, tensor in zip(found, tensors)]


class _trainable:
    """Within the block all tensors require gradients, frozen ones too."""

    def __init__(self, tensors: Sequence[torch.Tensor]):
        self._frozen = [each for each in tensors if not each.requires_grad]

    def __enter__(self) -> None:
        for each in self._frozen:
            each.requires_grad_(True)

    def __exit__(self, *_: object) -> None:
        for each in self._frozen:
            each.requires_grad_(False)


class _evaluating:
    """Within the block a model is in evaluation mode."""

    def __init__(self, model: nn.Module):
        self._modes = [(module, module.training) for module in model.modules()]
        self._model = model

    def __enter__(self) -> None:
        self._model.eval()

    def __exit__(self, *_: object) -> None:
        for module, training in self._modes:
            module.training = training
