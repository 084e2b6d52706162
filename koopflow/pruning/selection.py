"""Selects the weights to prune: the prunable tensors, how many weights to keep, and which."""

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core import masks
from koopflow.core.errors import KoopflowError
from koopflow.pruning import allocation
from koopflow.pruning.mask import Mask, Parameters, eligible, size, spans

CLASSIFIER, HEAD, VECTORS = "classifier", "head", "vectors"


def prunable_names(
    parameters: Parameters,
    exclude: Sequence[str] = (CLASSIFIER,),
    classifier: Sequence[str] = (),
    *,
    candidates: Collection[str] | None = None,
    aliases: Mapping[str, Sequence[str]] | None = None,
) -> tuple[str, ...]:
    """Return the names of the tensors that may be pruned.

    Parameters
    ----------
    parameters : sequence of (str, shape)
    exclude : sequence of str
        "classifier" or "head", the last layer; "vectors", all one-dimensional tensors (biases,
        normalization); or shell patterns of tensor names ("fc2.weight") and module names ("fc2").
    classifier : sequence of str, optional
        The tensors of the classifier; by default those of the module that holds the last tensor.
    candidates : collection of str, optional
        The tensors among which to choose; all by default.
    aliases : mapping of str to sequence of str, optional
        All names of a tensor that has several, which patterns may match.

    Raises
    ------
    KoopflowError
        For a pattern that matches nothing, and when nothing is left to prune.
    """
    names = [name for name, _ in parameters]
    called = {name: [*(aliases or {}).get(name, ()), name] for name in names}
    excluded: set[str] = set()
    for pattern in exclude:
        found = {name for name in names if any(_matches(each, pattern) for each in called[name])}
        if pattern in (CLASSIFIER, HEAD):
            owner = names[-1].rpartition(".")[0]
            last = {name for name in names if name.rpartition(".")[0] == owner and (owner or name == names[-1])}
            found |= set(classifier) or last
        if pattern == VECTORS:
            found |= {name for name, shape in parameters if len(shape) < 2}
        elif not found:
            raise KoopflowError(
                f"exclude: {pattern!r} matches no parameter; use classifier, vectors or a pattern for "
                f"{', '.join(names)}"
            )
        excluded |= found
    left = tuple(name for name in names if name not in excluded and (candidates is None or name in candidates))
    if not left:
        raise KoopflowError(f"exclude: {list(exclude)} leaves nothing to prune of {', '.join(names)}")
    return left


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition(".")[0], pattern)


def kept_at(parameters: Parameters, prunable: Sequence[str], compression: float, counted: str = "all") -> int:
    """Return how many prunable weights to keep at a compression, to the nearest weight.

    Parameters
    ----------
    parameters : sequence of (str, shape)
    prunable : sequence of str
        The tensors that may be pruned.
    compression : float
        At least 1.
    counted : {"all", "prunable"}
        "all": compression = all weights / kept weights, where the other tensors are kept whole (as
        in ShrinkBench). "prunable": compression = prunable weights / kept prunable weights.

    Raises
    ------
    KoopflowError
        For a compression below 1, or beyond what the tensors kept whole allow.
    """
    total, among = size(parameters), int(np.count_nonzero(eligible(parameters, prunable)))
    if counted == "prunable":
        return masks.kept_count(among, compression)
    if counted != "all":
        raise KoopflowError(f"counted must be 'all' or 'prunable' (got {counted!r})")
    kept = masks.kept_count(total, compression) - (total - among)
    if kept < 0:
        raise KoopflowError(
            f"compression must be from 1 to {total / (total - among):.6g} (got {compression:g}), since "
            "the excluded tensors hold "
            f"{total - among} of {total} weights; set counted: prunable to count only the others"
        )
    return kept


def mask_by_score(
    scores: ArrayLike,
    parameters: Parameters,
    keep: int,
    *,
    prunable: Sequence[str] | None = None,
    scope: str = "global",
    within: Mask | None = None,
) -> Mask:
    """Return the mask that keeps exactly the `keep` prunable weights of highest score.

    Parameters
    ----------
    scores : array, shape (parameter,)
        Only the entries of prunable tensors are read.
    parameters : sequence of (str, shape)
        The layout of the flat vector.
    keep : int
        How many prunable weights to keep, from 0 to their number (or to the number that `within`
        keeps).
    prunable : sequence of str, optional
        The tensors that may be pruned; those of `within`, or all, by default.
    scope : {"global", "layer", "output", "erk"}
        One ranking over all tensors; the same density in each; the same density for each output
        unit; or densities by Erdős–Rényi kernel. Rounded so that the total is exact.
    within : Mask, optional
        An earlier mask; what it prunes stays pruned.

    Raises
    ------
    KoopflowError
        For scores that are not finite or have another shape, and for an impossible `keep`.
    """
    if prunable is None:
        prunable = within.prunable if within is not None else [name for name, _ in parameters]
    values = np.asarray(scores)
    if values.shape != (size(parameters),):
        raise KoopflowError(f"scores must have shape ({size(parameters)},), one per weight (got {values.shape})")
    among = eligible(parameters, prunable)
    candidates = among if within is None else among & within.kept
    available = int(np.count_nonzero(candidates))
    if not 0 <= keep <= available:
        raise KoopflowError(
            f"keep must be from 0 to {available}, the number of weights that may be pruned (got {keep})"
        )
    require_finite(values, parameters, prunable)
    if scope not in allocation.SCOPES:
        raise KoopflowError(f"scope must be one of {', '.join(allocation.SCOPES)} (got {scope!r})")
    chosen = allocation.chosen(values, candidates, keep, [shape for _, shape in parameters], scope)
    kept = chosen | (~among & (True if within is None else within.kept))
    return Mask(tuple(parameters), kept, tuple(prunable))


def require_finite(
    values: NDArray[np.generic], parameters: Parameters, names: Sequence[str], what: str = "scores"
) -> None:
    """Raise a KoopflowError for the first of the tensors `names` with NaN or infinity."""
    for (name, _), (start, stop) in zip(parameters, spans(parameters)):
        if name in names and not np.isfinite(values[start:stop]).all():
            count = int(np.count_nonzero(~np.isfinite(values[start:stop])))
            raise KoopflowError(
                f"{what} must be finite ({count} of {stop - start} values of {name} are NaN or infinite)"
            )
