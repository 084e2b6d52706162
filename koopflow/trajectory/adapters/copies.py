"""Tensors of a checkpoint that repeat others: averaged, target and earlier copies of a network,
gradients, and quantized weights with their scales.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged?|shadow)([._]|$)")
VERSION = re.compile(
    r"(^|[._])(best|init|initial|orig|original|old|prev|previous|backup|target|teacher|momentum)([._]|$)", re.IGNORECASE
)
_AVERAGED_MODULE = re.compile(r"([a-z0-9]+_)*(ema|swa|averaged?|shadow)(_[a-z0-9]+)*\.")
_FOLLOWING_MODULE = re.compile(r"([a-z0-9]+_)*(target|teacher|momentum|slow|key|k)(_[a-z0-9]+)*\.")
_OF_ANOTHER = re.compile(r"(grads?|gradients?|velocity|updates?|deltas?|init|initial|orig|old|prev|previous|best)[._]")
CLOSE = 0.5
"""A copy that follows a network is nearer to it than this share of its norm; networks that were
drawn independently lie about 1.4 apart."""


def versions(models: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of state dicts that are another version of one in `models`: ``best_model``
    beside ``model``, ``target_net`` beside ``policy_net``."""
    shapes = {key: _shapes(value) for key, value in models.items()}
    current = [key for key in models if not VERSION.search(key)]
    same = {key: next((one for one in current if shapes[one] == shapes[key]), None) for key in models}
    return {key: one for key, one in same.items() if one is not None and key not in current}


def _shapes(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _shapes(inner) for key, inner in value.items()}
    return tuple(value.shape) if isinstance(value, torch.Tensor) else None


def copies(state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return the tensors that repeat others of the same state dict, with the reason."""
    found = dict.fromkeys(_averaged(state), "averaged copies")
    found |= dict.fromkeys(_following(state), "a copy that follows another network")
    for name, tensor in state.items():
        prefix = _OF_ANOTHER.match(name)
        other = name[prefix.end() :] if prefix else name.removesuffix("_grad").removesuffix("_gradient")
        if other != name and other in state and state[other].shape == tensor.shape:
            found.setdefault(name, "auxiliary to another tensor")
    return found


def _averaged(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the names of averaged copies (``ema_model.``, ``model_ema.``) of tensors that are also
    present."""
    others = [(_plain(name), tensor.shape) for name, tensor in state.items() if not _AVERAGED_MODULE.match(name)]
    return [
        name
        for name, tensor in state.items()
        if (tail := _tail(name, _AVERAGED_MODULE))
        and any(other.endswith(tail) and shape == tensor.shape for other, shape in others)
    ]


def _following(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Return the names of tensors in a module named like a target or momentum network, all of whose
    matrices are close to those of another module."""
    groups: dict[str, list[str]] = {}
    for name in state:
        if found := _FOLLOWING_MODULE.match(name):
            groups.setdefault(found.group(), []).append(name)
    others = {name: _plain(name) for name in state if not _FOLLOWING_MODULE.match(name)}
    return [name for names in groups.values() if _follows(names, others, state) for name in names]


def _follows(names: Sequence[str], others: Mapping[str, str], state: Mapping[str, torch.Tensor]) -> bool:
    matrices = [name for name in names if state[name].dim() > 1 and _readable(state[name])]
    for name in matrices:
        tensor, tail = state[name].detach().float(), _tail(name, _FOLLOWING_MODULE)
        near = (
            float(torch.linalg.vector_norm(state[other].float() - tensor)) < CLOSE * float(tensor.norm())
            for other, plain in others.items()
            if plain.endswith(tail) and state[other].shape == tensor.shape and _readable(state[other])
        )
        if not any(near):
            return False
    return bool(matrices)


def _readable(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and tensor.layout == torch.strided and tensor.device.type == "cpu"


def _tail(name: str, module: re.Pattern[str]) -> str:
    """Return a name without its first module and without dots, which some tools drop; empty if the
    module is none of these."""
    found = module.match(name)
    return _plain(name[found.end() :]) if found else ""


def _plain(name: str) -> str:
    return name.replace(".", "")


def quantized(name: str, tensor: torch.Tensor) -> bool:
    """Return whether a tensor holds whole numbers in place of weights."""
    whole = not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype != torch.bool
    return whole and tensor.dim() > 1 and name.rpartition(".")[2] in ("weight", "kernel", "qweight", "weight_packed")
