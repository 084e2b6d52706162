"""Elastic tickets: move a ticket between residual networks of unequal depth (Chen et al. 2021) by repeating or dropping blocks."""

import re
from collections.abc import Mapping

import numpy as np

from koopflow.errors import KoopflowError

BLOCK = re.compile(r"^(?P<stage>.*?)\.(?P<block>\d+)\.(?P<rest>[^.]*[a-zA-Z].*)$")


def stages(names) -> dict[str, int]:
    """Return the number of residual blocks in each stage, read from names like ``layer2.1.conv1.weight``."""
    found: dict[str, int] = {}
    for name in names:
        match = BLOCK.match(name)
        if match:
            found[match["stage"]] = max(found.get(match["stage"], 0), int(match["block"]) + 1)
    return found


def block_map(source: int, target: int) -> list[int]:
    """Return which source block each target block takes: the first block, which changes width, stays first; the others repeat
    in order.

    >>> block_map(2, 5), block_map(5, 2)
    ([0, 1, 1, 1, 1], [0, 1])
    >>> block_map(3, 5)
    [0, 1, 1, 2, 2]
    """
    if source < 1 or target < 1:
        raise KoopflowError(f"a stage needs at least one block; found {source} and {target}")
    rest = source - 1
    if target == 1 or rest == 0:
        return [0] * target
    if target <= source:
        return list(range(target))
    return [0, *(1 + (block * rest) // (target - 1) for block in range(target - 1))]


def stretch(ticket: Mapping[str, np.ndarray], target: Mapping[str, tuple]) -> dict[str, np.ndarray]:
    """Give a ticket the depth of another network.

    Parameters
    ----------
    ticket : mapping of str to array
        Weights, or masks, of the source by parameter name.
    target : mapping of str to shape
        Parameter shapes of the deeper or shallower network.

    Returns
    -------
    dict of str to array
        One entry for every target parameter.

    Raises
    ------
    KoopflowError
        When the two are not of one family: a parameter has no counterpart, or another shape.
    """
    have, want = stages(ticket), stages(target)
    maps = {stage: block_map(have[stage], blocks) for stage, blocks in want.items() if stage in have}
    moved = {}
    for name, shape in target.items():
        match = BLOCK.match(name)
        taken = name
        if match and match["stage"] in maps:
            taken = f"{match['stage']}.{maps[match['stage']][int(match['block'])]}.{match['rest']}"
        if taken not in ticket:
            raise KoopflowError(f"elastic ticket: {name} has no counterpart {taken} in the source")
        if tuple(np.shape(ticket[taken])) != tuple(shape):
            raise KoopflowError(f"elastic ticket: {name} is {tuple(shape)} but {taken} in the source is {np.shape(ticket[taken])}")
        moved[name] = np.array(ticket[taken])
    return moved
