"""A mask: which weights of a network are kept.

The weights of a network are one flat vector, tensor after tensor. `Parameters` lists the name and
the shape of each tensor in that order, as a trajectory file does.
"""

import itertools
import math
import os
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write
from koopflow.io.npz import refuse_inflation
from koopflow.io.paths import check_regular

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import nn

    from koopflow.pruning.sizes import Sizes

Parameters = Sequence[tuple[str, tuple[int, ...]]]

FORMAT = "koopflow-mask-1"


class Layer(NamedTuple):
    """One tensor of a mask: how many of its weights are kept."""

    layer: str
    shape: tuple[int, ...]
    size: int
    kept: int
    density: float
    prunable: bool


@dataclass(frozen=True, repr=False)
class Mask:
    """Which weights of a network are kept.

    Attributes
    ----------
    parameters : tuple of (str, tuple of int)
        Name and shape of each tensor, in the order of the flat vector.
    kept : ndarray of bool, shape (parameter,)
        True where the weight is kept.
    prunable : tuple of str
        The tensors that may be pruned; the others are kept whole.
    """

    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    kept: NDArray[np.bool_]
    prunable: tuple[str, ...]
    _applied: "list[weakref.ref[nn.Module]]" = field(init=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parameters, self.kept, self.prunable)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "parameters", tuple((str(name), tuple(int(n) for n in shape)) for name, shape in self.parameters)
        )
        kept = np.array(self.kept, dtype=bool)
        if kept.shape != (size(self.parameters),):
            raise KoopflowError(
                f"mask: kept must have shape ({size(self.parameters)},), one entry per weight (got {kept.shape})"
            )
        kept.flags.writeable = False
        object.__setattr__(self, "kept", kept)
        object.__setattr__(self, "prunable", tuple(self.prunable))
        object.__setattr__(self, "_applied", [])

    @classmethod
    def dense(cls, parameters: Parameters, prunable: Sequence[str] | None = None) -> "Mask":
        """Return the mask that keeps everything; `prunable` defaults to all tensors."""
        names = tuple(name for name, _ in parameters) if prunable is None else tuple(prunable)
        return cls(tuple(parameters), np.ones(size(parameters), dtype=bool), names)

    def __repr__(self) -> str:
        kept = int(np.count_nonzero(self.kept))
        return (
            f"Mask({kept} of {self.kept.size} weights kept, density {self.density:.4g} in "
            f"{len(self.prunable)} prunable tensors)"
        )

    def __getitem__(self, name: str) -> NDArray[np.bool_]:
        """Return the mask of the tensor `name`, in the tensor's shape."""
        for (found, shape), (start, stop) in zip(self.parameters, spans(self.parameters)):
            if found == name:
                return self.kept[start:stop].reshape(shape)
        raise KoopflowError(f"mask: no parameter {name!r}; it has {', '.join(n for n, _ in self.parameters)}")

    def eligible(self) -> NDArray[np.bool_]:
        """Return a bool vector (parameter,), True where the weight belongs to a prunable tensor."""
        return eligible(self.parameters, self.prunable)

    @property
    def density(self) -> float:
        """The share of the prunable weights that is kept."""
        among = self.eligible()
        return float(np.count_nonzero(self.kept & among) / np.count_nonzero(among))

    @property
    def compression(self) -> float:
        """All weights over kept weights, as ShrinkBench counts; infinite if nothing is kept."""
        kept = int(np.count_nonzero(self.kept))
        return math.inf if kept == 0 else self.kept.size / kept

    def layers(self) -> list[Layer]:
        """Return name, shape, size, kept weights and density of each tensor."""
        found = []
        for (name, shape), (start, stop) in zip(self.parameters, spans(self.parameters)):
            kept = int(np.count_nonzero(self.kept[start:stop]))
            found.append(Layer(name, shape, stop - start, kept, kept / (stop - start), name in self.prunable))
        return found

    def emptied(self) -> list[str]:
        """Return the names of the tensors without a kept weight."""
        return [layer.layer for layer in self.layers() if layer.kept == 0]

    def shuffled(self, generator: np.random.Generator) -> "Mask":
        """Return a random mask of equal layer densities, the control."""
        kept = self.kept.copy()
        for name, (start, stop) in zip((n for n, _ in self.parameters), spans(self.parameters)):
            if name in self.prunable:
                kept[start:stop] = generator.permutation(kept[start:stop])
        return Mask(self.parameters, kept, self.prunable)

    def apply(self, model: "nn.Module", permanent: bool = False) -> "nn.Module":
        """Set the pruned weights of a PyTorch model to zero, in place, and return the model.

        They stay zero through further training: each masked tensor gets a parametrization
        (`torch.nn.utils.parametrize`), which also goes into the model's ``state_dict``. Optimizers
        made before go on with the same parameters. `remove` makes the zeros permanent.

        Parameters
        ----------
        model : torch.nn.Module
        permanent : bool
            Only set the weights to zero once; further training then changes them.

        Raises
        ------
        KoopflowError
            If the model lacks a tensor of the mask, or has it in another shape; the model is then
            unchanged.
        """
        from koopflow.pruning import masking

        if permanent:
            masking.zero(self, model)
        else:
            masking.hold(self, model)
            self._applied.append(weakref.ref(model))
        return model

    def remove(self, model: "nn.Module | None" = None) -> None:
        """Make the zeros of an applied mask permanent: plain parameters again, without
        parametrizations.

        Parameters
        ----------
        model : torch.nn.Module, optional
            By default, every model that this mask was applied to and that still exists.
        """
        from koopflow.pruning import masking

        for each in [model] if model is not None else [reference() for reference in self._applied]:
            if each is not None:
                masking.release(each)
        self._applied[:] = [reference for reference in self._applied if model is not None and reference() is not model]

    def table(self) -> "pd.DataFrame":
        """Return one row per tensor: layer, shape, size, kept, density, prunable."""
        import pandas as pd

        return pd.DataFrame(self.layers(), columns=list(Layer._fields))

    def state_dict(self, model: "nn.Module") -> "dict[str, torch.Tensor]":
        """Return the pruned weights of a model under their plain names, with the mask of each
        prunable tensor as ``NAME_mask``; the model stays as it is.

        ``safetensors.torch.save_file`` and ``torch.save`` write it, and koopflow reads it as a
        round of pruning.
        """
        from koopflow.pruning import masking

        return masking.tensors(self, model)

    def shrink(self, model: "nn.Module") -> "nn.Module":
        """Return a smaller copy of a model, in evaluation mode, with the same outputs under this
        mask: without channels and units that are empty. See `koopflow.pruning.shrink.shrunk`.
        """
        import copy

        from koopflow.pruning import shrink

        return shrink.shrunk(self.apply(copy.deepcopy(model), permanent=True))

    def sizes(self, model: "nn.Module", *inputs: "torch.Tensor") -> "Sizes":
        """Return parameters, multiply-adds and bytes of a model under this mask.

        The model is called once on `inputs`; it stays as it is.
        """
        import copy

        from koopflow.pruning import sizes

        return sizes.sizes(self.apply(copy.deepcopy(model), permanent=True), *inputs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz with one bool array per tensor; equal masks give equal bytes."""
        arrays: dict[str, NDArray[Any]] = {
            "format": np.array(FORMAT),
            "prunable": np.array(self.prunable, dtype=np.str_),
        }
        arrays |= {f"mask/{name}": self[name] for name, _ in self.parameters}
        with atomic_write(path) as partial, open(partial, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes any keyword for a flag

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Mask":
        """Read a mask that `save` wrote.

        Raises
        ------
        KoopflowError
            If the file is not a mask. Pickled objects are refused, so nothing in the file is
            executed.
        """
        check_regular(path)
        refuse_inflation(path)
        try:
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
                if "format" not in file.files or str(file["format"]) != FORMAT:
                    raise KoopflowError(f"{path}: not a mask file; expected one written by Mask.save ({FORMAT})")
                prunable = tuple(str(name) for name in file["prunable"])
                tensors = [(key.removeprefix("mask/"), file[key]) for key in file.files if key.startswith("mask/")]
        except KoopflowError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a damaged file
            what = (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__
            raise KoopflowError(
                f"{path}: cannot be read as a mask file ({what}); expected one written by Mask.save"
            ) from None
        kept = np.concatenate([tensor.ravel() for _, tensor in tensors]) if tensors else np.zeros(0, dtype=bool)
        if kept.dtype != np.bool_:
            raise KoopflowError(f"{path}: the mask must hold bool arrays (got {kept.dtype})")
        return cls(tuple((name, tensor.shape) for name, tensor in tensors), kept, prunable)


def size(parameters: Parameters) -> int:
    """Return the number of weights of all tensors together."""
    return sum(math.prod(shape) for _, shape in parameters)


def spans(parameters: Parameters) -> list[tuple[int, int]]:
    """Return (start, stop) of each tensor in the flat vector."""
    sizes = [math.prod(shape) for _, shape in parameters]
    return [(stop - size, stop) for size, stop in zip(sizes, itertools.accumulate(sizes))]


def eligible(parameters: Parameters, names: Iterable[str]) -> NDArray[np.bool_]:
    """Return a bool vector (parameter,), True in the tensors `names`."""
    among = set(names)
    return np.concatenate([np.full(math.prod(shape), name in among) for name, shape in parameters])
