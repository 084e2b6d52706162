"""Iterative magnitude pruning (Frankle & Carbin 2019, 2020): train, prune, rewind, repeat."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.core import masks as selection
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.rg.groups import group_sums
from koopflow.rg.registry import GROUPINGS
from koopflow.tickets import training
from koopflow.tickets.chain import Chain, load_chain, save_chain
from koopflow.tickets.plan import ChainOrigin, ChainPlan

Say = Callable[[str], object]
"""A function that receives progress messages of one line."""


def run_chain(
    setup: training.Setup,
    images: Images,
    plan: ChainPlan,
    rounds: int,
    *,
    checkpoints: str | Path | None = None,
    previous: str | Path | None = None,
    say: Say = lambda line: None,
) -> Chain:
    """Run or extend a chain of pruning rounds for several seeds as one ensemble.

    Parameters
    ----------
    setup : Setup
    images : Images
    plan : ChainPlan
    rounds : int
        Number of rounds, including the dense round 0.
    checkpoints : path, optional
        Folder in which the chain is kept after every round. An interrupted chain resumes there, and
        a longer one starts where a shorter one ended.
    previous : path, optional
        A shorter chain of the same origin to start from when there is no checkpoint.
    say : function of str

    Raises
    ------
    KoopflowError
        If the plan cannot be carried out, or every seed diverged.
    """
    plan.check(setup.steps)
    if rounds < 1:
        raise KoopflowError(f"tickets: rounds must be at least 1 (got {rounds})")
    origin = ChainOrigin.of(plan, setup, images)
    path = None if checkpoints is None else Path(checkpoints) / f"{origin.digest()}.npz"
    if path is not None and path.exists():
        chain = load_chain(path, rounds)
        say(f"{plan.task}: resuming after {chain.rounds} rounds")
    elif previous is not None and load_chain(previous, 1).origin == origin:
        chain = load_chain(previous, rounds)
    else:
        chain = _first_round(setup, images, origin, say)
        if path is not None:
            save_chain(chain, path)
    while chain.rounds < rounds and chain.seeds and not chain.ended:
        _next_round(chain, setup, images, say)
        if path is not None:
            save_chain(chain, path)
    if not chain.seeds:
        raise KoopflowError(f"tickets: {plan.task}: every seed diverged; {chain.stopped[0]}")
    return chain


def _first_round(setup: training.Setup, images: Images, origin: ChainOrigin, say: Say) -> Chain:
    """Train the dense networks, and keep the weights at the rewind step."""
    weights = training.initialize(setup, images, origin.seed, range(origin.seeds))
    everything = {name: np.ones(weights[name].shape, dtype=bool) for name in training.prunable(weights)}
    chain, step = Chain(origin=origin, rewind=weights, dense={}), origin.rewind_step
    done = _train(chain, setup, images, everything, 0, [step])
    # A seed that diverged before the rewind step has no rewind weights; it gets zeros.
    chain.rewind = {name: np.nan_to_num(values, nan=0.0) for name, values in done.kept[step].items()}
    chain.dense = done.weights
    _record(chain, everything, done, say)
    return chain


def _next_round(chain: Chain, setup: training.Setup, images: Images, say: Say) -> None:
    """Prune after the last round's training, and train the survivors."""
    trained, origin = chain.trained or _retrain(chain, setup, images), chain.origin
    masks = {name: mask.copy() for name, mask in chain.masks[-1].items()}
    for seed in chain.seeds:
        alive = {name: mask[seed] for name, mask in chain.masks[-1].items()}
        magnitudes = {name: np.abs(trained[name][seed]) for name in alive}
        found = prune(magnitudes, alive, origin.fraction, origin.scope, origin.composed)
        empty = selection.empty_layers(found)
        if empty:
            layers = ", ".join(empty)
            chain.ended = (
                f"seed {seed}: round {chain.rounds} would leave {layers} empty; the chain ends after round "
                f"{chain.rounds - 1}"
            )
            say(chain.ended)
            return
        for name, mask in found.items():
            masks[name][seed] = mask
    if chain.seeds:
        _record(chain, masks, _train(chain, setup, images, masks, origin.rewind_step), say)


def prune(
    magnitudes: dict[str, NDArray[np.float32]],
    alive: dict[str, NDArray[np.bool_]],
    fraction: float,
    scope: str,
    composed: int = 1,
) -> dict[str, NDArray[np.bool_]]:
    """Return the masks after pruning the smallest `fraction` of the survivors, over all layers or
    in each.

    Parameters
    ----------
    magnitudes : dict of str to array (...)
    alive : dict of str to bool array (...)
        The survivors so far.
    fraction : float
    scope : {"global", "layer"}
    composed : int
        Number of such prunings to do at once; counts equal those of single prunings exactly.

    Returns
    -------
    dict of str to bool array (...)
    """
    counts = {name: int(mask.sum()) for name, mask in alive.items()}
    if scope == "layer":
        return selection.layer_masks(
            magnitudes, {name: _left(n, fraction, composed) for name, n in counts.items()}, alive
        )
    return selection.layer_masks(magnitudes, _left(sum(counts.values()), fraction, composed), alive)


def _left(survivors: int, fraction: float, times: int) -> int:
    """Return the number of survivors after `times` rounds, each rounded like a single one."""
    for _ in range(times):
        survivors -= selection.pruned_count(survivors, fraction)
    return survivors


def _retrain(chain: Chain, setup: training.Setup, images: Images) -> dict[str, NDArray[np.float32]]:
    """Return the trained weights of the last round, bit-identical, for a shortened chain that lacks
    them."""
    if chain.rounds == 1:
        return chain.dense
    return _train(chain, setup, images, chain.masks[-1], chain.origin.rewind_step).weights


def _train(
    chain: Chain, setup: training.Setup, images: Images, masks: training.Masks, first: int, keep: Collection[int] = ()
) -> training.Outcome:
    """Train all seeds from the chain's rewind weights."""
    origin = chain.origin
    rows = training.Rows(chain.rewind, masks, range(origin.seeds))
    return training.train(setup, images, rows, origin.seed, origin.stream, first, keep)


def _record(chain: Chain, masks: dict[str, NDArray[np.bool_]], done: training.Outcome, say: Say) -> None:
    """Add a trained round to the chain, and stop the seeds that diverged."""
    accuracy = done.accuracy.copy()
    for seed in chain.seeds:
        if np.isnan(accuracy[seed]):
            chain.stopped[seed] = (
                f"seed {seed}: training diverged in round {chain.rounds}; its rounds before that are kept"
            )
            say(chain.stopped[seed])
    accuracy[list(chain.stopped)] = np.nan
    chain.trained = done.weights
    chain.masks.append(masks)
    chain.accuracy.append(accuracy)
    entry = {}
    for grouping in GROUPINGS:
        groups, sums = group_sums({name: chain.trained[name] for name in masks}, masks, grouping)
        entry[grouping] = (groups, np.stack([sums.magnitude, sums.survivors, sums.weights]))
    chain.magnitude.append(entry)
