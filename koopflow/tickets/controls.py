"""The controls of a ticket: random masks, other initial weights, one-shot pruning."""

import numpy as np
from numpy.typing import NDArray

from koopflow.core import masks as selection
from koopflow.core import seeds as streams
from koopflow.data.images.sets import Images
from koopflow.tickets import training
from koopflow.tickets.chain import Chain

CONTROLS = ("random_mask", "reinitialized", "one_shot")


def run_control(
    setup: training.Setup, images: Images, chain: Chain, rounds: list[int], control: str
) -> NDArray[np.float64]:
    """Train one control of a chain at chosen rounds, as one ensemble.

    Parameters
    ----------
    setup : Setup
    images : Images
    chain : Chain
    rounds : list of int
    control : {"random_mask", "reinitialized", "one_shot"}
        Random masks of the ticket's layer densities; the ticket's mask on other initial weights; or
        the dense network of round 0 pruned to the round's density at once, then rewound.

    Returns
    -------
    array (round, seed)
        Test accuracies of the seeds that did not diverge.
    """
    origin, layers = chain.origin, list(chain.masks[0])
    start = chain.rewind
    if control == "reinitialized":
        start = training.initialize(setup, images, origin.seed, range(origin.seeds), "reinitialized")
    weights, masks = [], []
    for round_number in rounds:
        _, ticket = chain.ticket(round_number)
        for seed in chain.seeds:
            mask = {name: ticket[name][seed] for name in layers}
            if control == "random_mask":
                mask = random_masks(mask, origin.seed, origin.task, seed, round_number)
            elif control == "one_shot":
                keep = sum(int(layer.sum()) for layer in mask.values())
                mask = selection.layer_masks({name: np.abs(chain.dense[name][seed]) for name in layers}, keep)
            weights.append({name: start[name][seed] for name in chain.rewind})
            masks.append(mask)
    rows = training.Rows.stack(weights, masks, chain.seeds * len(rounds))
    done = training.train(setup, images, rows, origin.seed, origin.stream, origin.rewind_step)
    return done.accuracy.reshape(len(rounds), len(chain.seeds))


def random_masks(masks: training.Masks, seed: int, *names: object) -> dict[str, NDArray[np.bool_]]:
    """Return each layer's mask shuffled: as many survivors in each layer, at random places."""
    return {
        name: streams.rng(seed, "tickets", "random mask", *names, name).permutation(mask.ravel()).reshape(mask.shape)
        for name, mask in masks.items()
    }
