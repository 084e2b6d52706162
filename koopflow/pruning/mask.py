"""A mask: which weights of a network are kept, as an object of its own.

A network's weights are one flat vector, laid out tensor after tensor: ``parameters`` is a list of (name, shape) in that order, as
in a trajectory file. A mask says for each weight whether it is kept. The choice itself is made by `koopflow.core.masks`.
"""

import fnmatch
import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopflow.core import masks
from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write

Parameters = Sequence[tuple[str, tuple[int, ...]]]

FORMAT = "koopflow-mask-1"
CLASSIFIER, VECTORS = "classifier", "vectors"


@dataclass(frozen=True)
class Mask:
    """Which weights are kept.

    Attributes
    ----------
    parameters : tuple of (str, tuple of int)
        Name and shape of each tensor, in the order of the flat vector.
    kept : ndarray of bool, shape (parameter,)
        True where the weight is kept.
    prunable : tuple of str
        Names of the tensors that selection may prune; the others are kept whole.
    """

    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    kept: np.ndarray
    prunable: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "parameters", tuple((str(name), tuple(int(n) for n in shape)) for name, shape in self.parameters))
        kept = np.array(self.kept, dtype=bool)
        if kept.shape != (size(self.parameters),):
            raise KoopflowError(
                f"mask: shape {kept.shape} for {size(self.parameters)} parameters; one flat vector over all of them"
            )
        kept.flags.writeable = False
        object.__setattr__(self, "kept", kept)
        object.__setattr__(self, "prunable", tuple(self.prunable))

    @classmethod
    def dense(cls, parameters: Parameters, prunable: Sequence[str] | None = None) -> "Mask":
        """Return the mask that keeps everything; `prunable` defaults to all tensors."""
        names = tuple(name for name, _ in parameters) if prunable is None else tuple(prunable)
        return cls(tuple(parameters), np.ones(size(parameters), dtype=bool), names)

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the mask of the tensor `name`, in the tensor's shape."""
        for (found, shape), (start, stop) in zip(self.parameters, spans(self.parameters)):
            if found == name:
                return self.kept[start:stop].reshape(shape)
        raise KoopflowError(f"mask: no parameter {name!r}; there are {', '.join(n for n, _ in self.parameters)}")

    def eligible(self) -> np.ndarray:
        """Return a bool vector (parameter,), True where the weight belongs to a prunable tensor."""
        return eligible(self.parameters, self.prunable)

    def density(self) -> float:
        """Return the kept share of the prunable weights."""
        among = self.eligible()
        return float(np.count_nonzero(self.kept & among) / np.count_nonzero(among))

    def compression(self) -> float:
        """Return all weights over kept weights (ShrinkBench's compression); infinite where nothing is kept."""
        kept = int(np.count_nonzero(self.kept))
        return math.inf if kept == 0 else self.kept.size / kept

    def summary(self) -> list[dict]:
        """Return one record per tensor: layer, shape, size, kept, density, prunable."""
        records = []
        for (name, shape), (start, stop) in zip(self.parameters, spans(self.parameters)):
            kept = int(np.count_nonzero(self.kept[start:stop]))
            records.append(
                {
                    "layer": name,
                    "shape": shape,
                    "size": stop - start,
                    "kept": kept,
                    "density": kept / (stop - start),
                    "prunable": name in self.prunable,
                }
            )
        return records

    def emptied(self) -> list[str]:
        """Return the names of the tensors of which nothing is left."""
        return [record["layer"] for record in self.summary() if record["kept"] == 0]

    def shuffled(self, generator: np.random.Generator) -> "Mask":
        """Return a random mask with the same number kept in every tensor (the control of equal layer densities)."""
        kept = self.kept.copy()
        for name, (start, stop) in zip((n for n, _ in self.parameters), spans(self.parameters)):
            if name in self.prunable:
                kept[start:stop] = generator.permutation(kept[start:stop])
        return Mask(self.parameters, kept, self.prunable)

    def save(self, path: str | os.PathLike) -> None:
        """Write the mask to `path` (an .npz, one bool array per tensor), whole or not at all; equal masks give equal bytes."""
        arrays = {f"mask/{name}": self[name] for name, _ in self.parameters}
        header = {"format": np.array(FORMAT), "prunable": np.array(self.prunable, dtype=np.str_)}
        with atomic_write(path) as partial, open(partial, "wb") as file:
            np.savez_compressed(file, **header, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Mask":
        """Read a mask; nothing in the file is executed (pickled objects are refused)."""
        try:
            with np.load(path, allow_pickle=False) as file:
                if "format" not in file.files or str(file["format"]) != FORMAT:
                    raise KoopflowError(f"{path}: not a mask file; expected one written by Mask.save ({FORMAT})")
                prunable = tuple(str(name) for name in file["prunable"])
                tensors = [(key.removeprefix("mask/"), file[key]) for key in file.files if key.startswith("mask/")]
        except (OSError, ValueError, EOFError) as error:
            raise KoopflowError(f"{path}: cannot be read as a mask file ({error}); expected one written by Mask.save") from None
        kept = np.concatenate([tensor.ravel() for _, tensor in tensors]) if tensors else np.zeros(0, dtype=bool)
        if kept.dtype != np.bool_:
            raise KoopflowError(f"{path}: the mask holds {kept.dtype} values; expected bool")
        return cls(tuple((name, tensor.shape) for name, tensor in tensors), kept, prunable)


def size(parameters: Parameters) -> int:
    """Return the number of weights of all tensors together."""
    return sum(math.prod(shape) for _, shape in parameters)


def spans(parameters: Parameters) -> list[tuple[int, int]]:
    """Return (start, stop) of each tensor in the flat vector."""
    sizes = [math.prod(shape) for _, shape in parameters]
    return [(stop - size, stop) for size, stop in zip(sizes, itertools.accumulate(sizes))]


def eligible(parameters: Parameters, names: Sequence[str]) -> np.ndarray:
    """Return a bool vector (parameter,), True where the weight belongs to one of the tensors `names`."""
    return np.concatenate([np.full(math.prod(shape), name in set(names)) for name, shape in parameters])


def prunable_names(parameters: Parameters, exclude: Sequence[str] = (CLASSIFIER,)) -> tuple[str, ...]:
    """Return the names of the tensors that may be pruned.

    Each entry of `exclude` is a pattern in the shell's sense, matched against the tensor's name ("fc2.weight") and its module's
    ("fc2"), or one of two words: "classifier", the module of the last tensor; "vectors", all one-dimensional tensors (biases,
    normalization).
    A pattern that matches nothing, or patterns that leave nothing to prune, raise KoopflowError.
    """
    names = [name for name, _ in parameters]
    module = {name: name.rpartition(".")[0] for name in names}
    excluded: set[str] = set()
    for pattern in exclude:
        found = {name for name in names if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(module[name], pattern)}
        if pattern == CLASSIFIER:
            found |= {name for name in names if module[name] == module[names[-1]] and (module[name] or name == names[-1])}
        if pattern == VECTORS:
            found |= {name for name, shape in parameters if len(shape) < 2}
        elif not found:
            raise KoopflowError(
                f"exclude: {pattern!r} matches no parameter; accepted: classifier, vectors or a pattern for {', '.join(names)}"
            )
        excluded |= found
    left = tuple(name for name in names if name not in excluded)
    if not left:
        raise KoopflowError(f"exclude: {list(exclude)} leaves nothing to prune of {', '.join(names)}")
    return left


def kept_at(parameters: Parameters, prunable: Sequence[str], compression: float, counted: str = "all") -> int:
    """Return how many prunable weights are kept at `compression`, rounded to the nearest weight.

    counted : "all", compression = all weights / kept weights with the excluded tensors kept whole (ShrinkBench's convention), or
    "prunable", compression = prunable weights / those of them kept. A compression below 1, or one that the excluded tensors alone
    already exceed, raises KoopflowError.
    """
    total, among = size(parameters), int(np.count_nonzero(eligible(parameters, prunable)))
    if counted == "prunable":
        return masks.kept_count(among, compression)
    if counted != "all":
        raise KoopflowError(f"counted: {counted!r} found; accepted are 'all' and 'prunable'")
    kept = masks.kept_count(total, compression) - (total - among)
    if kept < 0:
        highest = total / (total - among)
        raise KoopflowError(
            f"compression: {compression:g} found, but the excluded tensors alone hold {total - among} of {total} weights; "
            f"accepted are 1 to {highest:.6g}, or counted: prunable"
        )
    return kept


def select(
    scores: np.ndarray,
    parameters: Parameters,
    keep: int,
    *,
    prunable: Sequence[str] | None = None,
    scope: str = "global",
    within: Mask | None = None,
) -> Mask:
    """Keep the `keep` prunable weights of highest score, exactly.

    Parameters
    ----------
    scores : ndarray, shape (parameter,)
        Higher is kept. Only the prunable entries are read.
    parameters : sequence of (str, shape)
        The layout of the flat vector.
    keep : int
        How many prunable weights to keep, 0 to their number (or the number that `within` keeps of them).
    prunable : sequence of str, optional
        Names of the tensors that may be pruned (see `prunable_names`); all by default, or those of `within`.
    scope : "global" or "layer"
        One ranking over all tensors, or the same kept share in each (shares rounded so that the total is exact).
    within : Mask, optional
        Select among the weights that this mask keeps (iterative pruning); what it has pruned stays pruned.

    Raises
    ------
    KoopflowError
        For scores that are not finite (the tensor is named), a wrong shape, or an impossible `keep`.
    """
    names = [name for name, _ in parameters]
    if prunable is None:
        prunable = within.prunable if within is not None else names
    scores = np.asarray(scores)
    if scores.shape != (size(parameters),):
        raise KoopflowError(f"scores: shape {scores.shape} found; expected ({size(parameters)},), one per weight")
    candidates = eligible(parameters, prunable)
    if within is not None:
        candidates &= within.kept
    available = int(np.count_nonzero(candidates))
    if not 0 <= keep <= available:
        raise KoopflowError(f"keep: {keep} found; accepted are 0 to {available}, the weights that may be pruned")
    require_finite(scores, parameters, prunable)
    if scope == "global":
        chosen = masks.keep_largest(scores, keep, candidates)
    elif scope == "layer":
        edges = spans(parameters)
        counts = masks.apportion([int(np.count_nonzero(candidates[start:stop])) for start, stop in edges], keep)
        parts = [masks.keep_largest(scores[a:b], count, candidates[a:b]) for (a, b), count in zip(edges, counts)]
        chosen = np.concatenate(parts)
    else:
        raise KoopflowError(f"scope: {scope!r} found; accepted are 'global' and 'layer'")
    kept = chosen | (~eligible(parameters, prunable) & (True if within is None else within.kept))
    return Mask(tuple(parameters), kept, tuple(prunable))


def require_finite(values: np.ndarray, parameters: Parameters, names: Sequence[str], what: str = "scores") -> None:
    """Raise KoopflowError, naming the tensor, when one of the tensors `names` holds NaN or infinity."""
    for (name, _), (start, stop) in zip(parameters, spans(parameters)):
        if name in names and not np.isfinite(values[start:stop]).all():
            count = int(np.count_nonzero(~np.isfinite(values[start:stop])))
            raise KoopflowError(
                f"{what}: {count} of {stop - start} values of {name} are NaN or infinite; finite numbers are accepted"
            )
