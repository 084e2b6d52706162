"""Elastic tickets: residual blocks repeated or dropped to fit a network of another depth.

Source: Chen et al. (2021), The elastic lottery ticket hypothesis.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.tickets import training
from koopflow.tickets.chain import Chain
from koopflow.tickets.controls import random_masks

BLOCK = re.compile(r"^(?P<stage>.*?)\.(?P<block>\d+)\.(?P<rest>[^.]*[a-zA-Z].*)$")


def stages(names: Iterable[str]) -> dict[str, int]:
    """Return the residual blocks of each stage, from names like ``layer2.1.conv1.weight``."""
    found: dict[str, int] = {}
    for name in names:
        match = BLOCK.match(name)
        if match:
            found[match["stage"]] = max(found.get(match["stage"], 0), int(match["block"]) + 1)
    return found


def block_map(source: int, target: int) -> list[int]:
    """Return which source block each target block takes.

    The first block, which changes the width, stays first; the others repeat in order.

    >>> block_map(2, 5), block_map(5, 2)
    ([0, 1, 1, 1, 1], [0, 1])
    >>> block_map(3, 5)
    [0, 1, 1, 2, 2]
    """
    if source < 1 or target < 1:
        raise KoopflowError(f"a stage needs at least one block (got {source} and {target})")
    rest = source - 1
    if target == 1 or rest == 0:
        return [0] * target
    if target <= source:
        return list(range(target))
    return [0, *(1 + (block * rest) // (target - 1) for block in range(target - 1))]


Shapes = Mapping[str, tuple[int, ...]]


def counterparts(source: Shapes, target: Shapes) -> dict[str, str]:
    """Return the source parameter that each target parameter takes, by name.

    Parameters
    ----------
    source, target : mapping of str to shape
        Parameter shapes of the two networks.

    Raises
    ------
    KoopflowError
        If a parameter has no counterpart of the same shape: the two networks are not of one family.
    """
    have, want = stages(source), stages(target)
    maps = {stage: block_map(have[stage], blocks) for stage, blocks in want.items() if stage in have}
    found = {}
    for name, shape in target.items():
        match = BLOCK.match(name)
        taken = name
        if match and match["stage"] in maps:
            taken = f"{match['stage']}.{maps[match['stage']][int(match['block'])]}.{match['rest']}"
        if taken not in source:
            raise KoopflowError(f"elastic ticket: {name} has no counterpart {taken} in the source")
        if tuple(source[taken]) != tuple(shape):
            raise KoopflowError(
                f"elastic ticket: {name} is {tuple(shape)} but {taken} in the source is {tuple(source[taken])}"
            )
        found[name] = taken
    return found


def stretch(ticket: Mapping[str, NDArray[Any]], target: Shapes) -> dict[str, NDArray[Any]]:
    """Return a ticket (weights or masks) stretched to the depth of a network with the shapes
    `target`."""
    taken = counterparts({name: np.shape(values) for name, values in ticket.items()}, target)
    return {name: np.array(ticket[origin]) for name, origin in taken.items()}


def transfer_depth(
    source: Chain, target: Chain, setup: training.Setup, images: Images, rounds: list[int]
) -> list[dict[str, float]]:
    """Train tickets stretched to another depth, beside that depth's own and random masks.

    Parameters
    ----------
    source, target : Chain
        Chains of one family (``resnet14``, ``resnet20``, ...) on one task, with equal seeds.
    setup : Setup
        How the target is trained.
    images : Images
    rounds : list of int
        Rounds whose tickets are stretched.

    Returns
    -------
    list of dict
        One per round and seed: density after stretching, accuracy, accuracy_own (of the target's
        ticket of nearest density), and accuracy_random (of random masks with the stretched ticket's
        layer densities).
    """
    if not rounds:  # a chain ended before the first of them
        return []
    origin, layers = target.origin, list(target.masks[0])
    seeds = [seed for seed in target.seeds if seed in source.seeds]
    shapes = {name: values.shape[1:] for name, values in target.rewind.items()}
    states, masks, random, places = [], [], [], []
    for number in rounds:
        weights, ticket = source.ticket(number)
        for seed in seeds:
            states.append(stretch({name: values[seed] for name, values in weights.items()}, shapes))
            masks.append(
                stretch({name: mask[seed] for name, mask in ticket.items()}, {name: shapes[name] for name in layers})
            )
            random.append(random_masks(masks[-1], origin.seed, "elastic", origin.task, seed, number))
            places.append((number, seed))
    found = []
    for chosen in (masks, random):
        rows = training.Rows.stack(states, chosen, [seed for _, seed in places])
        found.append(training.train(setup, images, rows, origin.seed, origin.stream, origin.rewind_step).accuracy)
    table = []
    for (number, seed), mask, accuracy, control in zip(places, masks, *found):
        density = sum(int(layer.sum()) for layer in mask.values()) / sum(layer.size for layer in mask.values())
        own = int(np.argmin(np.abs(np.log(target.densities() / density))))
        row = {"round": number, "seed": seed, "density": density, "accuracy": accuracy}
        table.append(row | {"accuracy_own": target.accuracy[own][seed], "accuracy_random": control})
    return table
