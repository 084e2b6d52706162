"""Rounds pruned elsewhere as a chain: their masks and initial weights are read, their tickets are
trained here.

All accuracies of a study are then those of one set-up, so that controls and transfers can be
compared with the tickets of the other tasks.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.config.tickets import External
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.rg.groups import group_sums
from koopflow.rg.registry import GROUPINGS
from koopflow.tickets import training
from koopflow.tickets.chain import Chain, load_chain
from koopflow.tickets.external import Layers, read_seeds
from koopflow.tickets.imp import Say
from koopflow.tickets.plan import ChainOrigin, ChainPlan
from koopflow.training.replicas import Replicas

FIRST_STATES = ("level_0/main/model_ep0_it0.pth", "*/level_0/main/model_ep0_it0.pth")
"""Where open_lth keeps the weights to which it rewinds."""

State = dict[str, NDArray[np.float32]]


def adopt_chain(
    setup: training.Setup,
    images: Images,
    plan: ChainPlan,
    entry: External,
    rounds: int,
    previous: str | Path | None = None,
    say: Say = lambda line: None,
) -> Chain:
    """Return rounds pruned elsewhere as a chain of the study.

    Parameters
    ----------
    setup : Setup
        How the tickets are trained here.
    images : Images
    plan : ChainPlan
        Its seeds are the folders; its fraction is replaced by that of the rounds.
    entry : External
    rounds : int
        Most rounds to read.
    previous : path, optional
        The same chain with fewer rounds.
    say : function of str

    Raises
    ------
    KoopflowError
        If the rounds cannot be read, or do not fit the network or the number of seeds.
    """
    read = read_seeds(entry, say)
    if len(read.layers) != plan.seeds:
        raise KoopflowError(
            f"tickets.external: {entry.folder} has {len(read.layers)} seeds, but the study of {plan.task} has "
            f"{plan.seeds}; set its seeds to {len(read.layers)}"
        )
    shapes = network_shapes(setup, images)
    masks, weights = _fitted(read.layers, shapes, entry.folder)
    start = [_rewind(folder, entry, shapes) for folder in read.folders]
    rewind = {name: np.stack([state[name] for state in start]) for name in shapes}
    count = min(rounds, len(read.densities))
    fraction = 1 - float(read.densities[-1] / read.densities[0]) ** (1 / (len(read.densities) - 1))
    origin = replace(ChainOrigin.of(plan, setup, images), fraction=fraction)
    chain = Chain(origin=origin, rewind=rewind, dense=rewind | weights[0])
    if previous is not None:
        earlier = load_chain(previous)
        chain = earlier if earlier.origin == origin else chain
    for number in range(chain.rounds, count):
        rows = training.Rows(rewind, masks[number], range(plan.seeds))
        done = training.train(setup, images, rows, plan.seed, plan.stream, plan.rewind_step)
        _add(chain, masks[number], weights[number], done.accuracy, say)
    if count < rounds:
        chain.ended = f"{entry.folder} has {count} rounds"
    return chain


def network_shapes(setup: training.Setup, images: Images) -> dict[str, tuple[int, ...]]:
    """Return the shapes of parameters and running statistics of the study's network, by name."""
    net = Replicas(setup.model, images.shape, images.classes, 1, device="cpu")
    layouts = (net.layout, net.buffer_layout)
    return {name: tuple(shape) for each in layouts for name, shape in zip(each.names, each.shapes)}


def check_adopted(key: str, entry: External, setup: training.Setup, images: Images, seeds: int) -> list[str]:
    """Return the layers that the rounds of an entry prune, sorted, under the network's names; raise
    a KoopflowError unless they fit the network.

    Parameters
    ----------
    key : str
        Begins the message.
    entry : External
    setup : Setup
    images : Images
    seeds : int
        Those of the study.
    """
    try:
        read = read_seeds(entry)
        shapes = network_shapes(setup, images)
        masks, _ = _fitted(read.layers, shapes, entry.folder)
        for folder in read.folders:
            _rewind(folder, entry, shapes)
    except KoopflowError as error:
        raise KoopflowError(f"{key}: {error}") from None
    if len(read.layers) != seeds:
        raise KoopflowError(f"{key}: seeds must be {len(read.layers)}, as many as the chain has (got {seeds})")
    return sorted(masks[0])


def _fitted(
    layers: list[list[Layers]], shapes: Mapping[str, tuple[int, ...]], folder: str
) -> tuple[list[dict[str, NDArray[np.bool_]]], list[State]]:
    """Return masks and trained weights of every round, (seed, ...) each, under the network's
    names."""
    first = layers[0][0]
    names = {name: named(name, first) for name, shape in shapes.items() if len(shape) >= 2}
    unknown = sorted(set(first) - set(names.values()))
    if unknown:
        raise KoopflowError(f"{folder}: {unknown[0]} is no layer of the network, which has {', '.join(names)}")
    for name, theirs in names.items():
        if theirs is not None and first[theirs][0].shape != shapes[name]:
            raise KoopflowError(
                f"{folder}: {theirs} is {first[theirs][0].shape}, and {name} of the network {shapes[name]}"
            )
    pruned = {name: theirs for name, theirs in names.items() if theirs is not None}
    masks, weights = [], []
    for number in range(len(layers[0])):
        here = [rounds[number] for rounds in layers]
        masks.append({name: np.stack([each[theirs][1] for each in here]) for name, theirs in pruned.items()})
        weights.append({name: np.stack([each[theirs][0] for each in here]) for name, theirs in pruned.items()})
    return masks, weights


def named(name: str, available: Collection[str]) -> str | None:
    """Return the name under which a file holds the network's `name`: the same, or the only one that
    ends with it after a wrapper's prefix; None if there is none.

    >>> named("fc.weight", ["model.fc.weight", "model.conv.weight"])
    'model.fc.weight'
    """
    if name in available:
        return name
    longer = [other for other in available if other.endswith(f".{name}")]
    return longer[0] if len(longer) == 1 else None


def _rewind(folder: Path, entry: External, shapes: Mapping[str, tuple[int, ...]]) -> State:
    """Return the weights to which the survivors of one seed are rewound."""
    from koopflow.trajectory.adapters.contents import read_content
    from koopflow.trajectory.adapters.state_dicts import parse

    patterns = (entry.rewind,) if entry.rewind else FIRST_STATES
    files = sorted(path for pattern in patterns for path in folder.glob(pattern))
    if len(files) != 1:
        found = "none" if not files else f"{len(files)} of them"
        raise KoopflowError(
            f"{folder}: its survivors are rewound to weights of one file; name it, relative to the folder, as rewind "
            f"(got {found} at {' or '.join(patterns)})"
        )
    content = parse(read_content(files[0]), include=("*",))
    state = {}
    for name, shape in shapes.items():
        theirs = named(name, content.tensors)
        if theirs is None or tuple(content.tensors[theirs].shape) != shape:
            got = "absent" if theirs is None else tuple(content.tensors[theirs].shape)
            raise KoopflowError(f"{files[0]}: {name} must have shape {shape}, as in the network (got {got})")
        state[name] = content.tensors[theirs].float().numpy()
    return state


def _add(
    chain: Chain, masks: dict[str, NDArray[np.bool_]], weights: State, accuracy: NDArray[np.float64], say: Say
) -> None:
    """Add a round to the chain; couplings are those of the weights trained elsewhere."""
    for seed in chain.seeds:
        if np.isnan(accuracy[seed]):
            chain.stopped[seed] = f"seed {seed}: training diverged in round {chain.rounds}"
            say(chain.stopped[seed])
    chain.masks.append(masks)
    chain.accuracy.append(accuracy)
    entry = {}
    for grouping in GROUPINGS:
        groups, sums = group_sums(weights, masks, grouping)
        entry[grouping] = (groups, np.stack([sums.magnitude, sums.survivors, sums.weights]))
    chain.magnitude.append(entry)
