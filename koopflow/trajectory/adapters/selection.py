"""Decides which tensors of a series of checkpoints are parameters, by comparing the first and
last."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from koopflow.core.patterns import matches
from koopflow.trajectory.adapters.state_dicts import StateDict

_NAMED_LIKE_A_WEIGHT = re.compile(
    r"weight|bias|kernel|lora|embed|token|scale|gamma|beta|alpha|theta|param|coef|^[a-z]\d*$|original\d?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """Name patterns that override the reader: tensors to take, and tensors to leave out."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def parameters_of(first: StateDict, last: StateDict, choice: Choice) -> tuple[list[str], dict[str, str]]:
    """Return the names of the parameters, in the first file's order, and the tensors left out with
    the reason.

    Parameters
    ----------
    first, last : StateDict
        The states at both ends of the series, or the same one twice.
    choice : Choice
        Patterns that override the reader.
    """
    taken: list[str] = []
    left = dict(first.left_out)
    for name, tensor in first.tensors.items():
        other = last.tensors.get(name)
        reason = None
        if matches(name, choice.exclude):
            reason = "excluded"
        elif not matches(name, choice.include):
            reason = _fixed(name, tensor, None if first is last else other) or _tied(name, first, last, taken)
        if reason is None:
            taken.append(name)
        else:
            left[name] = reason
    return taken, left


def still(names: Sequence[str], first: StateDict, last: StateDict) -> list[str]:
    """Return the parameters that are the same at both ends of the series: layers that were frozen."""
    if first is last:
        return []
    return [name for name in names if name in last.tensors and torch.equal(first.tensors[name], last.tensors[name])]


def summary(taken: Sequence[str], left: Mapping[str, str], frozen: Sequence[str] = ()) -> str:
    """Return one line that says what was taken, which of it never changes, what was left out, and
    why."""
    groups: dict[str, list[str]] = {}
    for name, reason in left.items():
        groups.setdefault(reason, []).append(name)
    said = f"took {len(taken)} parameter{'s' * (len(taken) > 1)} ({_some(taken, 6)})"
    said += f", of which {_some(frozen, 4)} never change{'s' * (len(frozen) == 1)}" if frozen else ""
    listed = [f"{_some(names, 4)} ({reason})" for reason, names in groups.items()]
    return f"{said}; left out {'; '.join(listed)}" if listed else said


def _some(names: Sequence[str], most: int) -> str:
    return f"{', '.join(names[:most])}{', …' if len(names) > most else ''}"


def _fixed(name: str, tensor: torch.Tensor, other: torch.Tensor | None) -> str | None:
    """Return the reason why a tensor is a mask, or a buffer that training does not change, or None."""
    both = [tensor] if other is None else [tensor, other]
    if tensor.dim() > 1 and all(_binary(each) for each in both) and any(_mixed(each) for each in both):
        return "only 0 and 1: a mask"
    if other is not None and not (tensor.shape == other.shape and torch.equal(tensor, other)):
        return None
    if bool(torch.isinf(tensor).any()) and tensor.dim() > 1:
        return "infinities that never change: a mask"
    if other is not None and not _NAMED_LIKE_A_WEIGHT.search(name.rpartition(".")[2]):
        return "never changes, and is not named like a weight"
    return None


def _binary(tensor: torch.Tensor) -> bool:
    return bool(((tensor == 0) | (tensor == 1)).all())


def _mixed(tensor: torch.Tensor) -> bool:
    return 0 < int(tensor.count_nonzero()) < tensor.numel()


def _tied(name: str, first: StateDict, last: StateDict, taken: Sequence[str]) -> str | None:
    """Return "tied to NAME" if `name` is a tied copy of a taken tensor, or None."""
    tensor, later = first.tensors[name], last.tensors.get(name)
    for known in taken:
        other, other_later = first.tensors[known], last.tensors.get(known)
        if other.shape != tensor.shape or tensor.numel() < 2:
            continue
        if other.data_ptr() == tensor.data_ptr() and other.stride() == tensor.stride():
            return f"tied to {known}"
        if later is None or other_later is None or not (_ends_equal(tensor, other) and _ends_equal(later, other_later)):
            continue
        varied = bool((tensor != tensor.flatten()[0]).any())  # two biases of zeros are no copies
        if varied and torch.equal(other, tensor) and torch.equal(other_later, later):
            return f"tied to {known}"
    return None


def _ends_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether the first and the last numbers are equal: a cheap test that nearly all
    different tensors fail."""
    return all(bool(one[(place,) * one.dim()] == other[(place,) * other.dim()]) for place in (0, -1))
