"""Transfer of tickets: a source task's mask and rewind weights, trained on a target task."""

import numpy as np

from koopflow.errors import KoopflowError
from koopflow.tickets import mlp
from koopflow.tickets.chain import Chain


def transfer_to(setup: mlp.Setup, images, target: Chain, sources: dict[str, Chain], rounds: list[int]) -> dict[str, np.ndarray]:
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
        Test accuracy on the target, by source; seeds that came through in both chains, NaN elsewhere.

    Raises
    ------
    KoopflowError
        When architectures differ.
    """
    study = target.study
    count = len(next(iter(target.rewind.values())))
    pieces, places = [], []
    for source, chain in sources.items():
        check_alike(source, chain, study["task"], target)
        for row, round_number in enumerate(rounds):
            weights, masks = chain.ticket(round_number)
            for seed in set(chain.seeds) & set(target.seeds):
                pieces.append(({n: weights[n][seed] for n in weights}, {n: masks[n][seed] for n in weights}, seed))
                places.append((source, row, seed))
    names = list(target.rewind)
    by_seed = {seed: mlp.batch_order(len(images.x_train), setup, study["seed"], seed, study["stream"]) for seed in range(count)}
    trained = mlp.train(
        setup,
        images,
        {name: np.stack([weights[name] for weights, _, _ in pieces]) for name in names},
        {name: np.stack([masks[name] for _, masks, _ in pieces]) for name in names},
        np.stack([by_seed[seed] for _, _, seed in pieces]),
        study["rewind_step"],
    )
    found = {source: np.full((len(rounds), count), np.nan) for source in sources}
    for (source, row, seed), value in zip(places, mlp.accuracy(images, trained)):
        found[source][row, seed] = value
    return found


def check_alike(a: str, chain_a: Chain, b: str, chain_b: Chain) -> None:
    """Refuse to move tickets between different architectures, naming the first layer that differs."""
    shapes_a, shapes_b = ({name: layer.shape[1:] for name, layer in chain.rewind.items()} for chain in (chain_a, chain_b))
    for name in [*shapes_a, *shapes_b]:
        if shapes_a.get(name) != shapes_b.get(name):
            theirs, ours = (shapes.get(name, "absent") for shapes in (shapes_a, shapes_b))
            raise KoopflowError(f"tickets of {a} do not fit {b}: {name} is {theirs} there and {ours} here")
