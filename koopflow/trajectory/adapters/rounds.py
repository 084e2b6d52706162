"""Rounds of pruning trained elsewhere: the weights and masks of each checkpoint in a folder."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import matches
from koopflow.trajectory.adapters.selection import Choice, summary
from koopflow.trajectory.adapters.series import Series
from koopflow.trajectory.adapters.sources import sources_in
from koopflow.trajectory.adapters.state_dicts import UNREADABLE, StateDict

logger = logging.getLogger("koopflow")

Layers = dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Weights and mask of each prunable layer, by name."""


def read_rounds(folder: Path, choice: Choice | None = None) -> list[tuple[str, Layers]]:
    """Read every round in `folder`, in the order of names.

    A layer is prunable if any round has a mask for it; in rounds without masks all its weights are
    kept. If no round has masks, zeros are the mask: a layer is prunable if it has two or more axes
    and its number of zeros differs between rounds. Vectors (biases, normalization) and layers that
    no round pruned (often embeddings, or the classifier) are left out, since they would count as
    survivors in full.

    Parameters
    ----------
    folder : Path
        One checkpoint per round, in any layout that `sources.sources_in` finds.
    choice : Choice, optional
        Patterns of tensors to include or exclude.

    Returns
    -------
    list of (name, Layers)

    Raises
    ------
    KoopflowError
        For fewer than two rounds, unreadable files, differing architectures, tensors that are
        neither dense nor real, and masks that do not fit their weights.
    """
    choice = choice or Choice()
    sources = sources_in(folder).sources
    if len(sources) < 2:
        raise KoopflowError(f"{folder}: a flow needs at least two rounds (got {len(sources)} checkpoints)")
    series = Series(sources, choice)
    states = [series.first if source is sources[0] else series.state(source) for source in sources]
    for source, state in zip(sources, states):
        _refuse_unreadable(source.path, state, choice)
    masked = dict.fromkeys(name for state in states for name in state.masks if name in series.names)
    logger.log(
        logging.WARNING if series.left_out else logging.INFO, "%s: %s", folder, summary(series.names, series.left_out)
    )
    names = list(masked) or _with_zeros(series.names, states)
    if not names:
        raise KoopflowError(f"{sources[0].path}: no weights with masks found; it holds {', '.join(series.names[:5])}")
    _require_equal([(source.path.name, state) for source, state in zip(sources, states)], names, folder)
    return [
        (source.path.name, _layers(source.path, state, names, bool(masked))) for source, state in zip(sources, states)
    ]


def _with_zeros(names: Sequence[str], states: Sequence[StateDict]) -> list[str]:
    """Return the tensors with two or more axes whose number of zeros differs between rounds; all
    with two or more axes if there are none."""
    matrices = [name for name in names if states[0].tensors[name].dim() >= 2]
    pruned = []
    for name in matrices:
        zeros = {int((state.tensors[name] == 0).sum()) for state in states if name in state.tensors}
        if len(zeros) > 1:
            pruned.append(name)
    if pruned and len(pruned) < len(matrices):
        unpruned = [name for name in matrices if name not in pruned]
        logger.info("left out, since no round prunes them: %s", ", ".join(unpruned))
    return pruned or matrices


def _layers(path: Path, state: StateDict, names: list[str], masked: bool) -> Layers:
    layers: Layers = {}
    for name in names:
        weights = state.tensors[name].float().numpy()
        if not masked:
            mask = weights != 0
        elif name in state.masks:
            mask = state.masks[name].numpy()
        elif not state.masks:
            mask = np.ones(weights.shape, dtype=bool)
        else:
            raise KoopflowError(f"{path}: {name} has no mask here, though it has one in other rounds")
        layers[name] = weights, mask
    return layers


def _require_equal(states: list[tuple[str, StateDict]], names: list[str], folder: Path) -> None:
    """Raise a KoopflowError unless all rounds have the same layers of the same shapes."""
    first_file, first = states[0]
    for file, state in states:
        for name in names:
            for here, there, file_without in ((first, state, file), (state, first, first_file)):
                if name in here.tensors and name not in there.tensors:
                    raise KoopflowError(f"{folder}: differing architectures: {name} is missing in {file_without}")
            shape, other = tuple(first.tensors[name].shape), tuple(state.tensors[name].shape)
            if shape != other:
                raise KoopflowError(
                    f"{folder}: differing architectures: {name} is {shape} in {first_file} and {other} in {file}"
                )


def _refuse_unreadable(path: Path, state: StateDict, choice: Choice) -> None:
    """Raise a KoopflowError for weights without a magnitude that a coupling could be measured
    from."""
    for name, reason in [*state.left_out.items(), *((name, "complex numbers") for name in state.complex)]:
        if (reason in UNREADABLE or name in state.complex) and not matches(name, choice.exclude):
            raise KoopflowError(
                f"{path}: {name} must be a dense tensor of real numbers (it is {reason}); exclude: [{name}] "
                "leaves it out"
            )
