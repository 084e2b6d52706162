"""Rounds trained elsewhere: a folder of checkpoints with masks becomes a flow, without training."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.config.tickets import External
from koopflow.core.errors import KoopflowError
from koopflow.core.masks import empty_layers
from koopflow.rg.flows import scale_of
from koopflow.rg.groups import check_masks, group_sums
from koopflow.tickets.flow import Flow

Layers = dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Weights and mask of each prunable layer, by name."""
SAME = 0.01
"""Densities of seeds of one chain may differ by this share."""
FOREIGN = 0.5
"""Kept weights may come from those pruned in the round before up to this share of what a mask of
another seed would take from there."""
EVEN = 0.05
"""Log scale factors of rounds that have one linear map may differ by this share."""
SEED = re.compile(r"^(replicate|replica|seed|run)[-_]?\d+$", re.IGNORECASE)
"""Names of the folders of seeds inside the folder of a chain."""


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
        their weights or are 1 where a weight is pruned, and rounds of several seeds.
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
    _refuse_inverted(folder, found)
    found.sort(key=lambda each: -_density(each[1]))
    for before, after in pairwise(found):
        _refuse_other_seed(folder, before, after)
    return [layers for _, layers in found]


def _refuse_inverted(folder: str | Path, found: Sequence[tuple[str, Layers]]) -> None:
    """Raise a KoopflowError if masks seem to be 1 where a weight is pruned: in the order of names they
    keep more and more, and keep the smaller weights."""
    densities = [_density(layers) for _, layers in found]
    if all(before < after for before, after in pairwise(densities)) and all(_keeps_smaller(each) for _, each in found):
        (first, _), (last, _) = found[0], found[-1]
        raise KoopflowError(
            f"{folder}: masks must be 1 where a weight is kept (from {first} to {last} they keep {densities[0]:.3g} to "
            f"{densities[-1]:.3g} of the weights, the smaller ones); invert them"
        )


def _keeps_smaller(layers: Layers) -> bool:
    """Return whether the mean magnitude of the kept weights is below that of the others."""
    weights, kept = (np.concatenate([np.ravel(each[part]) for each in layers.values()]) for part in (0, 1))
    magnitude = np.abs(weights, dtype=np.float64)
    return bool(kept.all() or not kept.any() or magnitude[kept].mean() < magnitude[~kept].mean())


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


@dataclass(frozen=True)
class SeedRounds:
    """The rounds of one chain from several seeds.

    Attributes
    ----------
    folders : list of path, (seed,)
    layers : list of list of Layers, (seed, round)
        Rounds up to the end of the shortest chain.
    densities : array (round,)
        Share of surviving weights, decreasing.
    """

    folders: list[Path]
    layers: list[list[Layers]]
    densities: NDArray[np.float64]


def seed_folders(entry: External) -> list[Path]:
    """Return the folder of each seed: those that the entry names, with the seeds inside each.

    Sub-folders named ``replicate_1`` (open_lth) or ``seed-1``, with rounds in each, are seeds; a
    folder without such sub-folders is one seed.
    """
    found: list[Path] = []
    for folder in map(Path, entry.folders):
        inner = [path for path in folder.iterdir() if path.is_dir() and SEED.match(path.name)]
        numbered = sorted(inner, key=lambda path: int(path.name[len(path.name.rstrip("0123456789")) :]))
        found += numbered if len(numbered) > 1 else [folder]
    return found


def read_seeds(entry: External, say: Callable[[str], object] = lambda line: None) -> SeedRounds:
    """Read the rounds of one chain from all its seeds, each up to the first round that leaves a layer
    empty.

    Parameters
    ----------
    entry : External
    say : function of str
        Receives a message if a chain ends early.

    Raises
    ------
    KoopflowError
        See `read_rounds`; for seeds of other layers, or of other densities than the first by more
        than `SAME`.
    """
    folders = seed_folders(entry)
    layers = [_until_empty(read_rounds(each, entry.include, entry.exclude), each, say) for each in folders]
    found = [np.array([_density(layer) for layer in rounds]) for rounds in layers]
    for folder, rounds, densities in zip(folders, layers, found):
        try:
            scale_of(densities)
        except KoopflowError as error:
            raise KoopflowError(f"{folder}: {error}") from None
        _check_seed(folder, rounds, densities, folders[0], layers[0], found[0])
    count = min(len(densities) for densities in found)
    return SeedRounds(folders, [rounds[:count] for rounds in layers], found[0][:count])


def _check_seed(
    folder: Path,
    rounds: list[Layers],
    densities: NDArray[np.float64],
    first_folder: Path,
    first_rounds: list[Layers],
    first_densities: NDArray[np.float64],
) -> None:
    """Raise a KoopflowError unless a seed has the layers and densities of the first."""
    names, first_names = list(rounds[0]), list(first_rounds[0])
    if names != first_names:
        odd = sorted(set(names) ^ set(first_names)) or names
        raise KoopflowError(f"{folder}: seeds of one chain must have the same layers as {first_folder} (see {odd[0]})")
    count = min(len(densities), len(first_densities))
    apart = np.abs(np.log(densities[:count] / first_densities[:count]))
    if (apart > SAME).any():
        number = int(np.argmax(apart > SAME))
        raise KoopflowError(
            f"{folder}: seeds of one chain must have the same densities; round {number} keeps "
            f"{densities[number]:.4g} of the weights here and {first_densities[number]:.4g} in {first_folder}"
        )


@dataclass(frozen=True)
class ExternalChain:
    """Rounds trained elsewhere, as far as exponents compare them with other chains.

    Attributes
    ----------
    measured : Flow
    """

    measured: Flow

    def flow(self, grouping: str = "layer") -> Flow:
        """Return the flow of the groups that the entry names, whatever `grouping`."""
        return self.measured

    @property
    def rounds(self) -> int:
        """Number of rounds."""
        return len(self.measured.densities)

    @property
    def seeds(self) -> list[int]:
        """The seeds."""
        return list(range(self.measured.sums.shape[1]))

    @property
    def step(self) -> float:
        """The log scale factor of one round; a KoopflowError if it differs between rounds."""
        steps = np.diff(self.measured.scale)
        if np.ptp(steps) > EVEN * steps.mean():
            raise KoopflowError("rounds of different scale factors have no common linear map")
        return float(steps.mean())


def external_flow(entry: External, say: Callable[[str], object] = lambda line: None) -> Flow:
    """Measure the flow of rounds trained elsewhere, up to the first that leaves a layer empty in any
    seed.

    Parameters
    ----------
    entry : External
    say : function of str
        Receives a message if the flow ends early.
    """
    read = read_seeds(entry, say)
    groups: list[str] = []
    found = []
    for number in range(len(read.densities)):
        here = [rounds[number] for rounds in read.layers]
        weights = {name: np.stack([each[name][0] for each in here]) for name in here[0]}
        masks = {name: np.stack([each[name][1] for each in here]) for name in here[0]}
        groups, sums = group_sums(weights, masks, entry.grouping)
        found.append(np.stack([sums.magnitude, sums.survivors, sums.weights]))
    return Flow(groups, np.stack(found, axis=2), read.densities)
