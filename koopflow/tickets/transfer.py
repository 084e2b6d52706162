"""Transfer of tickets: a source task's mask and rewind weights, trained on a target task."""

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.tickets import training
from koopflow.tickets.chain import Chain


def transfer_to(
    setup: training.Setup, images, target: Chain, sources: dict[str, Chain], rounds: list[int]
) -> dict[str, np.ndarray]:
    """Train every source's tickets on the target's images, all as one ensemble.

    Parameters
    ----------
    images : koopflow.data Images
        Of the target.
    target : Chain
        The target's own chain, for batch orders and the seeds.
    sources : dict of str to Chain
        Chains of the same architecture and seeds.
    rounds : list of int
        Rounds whose tickets are tried.

    Returns
    -------
    dict of str to array (round, seed)
        Test accuracy on the target, by source; seeds that came through in every chain, NaN elsewhere.

    Raises
    ------
    KoopflowError
        When architectures differ.
    """
    study = target.study
    for source, chain in sources.items():
        check_alike(source, chain, study["task"], target)
    if not rounds:  # a chain ended before the first of them
        return {source: np.full((0, study["seeds"]), np.nan) for source in sources}
    # Seeds that came through everywhere, so that every seed has as many rows as the others.
    seeds = [seed for seed in target.seeds if all(seed in chain.seeds for chain in sources.values())]
    places = [(source, row, seed) for source in sources for row in range(len(rounds)) for seed in seeds]
    states, masks = {name: [] for name in target.rewind}, {name: [] for name in target.masks[0]}
    for source, row, seed in places:
        weights, ticket = sources[source].ticket(rounds[row])
        for name in states:
            states[name].append(weights[name][seed])
        for name in masks:
            masks[name].append(ticket[name][seed])
    stacked = ({name: np.stack(rows) for name, rows in group.items()} for group in (states, masks))
    order = [seed for _, _, seed in places]
    done = training.train(setup, images, *stacked, order, study["seed"], study["stream"], study["rewind_step"])
    found = {source: np.full((len(rounds), study["seeds"]), np.nan) for source in sources}
    for (source, row, seed), value in zip(places, done.accuracy):
        found[source][row, seed] = value
    return found


def check_alike(a: str, chain_a: Chain, b: str, chain_b: Chain) -> None:
    """Refuse to move tickets between different architectures, naming the first layer that differs."""
    shapes_a, shapes_b = ({name: layer.shape[1:] for name, layer in chain.rewind.items()} for chain in (chain_a, chain_b))
    for name in [*shapes_a, *shapes_b]:
        if shapes_a.get(name) != shapes_b.get(name):
            theirs, ours = (shapes.get(name, "absent") for shapes in (shapes_a, shapes_b))
            raise KoopflowError(f"tickets of {a} do not fit {b}: {name} is {theirs} there and {ours} here")
