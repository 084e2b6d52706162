"""Pruning masks in checkpoints: pair each with its weights, whatever name its tool gives it.

Recognised are ``X_mask`` with ``X_orig`` (torch.nn.utils.prune) or ``X``, ``X.mask``, ``fc1.mask``,
``fc1.prune_mask`` or ``fc1.w_mask`` for ``fc1.weight``, ``mask.X`` and ``masks.X``,
``mask_fc1___weight`` (open_lth), and a second dict of masks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from koopflow.core.errors import KoopflowError

_WEIGHTS = ("weight", "bias", "kernel", "in_proj_weight")


@dataclass
class Pairs:
    """Weights without their masks, masks by the name of their weights, and buffers that only look
    like masks."""

    weights: dict[str, torch.Tensor] = field(default_factory=dict)
    masks: dict[str, torch.Tensor] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def pair_masks(state: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> Pairs:
    """Return the weights and masks of a state dict.

    Parameters
    ----------
    state : mapping of str to Tensor
        All tensors of the model.
    second : mapping of str to Tensor
        Masks from a dict of their own, or none.

    Raises
    ------
    KoopflowError
        If a mask belongs to weights by its name, but has values other than 0 and 1 or another
        shape, or its weights are missing.
    """
    pairs = Pairs()
    originals = {
        name.removesuffix("_orig") for name in state if name.endswith("_orig") and f"{name[:-5]}_mask" in state
    }
    weights = {
        name.removesuffix("_orig") if name.removesuffix("_orig") in originals else name: t for name, t in state.items()
    }
    for name, tensor in weights.items():
        owner, sure = _owner(name, weights)
        if owner is None:
            if name.endswith(("_mask", ".mask")):
                _refuse_orphan(name)
                pairs.left_out[name] = "a mask without weights"
            else:
                pairs.weights[name] = tensor
        elif sure or (_is_binary(tensor) and tensor.shape == weights[owner].shape):
            pairs.masks[owner] = _checked(name, tensor, owner, weights[owner])
        elif name.endswith(("_mask", ".mask")):
            pairs.left_out[name] = "a mask of other weights"
        else:
            pairs.weights[name] = tensor
    for name, tensor in second.items():
        stem = name.removesuffix("_mask").removesuffix(".mask")
        owner = next((known for known in (stem, f"{stem}.weight") if known in pairs.weights), None)
        longer = [known for known in pairs.weights if known.endswith(f".{stem}")]  # model.X, beside a mask of X
        if owner is None and len(longer) == 1:
            owner = longer[0]
        if owner is None:
            raise KoopflowError(f"the mask {name} has no weights of that name")
        pairs.masks[owner] = _checked(name, tensor, owner, pairs.weights[owner])
    return pairs


def _owner(name: str, weights: Mapping[str, torch.Tensor]) -> tuple[str | None, bool]:
    """Return the weights that `name` is the mask of by its name, and whether the name leaves no
    doubt."""
    module, _, leaf = name.rpartition(".")
    candidates: list[tuple[str, bool]] = []
    if name.endswith("_mask"):
        candidates += [(name.removesuffix("_mask"), True), (f"{name.removesuffix('_mask')}.weight", False)]
    if leaf in ("mask", "_mask", "pruning_mask", "prune_mask", "weight_mask", "w_mask", "mask_weight", "mask_w"):
        candidates += [(module, False), (f"{module}.weight" if module else "weight", False)]
    if leaf in ("bias_mask", "b_mask", "mask_bias", "mask_b"):
        candidates.append((f"{module}.bias", False))
    for prefix in ("mask.", "masks.", "_mask."):
        if name.startswith(prefix):
            candidates += [(name.removeprefix(prefix), True), (f"{name.removeprefix(prefix)}.weight", False)]
    if leaf.startswith("mask_") and "___" in leaf:
        dotted = leaf.removeprefix("mask_").replace("___", ".")
        candidates += [
            (dotted, True),
            (f"model.{dotted}", True),
            (f"{module}.{dotted}", True),
            (f"{module}.model.{dotted}", True),
        ]
    for owner, sure in candidates:
        if owner in weights and owner != name:
            return owner, sure
    return None, False


def _refuse_orphan(name: str) -> None:
    """Raise a KoopflowError for a mask that names weights, which are missing; other names belong to
    buffers."""
    stem = name.removesuffix("_mask")
    if name.endswith("_mask") and stem.rpartition(".")[2] in _WEIGHTS:
        raise KoopflowError(f"{name} has no weights {stem} or {stem}_orig")


def _is_binary(tensor: torch.Tensor) -> bool:
    if tensor.is_nested or tensor.is_complex() or tensor.is_quantized or tensor.device.type != "cpu":
        return False
    tensor = _dense(tensor)
    return bool(((tensor == 0) | (tensor == 1)).all())


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _checked(name: str, mask: torch.Tensor, owner: str, weights: torch.Tensor) -> torch.Tensor:
    if not _is_binary(mask):
        raise KoopflowError(f"{name} must hold 0 and 1 only")
    if mask.shape != weights.shape:
        raise KoopflowError(
            f"{owner}: mask must have the shape of the weights, {tuple(weights.shape)} (got {tuple(mask.shape)})"
        )
    return _dense(mask).bool()
