"""A mask on a PyTorch model: pruned weights stay zero through further training, until it is made
permanent."""

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils import parametrize

from koopflow.core.errors import KoopflowError
from koopflow.pruning.weights import Masked, Weight, own_parameters, weights_of

if TYPE_CHECKING:
    from koopflow.pruning.mask import Mask


def matched(mask: "Mask", model: nn.Module) -> dict[str, Weight]:
    """Return the weights of `model` that the mask names.

    Raises
    ------
    KoopflowError
        If the model lacks a tensor of the mask, or has it in another shape.
    """
    weights = {name: weight for weight in weights_of(model).values() for name in weight.names}
    for name, shape in mask.parameters:
        if name not in weights:
            raise KoopflowError(f"mask: the model has no parameter {name!r}; it has {', '.join(weights)}")
        if weights[name].shape != shape:
            raise KoopflowError(f"mask: {name} has shape {shape}, but {weights[name].shape} in the model")
    return {name: weights[name] for name, _ in mask.parameters}


def hold(mask: "Mask", model: nn.Module) -> None:
    """Keep pruned weights of `model` at zero in every forward pass, also while it is trained.

    An earlier mask of a tensor is replaced. Optimizers made before go on with the same parameters.
    """
    zero(mask, model)
    for name, weight in matched(mask, model).items():
        kept = torch.from_numpy(mask[name].copy()).to(weight.original.device)
        for module, leaf in weight.places:
            earlier = _held(module, leaf)
            if earlier is not None:
                earlier.pruned.copy_(~kept)
            elif not kept.all():
                _take_own_class(module)
                place = [own for own, _ in own_parameters(module)].index(leaf)
                parametrize.register_parametrization(module, leaf, Masked(kept, place))


@torch.no_grad()
def zero(mask: "Mask", model: nn.Module) -> None:
    """Set the pruned weights of `model` to zero once."""
    for name, weight in matched(mask, model).items():
        weight.original.masked_fill_(torch.from_numpy(~mask[name]).to(weight.original.device), 0)


def release(model: nn.Module) -> nn.Module:
    """Write the zeros of all masks into the parameters of `model`, and take the masks off."""
    for weight in weights_of(model).values():
        for module, leaf in weight.places:
            if _held(module, leaf) is None:
                continue
            others = len(module.get_submodule(f"parametrizations.{leaf}")) > 1  # type: ignore[arg-type]
            if others:
                raise KoopflowError(f"{weight.name} has other parametrizations besides its mask; remove those first")
            _take_own_class(module)
            parametrize.remove_parametrizations(module, leaf, leave_parametrized=True)
    return model


def _take_own_class(module: nn.Module) -> None:
    """Give a parametrized module a class of its own.

    torch keeps parametrizations as properties of a class, which a deep copy shares: to change one
    there would break the other.
    """
    if parametrize.is_parametrized(module):
        shared = type(module)
        content = {key: value for key, value in vars(shared).items() if key not in ("__dict__", "__weakref__")}
        module.__class__ = type(shared.__name__, shared.__bases__, content)


def _held(module: nn.Module, leaf: str) -> Masked | None:
    """Return the mask on an attribute of a module."""
    if not parametrize.is_parametrized(module, leaf):
        return None
    every = module.get_submodule(f"parametrizations.{leaf}").children()
    return next((each for each in every if isinstance(each, Masked)), None)


def tensors(mask: "Mask", model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the pruned weights of `model` under their plain names, its buffers, and the mask of
    each prunable tensor under the name with ``_mask`` at its end, as `torch.nn.utils.prune` has
    it.

    A tied weight is there once, under its first name.
    """
    held = weights_of(model)
    found = {name: weight.value.detach().clone() for name, weight in held.items()}
    masked = matched(mask, model)
    for name, weight in masked.items():
        kept = torch.from_numpy(mask[name].copy()).to(weight.value.device)
        found[weight.name].masked_fill_(~kept, 0)
        if name in mask.prunable:
            found[f"{weight.name}_mask"] = kept
    buffers = dict(model.named_buffers())
    return found | {name: value.clone() for name, value in buffers.items() if ".parametrizations." not in f".{name}"}
