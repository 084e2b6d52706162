"""Groups of weights, and the sums over groups from which couplings are computed.

Layer couplings are invariant under permutations of inputs or hidden units, so they cannot
distinguish tasks that differ by such a permutation. Groups of single units can.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.rg.registry import GROUPINGS

Array = NDArray[np.float64]
Weights = Mapping[str, NDArray[Any]]
Masks = Mapping[str, NDArray[np.bool_]]

BLOCK = re.compile(r"^(.*\.\d+)\.[^.]*[a-zA-Z].*\.(weight|bias)$")
"""A parameter's name up to its residual block: the last number followed by a name, as in
``blocks.3.conv1.weight``.
"""


@dataclass(frozen=True)
class Sums:
    """Sums over groups, each float64 (replica, group): magnitude of survivors, number of survivors,
    and number of weights.
    """

    magnitude: Array
    survivors: Array
    weights: Array


def check_masks(weights: Weights, masks: Masks) -> None:
    """Raise a KoopflowError unless the masks match the weights and the weights are finite."""
    if set(weights) != set(masks):
        odd = sorted(set(weights) ^ set(masks))
        raise KoopflowError(f"masks and weights must have the same layers; only one of them has {', '.join(odd)}")
    for name, values in weights.items():
        if np.shape(values) != np.shape(masks[name]):
            raise KoopflowError(
                f"{name}: mask must have the shape of the weights, {np.shape(values)} (got {np.shape(masks[name])})"
            )
        if not np.isfinite(values).all():
            raise KoopflowError(f"{name}: weights must be finite; leave out diverged networks")


def group_sums(weights: Weights, masks: Masks, grouping: str) -> tuple[list[str], Sums]:
    """Return the group names, and the sums of magnitude, survivors and weights over each group.

    Parameters
    ----------
    weights, masks
        As in `koopflow.rg.couplings.couplings`.
    grouping : {"layer", "block", "input_unit", "neuron"}
        Layers; residual blocks, by the common stem of their parameters' names; inputs of the first
        layer; output units of every layer but the last.

    Returns
    -------
    groups : list of str
    sums : Sums
    """
    names = list(weights)
    if grouping in ("layer", "block"):
        found: dict[str, list[Array]] = {}
        for name in names:
            group = block_of(name) if grouping == "block" else name
            found.setdefault(group, []).append(_parts(weights[name], masks[name], None))
        return list(found), Sums(*np.stack([np.sum(parts, axis=0) for parts in found.values()], axis=2)[:, :, :, 0])
    if grouping == "input_unit":
        return _units(["input"], [_parts(weights[names[0]], masks[names[0]], 2)])
    if grouping == "neuron":
        return _units(names[:-1], [_parts(weights[name], masks[name], 1) for name in names[:-1]])
    raise KoopflowError(f"grouping must be one of {', '.join(GROUPINGS)} (got {grouping!r})")


def block_of(name: str) -> str:
    """Return the residual block of a parameter, from its name; its layer if it belongs to no block.

    >>> block_of("stage1.0.conv1.weight"), block_of("layer2.1.bn2.weight"), block_of("fc.weight")
    ('stage1.0', 'layer2.1', 'fc')
    >>> block_of("bert.encoder.layer.3.attention.self.query.weight")
    'bert.encoder.layer.3'
    """
    found = BLOCK.match(name)
    return found.group(1) if found else name.rsplit(".", 1)[0]


def _parts(weights: NDArray[Any], mask: NDArray[np.bool_], axis: int | None) -> Array:
    """Return magnitude, survivors and weights of one layer, (3, replica, unit), summed over all
    axes except `axis`.
    """
    mask = np.asarray(mask, dtype=bool)
    magnitude = np.abs(np.asarray(weights, dtype=np.float64)) * mask
    return np.stack([_rows(values, axis) for values in (magnitude, mask, np.ones_like(mask))])


def _units(stems: list[str], parts: list[Array]) -> tuple[list[str], Sums]:
    """Return the names, ``stem[unit]``, and the sums of single units over all layers."""
    names = [f"{stem}[{unit}]" for stem, part in zip(stems, parts) for unit in range(part.shape[2])]
    return names, Sums(*np.concatenate(parts, axis=2))


def _rows(values: NDArray[Any], axis: int | None) -> Array:
    """Return an array (replica, ...) summed over all axes except replica and `axis`, (replica,
    unit); one unit without `axis`.
    """
    kept = (0,) if axis is None else (0, axis)
    total = values.sum(axis=tuple(other for other in range(values.ndim) if other not in kept), dtype=np.float64)
    return total[:, None] if axis is None else total
