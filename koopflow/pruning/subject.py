"""What `koopflow.prune` prunes: a PyTorch model or a recorded run, as flat vectors with names."""

import os
import re
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from koopflow.core import arguments
from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import matching
from koopflow.pruning import selection
from koopflow.pruning.weights import Weight, head_of, named_head, weights_of
from koopflow.trajectory import Trajectory

Recording: TypeAlias = str | os.PathLike[str] | Trajectory
"""A trajectory file: a path or an open Trajectory."""
Kinds: TypeAlias = Literal["weights", "all"] | Sequence[str]
"""Which tensors may be pruned: weights of linear layers and convolutions, all, or name patterns."""
Shapes: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Subject:
    """The object to prune.

    Attributes
    ----------
    parameters : tuple of (str, shape)
        Each tensor once, in the order of the flat vectors.
    weights : float32 ndarray, shape (parameter,)
    matrices : tuple of str
        The tensors that layers multiply by.
    head : tuple of str
        The tensors of the last layer.
    aliases : dict of str to list of str
        All names of each tensor.
    gradient : float32 ndarray, shape (parameter,), or None
        What ``backward`` left in ``.grad``.
    states : Trajectory or None
    replica : int
    model : torch.nn.Module or None
        The network; None for a recorded run.
    """

    parameters: Shapes
    weights: NDArray[np.float32]
    matrices: tuple[str, ...]
    head: tuple[str, ...]
    aliases: dict[str, list[str]] = field(default_factory=dict)
    gradient: NDArray[np.float32] | None = None
    states: Trajectory | None = None
    replica: int = 0
    model: nn.Module | None = None

    def prunable(self, kinds: Kinds, exclude: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the tensors that may be pruned; see `selection.prunable_names`."""
        names = [name for name, _ in self.parameters]
        candidates: Collection[str] | None = None
        if kinds == "weights":
            candidates = self.matrices
        elif not isinstance(kinds, str):
            candidates = matching(
                names, [str(each) for each in arguments.names(kinds, "prunable")], "prunable", "the network"
            )
        elif kinds != "all":
            raise KoopflowError(f"prunable must be 'weights', 'all' or a list of name patterns (got {kinds!r})")
        return selection.prunable_names(
            self.parameters, exclude, self.head, candidates=candidates, aliases=self.aliases
        )


def subject_of(model_or_run: Any, recording: Recording | None, replica: int, stack: ExitStack) -> Subject:
    """Return the network or the recorded run that a user hands over, opened in `stack`.

    Raises
    ------
    KoopflowError
        For anything else, and for the recording of another network.
    """
    if isinstance(model_or_run, str | os.PathLike | Trajectory):
        if recording is not None:
            raise KoopflowError("prune: recording must be omitted when pruning a recorded run")
        return _recorded(_opened(model_or_run, replica, stack), replica)
    if not hasattr(model_or_run, "named_parameters") or isinstance(model_or_run, type):
        raise KoopflowError(
            f"prune: model_or_run must be a torch.nn.Module or a trajectory file (got {type(model_or_run).__name__})"
        )
    tensors = weights_of(model_or_run)
    if empty := [name for name, each in tensors.items() if each.value.is_meta]:
        raise KoopflowError(f"prune: {empty[0]} has no values; move the network off the device meta (to_empty)")
    states = None if recording is None else _opened(recording, replica, stack)
    if states is not None:  # vectors are in the order of the recording
        recorded = [plain_name(parameter.name) for parameter in states.parameters]
        tensors = {name: tensors[name] for name in recorded} if set(recorded) == set(tensors) else tensors
    layout = tuple((name, each.shape) for name, each in tensors.items())
    weights = flat([each.value for each in tensors.values()])
    if states is not None:
        coarsest = max(torch.finfo(each.value.dtype).eps for each in tensors.values())
        _check_recording(states, layout, weights, replica, coarsest)
    return Subject(
        layout,
        weights,
        tuple(name for name, each in tensors.items() if each.is_matrix),
        head_of(model_or_run, tensors),
        {name: each.names for name, each in tensors.items()},
        _gradient(tensors),
        states,
        replica,
        model_or_run,
    )


def flat(tensors: Sequence[Any]) -> NDArray[np.float32]:
    """Return tensors of any precision and device as one float32 vector."""
    return np.concatenate([value.detach().cpu().float().numpy().ravel() for value in tensors])


def plain_name(name: str) -> str:
    """Return the name of a tensor without the parts that a parametrization adds."""
    return re.sub(r"(^|\.)parametrizations\.(.+)\.original$", r"\1\2", name)


def state_at(states: Trajectory, place: int, replica: int) -> NDArray[np.float32]:
    """Return the recorded state number `place` of one run, shape (parameter,)."""
    step = int(states.steps[place])
    return states.window(step, step).read(replicas=[replica])[0, 0]


def _gradient(tensors: dict[str, Weight]) -> NDArray[np.float32] | None:
    """Return all gradients, with zeros for tensors that are not pruned and have none; None if one
    that could be pruned has none."""
    if any(each.original.grad is None for each in tensors.values() if each.is_matrix):
        return None
    grads = [(each.value, each.original.grad) for each in tensors.values()]
    return flat([value.new_zeros(value.shape) if grad is None else grad for value, grad in grads])


def _recorded(run: Trajectory, replica: int) -> Subject:
    layout = tuple((plain_name(parameter.name), tuple(parameter.shape)) for parameter in run.parameters)
    matrices = [name for name, shape in layout if len(shape) > 1]
    head = named_head(matrices, {name: [name] for name, _ in layout})
    return Subject(layout, state_at(run, -1, replica), tuple(matrices), head, states=run, replica=replica)


def _opened(recording: Recording, replica: int, stack: ExitStack) -> Trajectory:
    found = recording if isinstance(recording, Trajectory) else stack.enter_context(Trajectory(recording))
    if not 0 <= replica < found.replicas:
        raise KoopflowError(f"{found.path}: replica must be between 0 and {found.replicas - 1} (got {replica})")
    return found


def _check_recording(
    states: Trajectory, layout: Shapes, weights: NDArray[np.float32], replica: int, rounding: float
) -> None:
    """Raise a KoopflowError if `states` were recorded from another network.

    `rounding` is the relative rounding error of the network's weights.
    """
    held = [(plain_name(parameter.name), tuple(parameter.shape)) for parameter in states.parameters]
    for ours, theirs in zip_longest(layout, held):
        if ours != theirs:
            raise KoopflowError(
                f"{states.path}: parameters must equal the network's; the first to differ is "
                f"{(ours or theirs or ('', ()))[0]}"
            )
    first, last = (state_at(states, place, replica) for place in (0, -1))
    if np.linalg.norm(weights - last) > max(np.linalg.norm(last - first), max(1e-6, rounding) * np.linalg.norm(last)):
        raise KoopflowError(
            f"{states.path}: last state must be near the network's weights; pass the recording of this "
            "network up to now"
        )
