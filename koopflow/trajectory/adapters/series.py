"""A folder of checkpoints as one series: the same parameters, file after file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.adapters.contents import read_content
from koopflow.trajectory.adapters.selection import Choice, parameters_of, still
from koopflow.trajectory.adapters.sources import Source
from koopflow.trajectory.adapters.state_dicts import StateDict, parse


class Series:
    """The states of several sources, and which of their tensors are parameters.

    Parameters
    ----------
    sources : sequence of Source
        In order, at least one.
    choice : Choice, optional
        Patterns that override the reader.

    Attributes
    ----------
    names : list of str
        The parameters, in the first file's order.
    left_out : dict of str to str
        Other tensors, with the reason.
    frozen : list of str
        Parameters that are the same at both ends of the series.
    first : StateDict

    Raises
    ------
    KoopflowError
        If a file cannot be read, or nothing in the first is a parameter.
    """

    def __init__(self, sources: Sequence[Source], choice: Choice | None = None):
        self._sources, self._choice = list(sources), choice or Choice()
        self.first = self.state(self._sources[0])
        last = self.first if len(self._sources) == 1 else self._state_or_first(self._sources[-1])
        self.names, self.left_out = parameters_of(self.first, last, self._choice)
        self.frozen = still(self.names, self.first, last)
        if not self.names:
            held = ", ".join(f"{name} ({reason})" for name, reason in list(self.left_out.items())[:6])
            raise KoopflowError(
                f"{self._sources[0].path}: no floating-point tensors found in it that may be parameters"
                f"{'; left out are ' + held if held else ''}"
            )

    def state(self, source: Source) -> StateDict:
        """Read one state.

        Raises
        ------
        KoopflowError
            If the file cannot be read, or a mask does not fit its weights.
        """
        content = dict(read_content(source.path))
        if source.mask is not None and source.mask != source.path:
            content = {"state_dict": content, "masks": _only_mapping(read_content(source.mask))}
        try:
            return parse(content, self._choice.include)
        except KoopflowError as error:
            raise KoopflowError(f"{source.path}: {error}") from None

    def _state_or_first(self, source: Source) -> StateDict:
        try:
            return self.state(source)
        except KoopflowError:  # reported when the file is read in its turn
            return self.first

    def tensors(self) -> Iterator[tuple[Path, dict[str, torch.Tensor]]]:
        """Yield the path and the parameters of each state in the order of `names`, pruned ones
        multiplied by their mask.

        Raises
        ------
        KoopflowError
            If a state has other parameters than the first.
        """
        wanted = [(name, tuple(self.first.tensors[name].shape)) for name in self.names]
        for source in self._sources:
            state = self.first if source is self._sources[0] else self.state(source)
            found = [(name, tuple(tensor.shape)) for name, tensor in state.tensors.items() if name not in self.left_out]
            if dict(found) != dict(wanted):
                first = self._sources[0].path
                raise KoopflowError(
                    f"{source.path}: holds {difference(found, wanted)} in {first.name}; all states must match"
                )
            yield source.path, {name: _effective(name, state) for name, _ in wanted}


def _only_mapping(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one mapping inside `content`, or `content` if it holds tensors itself."""
    inner = [value for value in content.values() if isinstance(value, Mapping)]
    return (
        inner[0]
        if len(inner) == 1 and not any(isinstance(value, torch.Tensor) for value in content.values())
        else content
    )


def difference(found: Sequence[tuple[str, tuple[int, ...]]], wanted: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    """Return the first difference between the parameters of a state and those of the first state,
    as text."""
    known = dict(wanted)
    for (name, shape), (first, first_shape) in zip(found, wanted):
        if name not in known or shape != known[name]:
            return (
                f"{name} {shape} for {first} {first_shape}"
                if name not in known
                else f"{name} {shape} for {name} {known[name]}"
            )
    return f"{len(found)} parameters for {len(wanted)}"


def _effective(name: str, state: StateDict) -> torch.Tensor:
    tensor, mask = state.tensors[name], state.masks.get(name)
    return tensor if mask is None else tensor * mask
