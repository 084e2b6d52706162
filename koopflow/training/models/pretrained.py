"""Initial weights from a checkpoint of another training, read without executing code from it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import matches
from koopflow.trajectory.adapters.contents import read_content
from koopflow.trajectory.adapters.state_dicts import parse

KEY = "model.initial_weights"
REMEDY = "name the weights of this network, or list what keeps its own initialization in model.initial_except"


def load_weights(network: nn.Module, path: str, untouched: Sequence[str] = ()) -> None:
    """Set the parameters and running statistics of `network` to those in the checkpoint at `path`.

    Tensors are matched by name, after prefixes of wrappers are removed. If no name matches, they
    are matched by their order, provided that all shapes agree: other libraries name the layers of
    a residual network otherwise. Tensors whose names match the patterns `untouched` stay as they
    are.

    Raises
    ------
    KoopflowError
        If the file cannot be read, a tensor is missing or not finite, or one has another shape.
    """
    state = network.state_dict()
    wanted = {name: value for name, value in state.items() if value.is_floating_point()}
    given = _tensors(path)
    if not set(wanted) & set(given):
        given = _in_order(path, wanted, given)
    wanted = {name: value for name, value in wanted.items() if not (untouched and matches(name, untouched))}
    missing = [name for name in wanted if name not in given]
    if missing:
        raise KoopflowError(
            f"{KEY}: {path} lacks {_some(missing)}; it holds {_some(list(given)) or 'no tensors'}, and the network has "
            f"{_some(list(wanted))}; {REMEDY}"
        )
    for name, value in wanted.items():
        if given[name].shape != value.shape:
            raise KoopflowError(
                f"{KEY}: {name} has shape {_shape(given[name])} in {path} and {_shape(value)} in the network; {REMEDY}"
            )
        if not torch.isfinite(given[name]).all():
            raise KoopflowError(f"{KEY}: {name} in {path} must be finite (it has NaN or infinite numbers)")
    with torch.no_grad():
        network.load_state_dict({**state, **{name: given[name].to(value.dtype) for name, value in wanted.items()}})


@cache
def _tensors(path: str) -> dict[str, torch.Tensor]:
    """Return the floating-point tensors of a checkpoint by name, in their order."""
    if not Path(path).is_file():
        raise KoopflowError(f"{KEY}: {path} does not exist")
    found = parse(read_content(Path(path)), include=("*",))  # running statistics, too
    return {name: value for name, value in found.tensors.items() if value.is_floating_point()}


def _in_order(path: str, wanted: dict[str, torch.Tensor], given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the given tensors under the wanted names, matched by their order."""
    if len(wanted) != len(given):
        return given
    for (name, value), (other, tensor) in zip(wanted.items(), given.items()):
        if tensor.shape != value.shape:
            raise KoopflowError(
                f"{KEY}: {other} has shape {_shape(tensor)} in {path}, and {name}, at its place in the network, "
                f"has {_shape(value)}; name the weights of this network"
            )
    return dict(zip(wanted, given.values()))


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "()"


def _some(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
