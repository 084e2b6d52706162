"""Find the parameters of one checkpoint among its tensors.

The state dict is found under the usual wrapper keys, prefixes of wrappers are removed, masks are
paired with their weights, and tensors that cannot be parameters (running statistics, indices,
metrics, averaged copies) are left out, each with its reason.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import matches
from koopflow.trajectory.adapters.copies import AVERAGED, copies, quantized, versions
from koopflow.trajectory.adapters.step_numbers import EPOCH_KEYS, LARGEST, STEP_KEYS
from koopflow.trajectory.adapters.stored_masks import pair_masks

_WRAPPERS = (
    *(
        "model_state_dict",
        "state_dict",
        "model_state",
        "model",
        "net_state_dict",
        "net",
        "network",
        "module",
        "weights",
    ),
    *("params", "parameters", "state", "checkpoint"),
)
_ABOUT = ("meta", "metadata", "trainer_state", "training_state", "progress", "info")
_OTHERS = re.compile(
    r"optim|sched|scaler|rng|random|loss|metric|hist|^log|args?$|conf|hparam|hyper|callback|loops|mask|buffer|grad|stats|monitor",
    re.IGNORECASE,
)
_MASKS = re.compile(r"^(pruning_)?masks?(_dict|_state_dict)?$|_masks$")
_METRIC = re.compile(
    r"^(.*[._])?((best|train|val|valid|test|running|avg|mean|total)_?)*(loss(es)?|acc(uracy|uracies|s)?|acc1|acc5|top1|top5|errors?|metrics?|"
    r"scores?|f1|auc|ppl|perplexity|bleu|psnr|ssim|mse|rmse|mae|nll|precision|recall|returns?|rewards?|"
    r"lrs?|learning_rate|epoch|global_step|iteration)([._]?(history|mean|avg|best))?$",
    re.IGNORECASE,
)
_TABLE = re.compile(
    r"^(.*[._])?(confusion_?(matrix|mat)|conf_mat|loss(es)?_(history|matrix|curves?))$"
    r"|^[a-z_]*loss(es)?_(?!weights?$|scales?$)[a-z]+(_[a-z]+)*$"
    r"|^(.*\.)?(train|val|valid|validation|test)_[a-z0-9_]+\.(tp|fp|tn|fn|correct|total|confmat|sum_[a-z_]+|value|mean_value)$"
    r"|^(logits|preds|predictions?|outputs?|targets?|labels?|inputs?|activations|hidden_states)$",
    re.IGNORECASE,
)
_BUFFERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "running statistics",
        (
            *("*running_mean", "*running_var", "*num_batches_tracked", "*running_std", "*moving_mean"),
            *("*moving_variance", "*obs_rms.*", "*ret_rms.*", "*reward_rms.*", "*running_mean_std.*"),
        ),
    ),
    (
        "positions and indices",
        ("*position_ids", "*relative_position_index", "*token_type_ids", "*relative_coords_table"),
    ),
    (
        "attention masks",
        ("*attn_mask", "*attention_mask", "*causal_mask", "*masked_bias", "*key_padding_mask", "*.tril"),
    ),
    (
        "fixed encodings",
        ("*inv_freq", "*cos_cached", "*sin_cached", "*freqs_cis", "*pos_encoder.pe", "*positional_encoding.pe"),
    ),
    ("power iterations", ("*weight_u", "*_u0", "*.parametrizations.*._u", "*.parametrizations.*._v")),
    ("averaging", ("*n_averaged", "*.cluster_size", "*.embed_avg", "*.ema_*")),
    ("noise", ("*weight_epsilon", "*bias_epsilon")),
    ("queues", ("*.queue", "queue", "*queue_ptr")),
    ("caches", ("*_cache", "*_cached", "*.cache", "cache")),
    ("quantization", ("*activation_post_process*", "*fake_quant*", "*.zero_point")),
    ("optimizer state", ("optimizer.*", "optim.*", "*.exp_avg", "*.exp_avg_sq", "*.momentum_buffer")),
)


@dataclass
class StateDict:
    """The tensors, masks and counters of one checkpoint.

    Attributes
    ----------
    tensors : dict of str to Tensor
        Dense tensors of real numbers that may be parameters, by cleaned name, in the file's order.
        A complex tensor is its real and imaginary parts, on a last axis of two.
    masks : dict of str to Tensor
        Pruning masks, by the name of their weights.
    left_out : dict of str to str
        Other tensors, with the reason.
    complex : set of str
        Names of tensors that are complex in the file.
    counters : dict of str to int
        Steps and epochs at which the file was saved, as it says.
    """

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    masks: dict[str, torch.Tensor] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    complex: set[str] = field(default_factory=set)
    counters: dict[str, int] = field(default_factory=dict)


def parse(content: Mapping[str, Any], include: Sequence[str] = ()) -> StateDict:
    """Return the parameters, masks and counters in the `content` of a checkpoint.

    Parameters
    ----------
    content : mapping
        As `contents.read_content` returns it.
    include : sequence of str
        Name patterns of tensors to take even if they look like buffers.

    Raises
    ------
    KoopflowError
        If a mask fits its weights by name but not by shape or values.
    """
    found = StateDict(counters=counters_in(content))
    try:
        state, second = _unwrap(_of_tensors(content), found)
    except RecursionError:
        raise KoopflowError("its mappings contain themselves or are nested too deeply") from None
    state = _without_prefixes(state)
    masks = _without_prefixes(_flat(second))
    pairs = pair_masks(state, masks)
    found.masks = pairs.masks
    found.left_out |= pairs.left_out
    repeated = copies(pairs.weights)
    for name, tensor in pairs.weights.items():
        reason = _rejected(name, tensor, pairs.weights)
        if reason is None and name in repeated and not matches(name, include):
            reason = repeated[name]
        if reason is None or (reason in _OVERRIDABLE and matches(name, include)):
            found.tensors[name] = _real(tensor)
            if tensor.is_complex():
                found.complex.add(name)
        else:
            found.left_out[name] = reason
    return found


def counters_in(content: Mapping[str, Any]) -> dict[str, int]:
    """Return the whole numbers that say when a checkpoint was saved, from its top level or a block
    about it."""
    found: dict[str, int] = {}
    blocks = [content, *(content[key] for key in _ABOUT if isinstance(content.get(key), Mapping))]
    for block in blocks:
        for key in (*STEP_KEYS, *EPOCH_KEYS):
            value = block.get(key)
            if (
                isinstance(value, torch.Tensor)
                and value.numel() == 1
                and not value.is_complex()
                and value.layout == torch.strided
            ):
                value = None if value.is_meta else value.item()
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and 0 <= value < LARGEST
                and value == int(value)
            ):
                found.setdefault(key, int(value))
    return found


def _unwrap(content: Mapping[str, Any], found: StateDict) -> tuple[dict[str, torch.Tensor], Mapping[str, Any]]:
    """Return the tensors of the model in `content`, flat, and a second dict of masks; record in
    `found` what is left out."""
    content = {str(key): value for key, value in content.items()}
    masks: Mapping[str, Any] = next(
        (value for key, value in content.items() if _MASKS.search(key) and isinstance(value, Mapping)), {}
    )
    for key, value in content.items():
        if _MASKS.search(key) and isinstance(value, list | tuple) and any(isinstance(v, torch.Tensor) for v in value):
            raise KoopflowError(f"{key} must map the names of weights to their masks (got a list)")
    nested = {
        key: value
        for key, value in content.items()
        if isinstance(value, Mapping) and value is not masks and _holds_tensors(value)
    }
    models = {key: value for key, value in nested.items() if not _OTHERS.search(key) and not AVERAGED.search(key)}
    models = models or {key: value for key, value in nested.items() if AVERAGED.search(key)}
    other = versions(models)
    found.left_out |= {key: f"another version of {one}" for key, one in other.items()}
    models = {key: value for key, value in models.items() if key not in other}
    plain = {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
    parameters = [
        key for key, value in plain.items() if value.is_floating_point() and value.dim() and not _METRIC.match(key)
    ]
    if not models or (parameters and not any(key.lower() in _WRAPPERS for key in models)):
        return plain | _flat({key: models[key] for key in models}), masks
    chosen = next((key for wrapper in _WRAPPERS for key in models if key.lower() == wrapper), None)
    if chosen is None and len(models) > 1:
        found.left_out |= dict.fromkeys(plain, "beside the state dict")
        return _flat(models), masks
    chosen = chosen or next(iter(models))
    found.left_out |= dict.fromkeys(plain, "beside the state dict")
    found.left_out |= dict.fromkeys((key for key in models if key != chosen), f"another state dict beside {chosen}")
    for key, value in counters_in(models[chosen]).items():
        found.counters.setdefault(key, value)
    state, inner = _unwrap(models[chosen], found)
    return state, masks or inner


def _of_tensors(value: Any) -> Any:
    """Return nested mappings with the tensors of numpy's arrays."""
    if isinstance(value, Mapping):
        return {key: _of_tensors(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))
    return value


def _holds_tensors(value: object, depth: int = 4) -> bool:
    if isinstance(value, torch.Tensor):
        return True
    return (
        depth > 0 and isinstance(value, Mapping) and any(_holds_tensors(inner, depth - 1) for inner in value.values())
    )


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, torch.Tensor]:
    """Return the tensors of nested mappings under dotted names."""
    found: dict[str, torch.Tensor] = {}
    for key, value in nested.items():
        if isinstance(value, torch.Tensor):
            found[f"{prefix}{key}"] = value
        elif isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
    return found


def _without_prefixes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors under the names that the bare model gives them."""
    inner = re.compile(r"(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module)\.")
    cleaned = {name: inner.sub("", name) for name in state}
    while cleaned and all(new.startswith("module.") for old, new in cleaned.items() if state[old].dim()):
        if not any(new.startswith("module.") for new in cleaned.values()):
            break
        cleaned = {name: new.removeprefix("module.") for name, new in cleaned.items()}
    if len(set(cleaned.values())) < len(cleaned):
        return dict(state)
    return {cleaned[name]: tensor for name, tensor in state.items()}


UNREADABLE = {"quantized", "not dense", "without data"}
"""Reasons to leave out a tensor that would be a parameter if its numbers could be read."""
_OVERRIDABLE = {reason for reason, _ in _BUFFERS} | {"metrics", "counters", "auxiliary to another tensor"}


def _rejected(name: str, tensor: torch.Tensor, state: Mapping[str, torch.Tensor]) -> str | None:
    """Return the reason why a tensor is not a parameter, or None."""
    for reason, patterns in _BUFFERS:
        if matches(name, patterns):
            return reason
    if name.endswith("_v") and f"{name[:-1]}u" in state:  # spectral_norm's; weight_norm's weight_v has no weight_u
        return "power iterations"
    if tensor.is_quantized or quantized(name, tensor):
        return "quantized"
    if tensor.layout != torch.strided or tensor.is_nested:
        return "not dense"
    if tensor.device.type != "cpu":
        return "without data"
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return "whole numbers or booleans"
    if not tensor.numel():
        return "empty"
    if (tensor.dim() < 2 and _METRIC.match(name)) or _TABLE.match(name):
        return "metrics"
    if tensor.numel() == 1 and name in (*STEP_KEYS, *EPOCH_KEYS):
        return "counters"
    if name.endswith("scale") and f"{name[:-5]}zero_point" in state:
        return "quantization"
    whole = state.get(name.removesuffix("scale").rstrip("._"))
    if name.endswith("scale") and whole is not None and not (whole.is_floating_point() or whole.is_complex()):
        return "quantization"
    if name.rpartition(".")[0] in state:
        return "auxiliary to another tensor"
    return None


def _real(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
