"""Exact masks: the given number of surviving weights, with deterministic tie-breaking.

Pruning and tickets both choose survivors here. The *number* of survivors is given and met exactly;
a threshold would drop every weight tied with it.

A fixed pseudo-random order of positions breaks ties. Large groups of equal scores occur (|weight x
gradient| is exactly zero for every weight of a dead unit), and keeping the first would prune only
the last layers. The order depends on the position alone, so masks of one score are nested: a lower
compression keeps every weight that a higher one keeps.
"""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError


def pruned_count(survivors: int, fraction: float) -> int:
    """Return `fraction` of `survivors`, rounded half up: the number of weights to remove.

    Raises
    ------
    KoopflowError
        If the fraction is not strictly between 0 and 1.
    """
    if not 0.0 < fraction < 1.0:
        raise KoopflowError(f"pruning fraction must be strictly between 0 and 1 (got {fraction})")
    return math.floor(fraction * survivors + 0.5)


def kept_count(weights: int, compression: float) -> int:
    """Return ``weights / compression``, rounded half up: the number of weights to keep.

    Raises
    ------
    KoopflowError
        If the compression is below 1 or not finite.
    """
    number = isinstance(compression, Real) and math.isfinite(compression)
    if not (number and compression >= 1.0):
        raise KoopflowError(f"compression must be a finite number of at least 1 (got {compression})")
    return math.floor(weights / compression + 0.5)


def keep_largest(
    scores: ArrayLike, keep: int, among: ArrayLike | None = None, name: str = "scores"
) -> NDArray[np.bool_]:
    """Return the mask of the `keep` largest scores; `tie_order` breaks ties.

    Parameters
    ----------
    scores : array (..., n)
        One score per weight; each row along the last axis is masked independently.
    keep : int
        How many to keep in each row, from 0 to the number of candidates.
    among : bool array (..., n), optional
        The candidates, such as the survivors of earlier rounds; all by default.
    name : str
        Name of the scores in errors.

    Returns
    -------
    mask : bool array (..., n)
        Exactly `keep` true entries in each row, all of them candidates.

    Raises
    ------
    KoopflowError
        If a candidate's score is NaN, or `keep` exceeds the candidates.
    """
    scores = np.asarray(scores)
    flat = scores.reshape(-1, scores.shape[-1])
    candidates = (
        None if among is None else np.broadcast_to(np.asarray(among, dtype=bool), scores.shape).reshape(flat.shape)
    )
    mask = np.zeros(flat.shape, dtype=bool)
    for row in range(len(flat)):
        positions = None if candidates is None else np.flatnonzero(candidates[row])
        values = flat[row] if positions is None else flat[row, positions]
        chosen = _largest(values, keep, name, positions)
        mask[row, chosen if positions is None else positions[chosen]] = True
    return mask.reshape(scores.shape)


def _largest(values: NDArray[Any], keep: int, name: str, positions: NDArray[np.intp] | None) -> NDArray[np.intp]:
    """Return the ascending indices of the `keep` largest `values`; the `tie_order` of `positions`
    breaks ties."""
    if not 0 <= keep <= len(values):
        raise KoopflowError(f"{name}: number of weights to keep must be between 0 and {len(values)} (got {keep})")
    missing_numbers = int(np.isnan(values).sum())
    if missing_numbers:
        raise KoopflowError(f"{name}: scores must not be NaN (got {missing_numbers} NaN of {len(values)})")
    if keep == 0:
        return np.zeros(0, dtype=np.intp)
    threshold = np.partition(values, len(values) - keep)[len(values) - keep]
    chosen = values > threshold
    missing = keep - int(chosen.sum())
    tied = np.flatnonzero(values == threshold)
    if missing < len(tied):
        tied = tied[np.argsort(tie_order(tied if positions is None else positions[tied]), kind="stable")[:missing]]
    chosen[tied] = True
    return np.flatnonzero(chosen)


def tie_order(positions: ArrayLike) -> NDArray[np.uint64]:
    """Return a 64-bit rank per position (splitmix64; Steele, Lea & Flood 2014), identical on every
    machine and NumPy version."""
    x = np.asarray(positions).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def apportion(sizes: Sequence[int], keep: int) -> list[int]:
    """Split `keep` among layers in proportion to their `sizes`, by the largest-remainder method.

    >>> apportion([10, 20, 5], 7)
    [2, 4, 1]
    """
    total = sum(sizes)
    if not 0 <= keep <= total:
        raise KoopflowError(f"keep: number of weights to keep must be between 0 and {total} (got {keep})")
    shares = [divmod(keep * n, total) for n in sizes]
    counts = [quotient for quotient, _ in shares]
    by_remainder = sorted(range(len(sizes)), key=lambda i: -shares[i][1])
    for i in by_remainder[: keep - sum(counts)]:
        counts[i] += 1
    return counts


def layer_masks(
    scores: Mapping[str, NDArray[Any]],
    keep: int | Mapping[str, int],
    among: Mapping[str, NDArray[Any]] | None = None,
    replicas: bool = False,
) -> dict[str, NDArray[np.bool_]]:
    """Return a mask per layer: survivors ranked across all layers, or within each if `keep` is a
    mapping.

    Parameters
    ----------
    scores : mapping of str to array
        One score per weight of each layer. With `replicas`, the first axis counts replicas.
    keep : int or mapping of str to int
        Number of weights to keep in total, or per layer.
    among : mapping of str to bool array, optional
        Survivors of earlier rounds, shaped like the scores.
    replicas : bool
        Whether the arrays have a leading replica axis. Each replica is masked independently.

    Returns
    -------
    masks : dict of str to bool array
        Shaped like the scores. `tie_order` breaks ties.

    Raises
    ------
    KoopflowError
        As `keep_largest` does.
    """
    rows = next(iter(scores.values())).shape[0] if replicas else 1
    flat = {name: np.asarray(values).reshape(rows, -1) for name, values in scores.items()}
    kept = (
        None
        if among is None
        else {name: np.asarray(values, dtype=bool).reshape(rows, -1) for name, values in among.items()}
    )
    if isinstance(keep, Mapping):
        found = {
            name: keep_largest(flat[name], keep[name], None if kept is None else kept[name], name) for name in flat
        }
    else:
        everything = np.concatenate(list(flat.values()), axis=1)
        survivors = None if kept is None else np.concatenate([kept[name] for name in flat], axis=1)
        mask = keep_largest(everything, keep, survivors)
        stops = np.cumsum([values.shape[1] for values in flat.values()])
        found = dict(zip(flat, np.split(mask, stops[:-1], axis=1)))
    return {name: found[name].reshape(np.shape(scores[name])) for name in scores}


def densities(masks: Mapping[str, NDArray[np.bool_]]) -> dict[str, float]:
    """Return the share of surviving weights per layer, and over all layers under ``"all"``."""
    shares = {name: float(np.mean(mask)) for name, mask in masks.items()}
    shares["all"] = sum(int(np.sum(mask)) for mask in masks.values()) / sum(np.size(mask) for mask in masks.values())
    return shares


def empty_layers(masks: Mapping[str, NDArray[np.bool_]]) -> list[str]:
    """Return the names of the layers in which no weight survives."""
    return [name for name, mask in masks.items() if not np.any(mask)]
