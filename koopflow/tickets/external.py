"""Rounds trained elsewhere: a folder of checkpoints with masks becomes a flow, without training."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.masks import empty_layers
from koopflow.rg.flows import scale_of
from koopflow.rg.groups import check_masks, group_sums

Layers = dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Weights and mask of each prunable layer, by name."""
SAME = 0.01
"""Densities of seeds of one chain may differ by this share."""
FOREIGN = 0.5
"""Kept weights may come from those pruned in the round before up to this share of what a mask of
another seed would take from there."""


def read_rounds(folder: str | Path, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Layers]:
    """Read all rounds of a folder, densest first, without running code from them.

    Parameters
    ----------
    folder : path
        Checkpoints with weights and masks, one per round, in any layout that
        `koopflow.trajectory.adapters.rounds.read_rounds` reads.
    include, exclude : sequence of str
        Name patterns of tensors to read even if they look like buffers, and of tensors to skip.

    Returns
    -------
    list of dict of str to (weights, mask)
        The prunable layers of each round.

    Raises
    ------
    KoopflowError
        For fewer than two rounds, unreadable files, differing architectures, masks that do not match
        their weights, and rounds of several seeds.
    """
    # imports torch, which the environment that fits exponents has only for such rounds
    from koopflow.trajectory.adapters import rounds
    from koopflow.trajectory.adapters.selection import Choice

    found: list[tuple[str, Layers]] = []
    for file, layers in rounds.read_rounds(Path(folder), Choice(tuple(include), tuple(exclude))):
        try:
            check_masks({n: w for n, (w, _) in layers.items()}, {n: m for n, (_, m) in layers.items()})
        except KoopflowError as error:
            raise KoopflowError(f"{Path(folder) / file}: {error}") from None
        found.append((file, layers))
    found.sort(key=lambda each: -_density(each[1]))
    for before, after in pairwise(found):
        _refuse_other_seed(folder, before, after)
    return [layers for _, layers in found]


def _refuse_other_seed(folder: str | Path, before: tuple[str, Layers], after: tuple[str, Layers]) -> None:
    """Raise a KoopflowError if a round keeps weights that the denser round before it pruned, as a
    mask of another seed does: rounds only prune."""
    (file, dense), (other, sparse) = before, after
    kept = sum(int(mask.sum()) for _, mask in sparse.values())
    foreign = sum(int((mask & ~dense[name][1]).sum()) for name, (_, mask) in sparse.items())
    if foreign > FOREIGN * (1 - _density(dense)) * kept:
        raise KoopflowError(
            f"{folder}: must hold the rounds of one seed ({other} keeps {foreign} weights that {file} has pruned); "
            "give each seed a folder of its own and list them under seeds"
        )


def _density(layers: Layers) -> float:
    return sum(int(mask.sum()) for _, mask in layers.values()) / sum(mask.size for _, mask in layers.values())


def _until_empty(rounds: list[Layers], folder: str | Path, say: Callable[[str], object]) -> list[Layers]:
    """Return the rounds before the first that leaves a layer empty, as chains do."""
    for number, layers in enumerate(rounds):
        empty = empty_layers({name: mask for name, (_, mask) in layers.items()})
        if empty:
            say(f"{folder}: round {number} leaves {', '.join(empty)} empty; the flow ends before it")
            if number < 2:
                raise KoopflowError(
                    f"{folder}: round {number} leaves {', '.join(empty)} empty; a flow needs at least two rounds before"
                )
            return rounds[:number]
    return rounds


def external_flow(
    folder: str | Path,
    grouping: str = "layer",
    say: Callable[[str], object] = lambda line: None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Measure the flow of rounds trained elsewhere, up to the first that leaves a layer empty.

    Parameters
    ----------
    folder, include, exclude
        See `read_rounds`.
    grouping : str
        See `koopflow.rg.couplings.couplings`.
    say : function of str
        Receives a message if the flow ends early.

    Returns
    -------
    groups : list of str
    sums : array (3, 1, round, group)
        Magnitude, survivors and weights of each group, as `koopflow.tickets.chain.Chain.sums` gives
        them.
    densities : array (round,)
        Share of surviving weights, decreasing.
    """
    rounds = _until_empty(read_rounds(folder, include, exclude), folder, say)
    densities = np.array([_density(layers) for layers in rounds])
    try:
        scale_of(densities)
    except KoopflowError as error:
        raise KoopflowError(f"{folder}: {error}") from None
    found = []
    for layers in rounds:
        groups, sums = group_sums(
            {n: w[None] for n, (w, _) in layers.items()}, {n: m[None] for n, (_, m) in layers.items()}, grouping
        )
        found.append(np.stack([sums.magnitude, sums.survivors, sums.weights]))
    return groups, np.stack(found, axis=2), densities


def external_seeds(
    folders: Sequence[str | Path],
    grouping: str = "layer",
    say: Callable[[str], object] = lambda line: None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Measure the flow of one chain that was trained elsewhere from several seeds, a folder each.

    The flow ends where the shortest chain ends. Returns as `external_flow`, with one seed per
    folder in the sums (3, seed, round, group).

    Raises
    ------
    KoopflowError
        For folders of other layers, or of other densities than the first by more than `SAME`.
    """
    flows = [external_flow(folder, grouping, say, include, exclude) for folder in folders]
    groups, _, densities = flows[0]
    rounds = min(len(flow[2]) for flow in flows)
    for folder, (others, _, found) in zip(folders, flows):
        if others != groups:
            odd = sorted(set(others) ^ set(groups)) or others
            raise KoopflowError(
                f"{folder}: seeds of one chain must have the same layers as {folders[0]} (see {odd[0]})"
            )
        apart = np.abs(np.log(found[:rounds] / densities[:rounds]))
        if (apart > SAME).any():
            number = int(np.argmax(apart > SAME))
            raise KoopflowError(
                f"{folder}: seeds of one chain must have the same densities; round {number} keeps {found[number]:.4g} "
                f"of the weights here and {densities[number]:.4g} in {folders[0]}"
            )
    return groups, np.concatenate([flow[1][:, :, :rounds] for flow in flows], axis=1), densities[:rounds]
