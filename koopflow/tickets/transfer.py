"""Transfer of tickets: the mask and the rewind weights of one task, trained on another."""

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.tickets import training
from koopflow.tickets.chain import Chain


def transfer_to(
    setup: training.Setup, images: Images, target: Chain, sources: dict[str, Chain], rounds: list[int]
) -> dict[str, NDArray[np.float64]]:
    """Train the tickets of every source on the target's images, as one ensemble.

    Parameters
    ----------
    setup : Setup
    images : Images
        Images of the target.
    target : Chain
        The target's own chain, for batch orders and seeds.
    sources : dict of str to Chain
        Chains of the same architecture and seeds.
    rounds : list of int
        Rounds whose tickets are transferred.

    Returns
    -------
    dict of str to array (round, seed)
        Test accuracies on the target, by source; NaN for seeds that diverged in any chain.

    Raises
    ------
    KoopflowError
        If architectures differ.
    """
    origin = target.origin
    for source, chain in sources.items():
        check_same_architecture(source, chain, origin.task, target)
    if not rounds:  # a chain ended before the first of them
        return {source: np.full((0, origin.seeds), np.nan) for source in sources}
    # Every seed needs the same number of rows, so only seeds that no chain lost are trained.
    seeds = [seed for seed in target.seeds if all(seed in chain.seeds for chain in sources.values())]
    places = [(source, row, seed) for source in sources for row in range(len(rounds)) for seed in seeds]
    states, masks = [], []
    for source, row, seed in places:
        weights, ticket = sources[source].ticket(rounds[row])
        states.append({name: weights[name][seed] for name in target.rewind})
        masks.append({name: ticket[name][seed] for name in target.masks[0]})
    rows = training.Rows.stack(states, masks, [seed for _, _, seed in places])
    done = training.train(setup, images, rows, origin.seed, origin.stream, origin.rewind_step)
    found = {source: np.full((len(rounds), origin.seeds), np.nan) for source in sources}
    for (source, row, seed), value in zip(places, done.accuracy):
        found[source][row, seed] = value
    return found


def check_same_architecture(a: str, chain_a: Chain, b: str, chain_b: Chain) -> None:
    """Raise a KoopflowError for the first layer in which two chains differ."""
    shapes_a, shapes_b = (
        {name: layer.shape[1:] for name, layer in chain.rewind.items()} for chain in (chain_a, chain_b)
    )
    for name in [*shapes_a, *shapes_b]:
        if shapes_a.get(name) != shapes_b.get(name):
            theirs, ours = (shapes.get(name, "absent") for shapes in (shapes_a, shapes_b))
            raise KoopflowError(f"tickets of {a} do not fit {b}: {name} is {theirs} there and {ours} here")
