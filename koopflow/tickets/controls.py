"""The controls of a ticket: random masks, other first weights, and one-shot pruning, at equal density."""

import numpy as np

from koopflow import masks as selection
from koopflow import seeds as streams
from koopflow.tickets import trainers
from koopflow.tickets.chain import Chain

CONTROLS = ("random_mask", "reinitialized", "one_shot")


def run_controls(
    setup: trainers.Setup, images, chain: Chain, rounds: list[int], controls: tuple[str, ...] = CONTROLS
) -> dict[str, np.ndarray]:
    """Train the controls of a chain at chosen rounds, all as one ensemble; accuracies (round, seed of the chain) by control.

    ``random_mask``: random masks of the ticket's layer densities. ``reinitialized``: the ticket's mask, other first weights.
    ``one_shot``: the dense network of round 0 pruned to the round's density at once, then rewound.
    """
    study, found = chain.study, {}
    names, layers = list(chain.rewind), list(chain.masks[0])
    if "reinitialized" in controls:
        other = trainers.initialize(setup, images, study["seed"], range(study["seeds"]), "reinitialized")
    for control in controls:
        weights = {name: [] for name in names}
        masks = {name: [] for name in layers}
        for round_number in rounds:
            _, ticket = chain.ticket(round_number)
            for seed in chain.seeds:
                mask = {name: ticket[name][seed] for name in layers}
                start = chain.rewind
                if control == "random_mask":
                    mask = random_masks(mask, study["seed"], study["task"], seed, round_number)
                elif control == "one_shot":
                    keep = sum(int(layer.sum()) for layer in mask.values())
                    mask = selection.select({name: np.abs(chain.dense[name][seed]) for name in layers}, keep)
                else:
                    start = other
                for name in names:
                    weights[name].append(start[name][seed])
                for name in layers:
                    masks[name].append(mask[name])
        stacked = ({name: np.stack(rows) for name, rows in group.items()} for group in (weights, masks))
        rows = chain.seeds * len(rounds)
        trained = trainers.train(setup, images, *stacked, rows, study["seed"], study["stream"], study["rewind_step"])
        found[control] = trainers.accuracy(setup, images, trained).reshape(len(rounds), len(chain.seeds))
    return found


def random_masks(masks: dict[str, np.ndarray], seed: int, *names: object) -> dict[str, np.ndarray]:
    """Shuffle each layer's mask: as many survivors in each layer, anywhere."""
    return {
        name: streams.rng(seed, "tickets", "random mask", *names, name).permutation(mask.ravel()).reshape(mask.shape)
        for name, mask in masks.items()
    }
