"""Couplings of a masked network, the quantities on which the renormalization group of pruning acts.

Redman et al. (arXiv 2110.03210) interpret iterative magnitude pruning as a coarse-graining whose
couplings are shares of weight magnitude, M_i = Σ_{j∈i} m_j |θ_j| / Σ_j m_j |θ_j|, where a group i
is a layer or a residual block.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.rg.groups import Array, Sums, check_masks, group_sums
from koopflow.rg.registry import COUPLINGS


def share(sums: Sums) -> Array:
    """Return each group's share of the network's surviving magnitude, our reconstruction of the
    paper's coupling."""
    return sums.magnitude / sums.magnitude.sum(axis=1, keepdims=True)


def density(sums: Sums) -> Array:
    """Return the fraction of surviving weights in each group."""
    return sums.survivors / sums.weights


def mean_magnitude(sums: Sums) -> Array:
    """Return the mean magnitude of each group's surviving weights; 0 where none survives."""
    return np.divide(sums.magnitude, sums.survivors, out=np.zeros_like(sums.magnitude), where=sums.survivors > 0)


def couplings(
    weights: Mapping[str, NDArray[Any]],
    masks: Mapping[str, NDArray[np.bool_]],
    kind: str = "share",
    grouping: str = "layer",
) -> tuple[list[str], Array]:
    """Return the group names and couplings of one round.

    Parameters
    ----------
    weights : dict of str to array (replica, ...)
        Trained weights of each prunable layer; after the replica axis, the output axis comes first,
        as in PyTorch.
    masks : dict of str to bool array (replica, ...)
        Survivors, shaped like the weights.
    kind : str
        A name in `koopflow.rg.registry.COUPLINGS`, or the "package.module:name" of a function with
        the signature of `share`.
    grouping : {"layer", "block", "input_unit", "neuron"}
        See `koopflow.rg.groups.group_sums`.

    Returns
    -------
    groups : list of str
        Names of the groups.
    values : float64 (replica, group)
        Their couplings.

    Raises
    ------
    KoopflowError
        For an unknown kind or grouping, masks that do not match the weights, or non-finite weights.
    """
    COUPLINGS.check(kind, "coupling")
    check_masks(weights, masks)
    groups, sums = group_sums(weights, masks, grouping)
    return groups, coupling_of(sums, kind)


def coupling_of(sums: Sums, kind: str, key: str = "coupling") -> Array:
    """Return the coupling `kind` of each group, float64 (replica, group); errors begin with
    `key`."""
    values = np.asarray(COUPLINGS.load(kind, key)(sums), dtype=np.float64)
    if values.shape != sums.magnitude.shape:
        raise KoopflowError(
            f"{key}: {kind} must return an array (replica, group) of shape {sums.magnitude.shape} (got {values.shape})"
        )
    return values


def floor_of_vanished(values: Array, survivors: ArrayLike) -> Array:
    """Return couplings with a floor of half a weight, so that groups without survivors have a
    finite logarithm.

    Parameters
    ----------
    values : float64 (..., group)
        Shares of magnitude.
    survivors : array (...)
        Number of surviving weights in the whole network.

    Returns
    -------
    float64 (..., group)
        The shares, at least 1 / (2 survivors): the usual continuity correction for counts, half of
        one weight of mean magnitude.
    """
    return np.maximum(values, 0.5 / np.asarray(survivors, dtype=np.float64)[..., None])
