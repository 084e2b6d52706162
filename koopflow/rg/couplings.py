"""Couplings of a masked network: what the renormalization group of pruning acts on.

Redman et al. (arXiv 2110.03210) read iterative magnitude pruning as a coarse-graining whose couplings are shares of weight
magnitude, M_i = Σ_{j∈i} m_j |θ_j| / Σ_j m_j |θ_j|. A *group* i is a layer or a residual block there. Layer couplings do not
change when inputs or hidden units are permuted, so two tasks that differ by such a permutation look alike; groups of one unit
each break that symmetry.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from koopflow.core.errors import KoopflowError


@dataclass(frozen=True)
class Sums:
    """What every kind of coupling is made of, per replica and group: arrays (replica, group)."""

    magnitude: np.ndarray
    survivors: np.ndarray
    weights: np.ndarray


#: A kind of coupling is a function of `Sums`; a new one is one entry here.
KINDS: dict[str, Callable[[Sums], np.ndarray]] = {
    "share": lambda sums: sums.magnitude / sums.magnitude.sum(axis=1, keepdims=True),
    "density": lambda sums: sums.survivors / sums.weights,
    "mean_magnitude": lambda sums: np.divide(
        sums.magnitude, sums.survivors, out=np.zeros_like(sums.magnitude), where=sums.survivors > 0
    ),
}

#: How weights are gathered into groups. ``input_unit`` and ``neuron`` break the permutation symmetry of layer couplings.
GROUPINGS = ("layer", "block", "input_unit", "neuron")

#: Names of parameters up to their residual block: a last number that is followed by something else, as in
#: ``blocks.3.conv1.weight``.
BLOCK = re.compile(r"^(.*\.\d+)\.[^.]*[a-zA-Z].*\.(weight|bias)$")


def couplings(
    weights: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    kind: str = "share",
    grouping: str = "layer",
) -> tuple[list[str], np.ndarray]:
    """Measure the couplings of one round.

    Parameters
    ----------
    weights : mapping of str to array (replica, ...)
        Trained weights of each prunable layer, output unit first behind the replica axis, as torch stores them.
    masks : mapping of str to bool array (replica, ...)
        Survivors, shaped like the weights.
    kind : {"share", "density", "mean_magnitude"}
        Share of the network's magnitude (the paper's), share of weights that survive, or mean magnitude of survivors.
    grouping : {"layer", "block", "input_unit", "neuron"}
        Layers; residual blocks by the names' common stem; inputs of the first layer; or output units of every layer but the last.

    Returns
    -------
    groups : list of str
        Names of the groups.
    values : float64 array (replica, group)
        Their couplings; 0 where nothing survives.

    Raises
    ------
    KoopflowError
        For an unknown kind or grouping, for masks that do not match the weights, and for weights that are not finite.
    """
    if kind not in KINDS:
        raise KoopflowError(f"coupling: found {kind!r}, accepted are {', '.join(KINDS)}")
    check_masks(weights, masks)
    groups, sums = group_sums(weights, masks, grouping)
    return groups, KINDS[kind](sums)


def check_masks(weights: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray]) -> None:
    """Refuse masks that belong to other weights, and weights that have left the finite numbers."""
    if set(weights) != set(masks):
        odd = sorted(set(weights) ^ set(masks))
        raise KoopflowError(f"masks do not match weights: {', '.join(odd)} found in only one of the two")
    for name, values in weights.items():
        if np.shape(values) != np.shape(masks[name]):
            raise KoopflowError(f"{name}: mask of shape {np.shape(masks[name])} does not match weights of shape {np.shape(values)}")
        if not np.isfinite(values).all():
            raise KoopflowError(f"{name}: weights are not finite; a diverged training has no couplings")


def group_sums(weights: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], grouping: str) -> tuple[list[str], Sums]:
    """Add up magnitudes, survivors and weights by group; names and `Sums` as in `couplings`."""
    names = list(weights)
    if grouping in ("layer", "block"):
        label = block_of if grouping == "block" else str
        found: dict[str, list[np.ndarray]] = {}
        for name in names:
            found.setdefault(label(name), []).append(_parts(weights[name], masks[name], None))
        return list(found), Sums(*np.stack([np.sum(parts, axis=0) for parts in found.values()], axis=2)[:, :, :, 0])
    if grouping == "input_unit":
        return _units(["input"], [_parts(weights[names[0]], masks[names[0]], 2)])
    if grouping == "neuron":
        return _units(names[:-1], [_parts(weights[name], masks[name], 1) for name in names[:-1]])
    raise KoopflowError(f"grouping: found {grouping!r}, accepted are {', '.join(GROUPINGS)}")


def _parts(weights: np.ndarray, mask: np.ndarray, axis: int | None) -> np.ndarray:
    """Return magnitude, survivors and weights of one layer (3, replica, unit), summed over everything but `axis`."""
    mask = np.asarray(mask, dtype=bool)
    magnitude = np.abs(np.asarray(weights, dtype=np.float64)) * mask
    return np.stack([_rows(values, axis) for values in (magnitude, mask, np.ones_like(mask))])


def _units(stems: list[str], parts: list[np.ndarray]) -> tuple[list[str], Sums]:
    """Name and join single units: ``stem[unit]``."""
    names = [f"{stem}[{unit}]" for stem, part in zip(stems, parts) for unit in range(part.shape[2])]
    return names, Sums(*np.concatenate(parts, axis=2))


def _rows(values: np.ndarray, axis: int | None) -> np.ndarray:
    """Sum an array (replica, ...) over everything but the replica and, when given, one more axis: (replica, unit)."""
    kept = (0,) if axis is None else (0, axis)
    total = values.sum(axis=tuple(other for other in range(values.ndim) if other not in kept), dtype=np.float64)
    return total[:, None] if axis is None else total


def block_of(name: str) -> str:
    """Return the residual block that a parameter belongs to by its name; its own layer where there is no block.

    >>> block_of("stage1.0.conv1.weight"), block_of("layer2.1.bn2.weight"), block_of("fc.weight")
    ('stage1.0', 'layer2.1', 'fc')
    >>> block_of("bert.encoder.layer.3.attention.self.query.weight")
    'bert.encoder.layer.3'
    """
    found = BLOCK.match(name)
    return found.group(1) if found else name.rsplit(".", 1)[0]


def floor_of_vanished(values: np.ndarray, survivors: np.ndarray) -> np.ndarray:
    """Give groups that have lost every weight the coupling of half a surviving weight, so that their flow keeps a logarithm.

    Parameters
    ----------
    values : array (..., group)
        Shares of magnitude.
    survivors : array (...)
        Surviving weights of the whole network at the same place.

    Returns
    -------
    array (..., group)
        The shares, none below 1 / (2 survivors): the usual continuity correction for counts, half of one weight of mean magnitude.
    """
    return np.maximum(values, 0.5 / np.asarray(survivors, dtype=np.float64)[..., None])
