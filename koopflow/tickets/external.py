"""Rounds trained elsewhere: a folder of checkpoints with masks becomes a flow, without training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.masks import empty_layers
from koopflow.rg.flows import scale_of
from koopflow.rg.groups import check_masks, group_sums

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")

Layers = dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Weights and mask of each prunable layer, by name."""


def read_rounds(folder: str | Path, pattern: str = "*") -> list[Layers]:
    """Read all rounds of a folder, densest first.

    Parameters
    ----------
    folder : path
        Checkpoints with weights and masks, one file per round, in any layout that `read_round` reads.
    pattern : str
        Shell pattern of the files to read.

    Returns
    -------
    list of dict of str to (weights, mask)
        The prunable layers of each round.

    Raises
    ------
    KoopflowError
        For fewer than two rounds, differing architectures, and masks that do not match their weights.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.glob(pattern) if path.suffix in SUFFIXES)
    if len(files) < 2:
        raise KoopflowError(f"{folder}: a flow needs at least two rounds (got {len(files)} checkpoints, {', '.join(SUFFIXES)})")
    rounds = [read_round(path) for path in files]
    for path, layers in zip(files[1:], rounds[1:]):
        first = rounds[0]
        for name in [*first, *layers]:
            if name not in first or name not in layers:
                lacking = path.name if name in first else files[0].name
                raise KoopflowError(f"{folder}: differing architectures: {name} is missing in {lacking}")
            if first[name][0].shape != layers[name][0].shape:
                here, there = first[name][0].shape, layers[name][0].shape
                raise KoopflowError(
                    f"{folder}: differing architectures: {name} is {here} in {files[0].name} and {there} in {path.name}"
                )
    return sorted(rounds, key=lambda layers: -_density(layers))


def read_round(path: str | Path) -> Layers:
    """Read the weights and masks of one checkpoint without running code from it.

    Masks are ``NAME_mask`` beside ``NAME_orig`` (torch.nn.utils.prune) or ``NAME``, possibly inside ``state_dict`` or
    ``model``. Without any mask, weights that are exactly zero count as pruned.

    Raises
    ------
    KoopflowError
        For a file that is no such checkpoint.
    """
    path = Path(path)
    tensors = _tensors(path)
    layers = {}
    for name in tensors:
        if name.endswith("_mask"):
            stem = name[: -len("_mask")]
            weights = tensors.get(f"{stem}_orig", tensors.get(stem))
            if weights is None:
                raise KoopflowError(f"{path}: {name} has no weights {stem} or {stem}_orig")
            mask = np.asarray(tensors[name])
            if not np.isin(mask, (0, 1)).all():
                raise KoopflowError(f"{path}: {name} must hold 0 and 1 only")
            layers[stem] = (np.asarray(weights, dtype=np.float32), mask.astype(bool))
    if not layers:
        # Vectors (biases, normalization) are not pruned.
        layers = {name: (np.asarray(w, dtype=np.float32), np.asarray(w) != 0) for name, w in tensors.items() if np.ndim(w) >= 2}
    if not layers:
        raise KoopflowError(f"{path}: no weights with masks found; it holds {', '.join(list(tensors)[:5]) or 'nothing'}")
    try:
        check_masks({n: w for n, (w, _) in layers.items()}, {n: m for n, (_, m) in layers.items()})
    except KoopflowError as error:
        raise KoopflowError(f"{path}: {error}") from None
    return layers


def _tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return all arrays of a .safetensors file or a torch checkpoint by name."""
    stored: Any
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            stored = load_file(path)
        else:
            import torch

            stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise KoopflowError(
            f"{path}: not a checkpoint of tensors alone that can be read without running code ({reason[:120]})"
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(stored, dict) and isinstance(stored.get(key), dict):
            stored = stored[key]
    if not isinstance(stored, dict):
        raise KoopflowError(f"{path}: must hold a state_dict (got {type(stored).__name__})")
    return {str(name): _plain(path, name, tensor) for name, tensor in stored.items() if hasattr(tensor, "numel") and tensor.numel()}


def _plain(path: Path, name: object, tensor: Any) -> NDArray[np.float32]:
    """Return a torch tensor as an array of real numbers."""
    try:
        if tensor.is_complex():
            raise TypeError("complex numbers")
        return tensor.detach().float().numpy()
    except (TypeError, RuntimeError, NotImplementedError) as error:  # sparse, quantized, without data ...
        reason = str(error).strip().splitlines()[0]
        raise KoopflowError(f"{path}: {name} must be a dense tensor of real numbers ({reason[:120]})") from None


def _density(layers: Layers) -> float:
    return sum(int(mask.sum()) for _, mask in layers.values()) / sum(mask.size for _, mask in layers.values())


def _until_empty(rounds: list[Layers], folder: str | Path, say: Callable[[str], object]) -> list[Layers]:
    """Return the rounds before the first that leaves a layer empty, where our own chains end, too."""
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
    folder: str | Path, grouping: str = "layer", say: Callable[[str], object] = lambda line: None
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Measure the flow of rounds trained elsewhere, up to the first that leaves a layer empty.

    Parameters
    ----------
    folder : path
        See `read_rounds`.
    grouping : str
        See `koopflow.rg.couplings.couplings`.
    say : function of str
        Told where the flow ends early.

    Returns
    -------
    groups : list of str
    sums : array (3, 1, round, group)
        Magnitude, survivors and weights of each group, as `koopflow.tickets.chain.Chain.sums` gives them.
    densities : array (round,)
        Share of surviving weights, falling.
    """
    rounds = _until_empty(read_rounds(folder), folder, say)
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
