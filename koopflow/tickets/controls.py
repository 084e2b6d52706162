"""The controls of a ticket: random masks, other first weights, and one-shot pruning, at equal density."""

import numpy as np

from koopflow.core import masks as selection
from koopflow.core import seeds as streams
from koopflow.tickets import training
from koopflow.tickets.chain import Chain

CONTROLS = ("random_mask", "reinitialized", "one_shot")


def run_control(setup: training.Setup, images, chain: Chain, rounds: list[int], control: str) -> np.ndarray:
    """Train one control of a chain at chosen rounds, all as one ensemble; return accuracies (round, seed of the chain).

    ``random_mask``: random masks of the ticket's layer densities. ``reinitialized``: the ticket's mask, other first weights.
    ``one_shot``: the dense network of round 0 pruned to the round's density at once, then rewound.
    """
    study = chain.study
    names, layers = list(chain.rewind), list(chain.masks[0])
    start = chain.rewind
    if control == "reinitialized":
        start = training.initialize(setup, images, study["seed"], range(study["seeds"]), "reinitialized")
    weights, masks = {name: [] for name in names}, {name: [] for name in layers}
    for round_number in rounds:
        _, ticket = chain.ticket(round_number)
        for seed in chain.seeds:
            mask = {name: ticket[name][seed] for name in layers}
            if control == "random_mask":
                mask = random_masks(mask, study["seed"], study["task"], seed, round_number)
            elif control == "one_shot":
                keep = sum(int(layer.sum()) for layer in mask.values())
                mask = selection.layer_masks({name: np.abs(chain.dense[name][seed]) for name in layers}, keep)
            for name in names:
                weights[name].append(start[name][seed])
            for name in layers:
                masks[name].append(mask[name])
    stacked = ({name: np.stack(rows) for name, rows in group.items()} for group in (weights, masks))
    rows = chain.seeds * len(rounds)
    done = training.train(setup, images, *stacked, rows, study["seed"], study["stream"], study["rewind_step"])
    return done.accuracy.reshape(len(rounds), len(chain.seeds))


def random_masks(masks: dict[str, np.ndarray], seed: int, *names: object) -> dict[str, np.ndarray]:
    """Shuffle each layer's mask: as many survivors in each layer, anywhere."""
    return {
        name: streams.rng(seed, "tickets", "random mask", *names, name).permutation(mask.ravel()).reshape(mask.shape)
        for name, mask in masks.items()
    }
