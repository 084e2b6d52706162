"""Iterative magnitude pruning: train, prune a fraction of the survivors, rewind, again (Frankle & Carbin 2019, 2020)."""

import hashlib
import json
from pathlib import Path

import numpy as np

from koopflow.core import masks as selection
from koopflow.core.errors import KoopflowError
from koopflow.rg.groups import group_sums
from koopflow.rg.registry import GROUPINGS
from koopflow.tickets import training
from koopflow.tickets.chain import Chain, load_chain, save_chain


def run_chain(
    setup: training.Setup,
    images,
    *,
    task: str,
    rounds: int,
    seeds: int,
    fraction: float = 0.2,
    scope: str = "global",
    composed: int = 1,
    rewind_step: int = 0,
    seed: int = 0,
    stream: str = "batches",
    checkpoints: str | Path | None = None,
    previous: str | Path | None = None,
    say=lambda line: None,
) -> Chain:
    """Run or extend a chain of pruning rounds for several seeds as one ensemble.

    Parameters
    ----------
    setup : koopflow.tickets.training.Setup
    images : koopflow.data Images
    task : str
        Name of the task, for provenance.
    rounds : int
        Rounds in all, the dense round 0 included.
    seeds : int
        Number of seeds; a seed's first weights are the same in every task, so that its ticket fits there.
    fraction : float
        Share of the survivors pruned after each round; the count is exact.
    scope : {"global", "layer"}
        Whether magnitudes compete across layers.
    composed : int
        Rounds' worth of pruning done after each training: 2 makes one large step of two small ones, of exactly their count.
    rewind_step : int
        Step of round 0 whose weights survivors return to; training goes on from there.
    seed : int
        The run's seed.
    stream : str
        Name of the stream of batch orders; another name is the same chain run again with other batches.
    checkpoints : path, optional
        Folder in which the chain is kept after every round, under a name made from its study without the number of rounds: an
        interrupted chain goes on, and a longer one starts where the shorter ended.
    previous : path, optional
        A shorter chain of the same study to start from when there is no checkpoint.

    Raises
    ------
    KoopflowError
        For a fraction outside (0, 1), a rewind step beyond training, an unknown scope, or when every seed diverged.
    """
    _check(setup, fraction, scope, rewind_step, rounds)
    study = {
        "task": task,
        "setup": setup.describe(),
        "seeds": seeds,
        "fraction": fraction,
        "scope": scope,
    }
    study |= {"composed": composed, "rewind_step": rewind_step, "seed": seed, "stream": stream, "images": _fingerprint(images)}
    path = None if checkpoints is None else Path(checkpoints) / f"{_digest(study)}.npz"
    if path is not None and path.exists():
        chain = load_chain(path, rounds)
        say(f"{task}: {chain.rounds} rounds were done before")
    elif previous is not None and load_chain(previous, 1).study == study:
        chain = load_chain(previous, rounds)
    else:
        chain = _first_round(setup, images, study, say)
        if path is not None:
            save_chain(chain, path)
    while chain.rounds < rounds and chain.seeds and not chain.ended:
        _next_round(chain, setup, images, say)
        if path is not None:
            save_chain(chain, path)
    if not chain.seeds:
        raise KoopflowError(f"tickets: {task}: no seed came through; {chain.stopped[0]}")
    return chain


def _check(setup: training.Setup, fraction: float, scope: str, rewind_step: int, rounds: int) -> None:
    selection.pruned_count(1, fraction)
    if scope not in ("global", "layer"):
        raise KoopflowError(f"tickets: scope: found {scope!r}, accepted are global, layer")
    if not 0 <= rewind_step < setup.steps:
        raise KoopflowError(
            f"tickets: rewind_step: found {rewind_step}, accepted is 0 to {setup.steps - 1} (training has {setup.steps} steps)"
        )
    if rounds < 1:
        raise KoopflowError(f"tickets: rounds: found {rounds}, accepted is an integer of at least 1")


def _first_round(setup: training.Setup, images, study: dict, say) -> Chain:
    """Train the dense networks; nothing is pruned yet. The rewind weights are those that this very training passes."""
    weights = training.initialize(setup, images, study["seed"], range(study["seeds"]))
    everything = {name: np.ones(weights[name].shape, dtype=bool) for name in training.prunable(weights)}
    chain, step = Chain(study=study, rewind=weights, dense={}), study["rewind_step"]
    done = _train(chain, setup, images, everything, 0, [step])
    # A seed that had diverged by then has no weights to go back to; it is stopped by name, and zeros stand in its place.
    chain.rewind = {name: np.nan_to_num(values, nan=0.0) for name, values in done.kept[step].items()}
    chain.dense = done.weights
    _record(chain, everything, done, say)
    return chain


def _next_round(chain: Chain, setup: training.Setup, images, say) -> None:
    """Prune after the last round's training and train what is left."""
    trained = chain.trained or _retrain(chain, setup, images)
    masks = {name: mask.copy() for name, mask in chain.masks[-1].items()}
    for seed in chain.seeds:
        alive = {name: mask[seed] for name, mask in chain.masks[-1].items()}
        found = prune(
            {name: np.abs(trained[name][seed]) for name in alive},
            alive,
            *(chain.study[key] for key in ("fraction", "scope", "composed")),
        )
        empty = selection.empty_layers(found)
        if empty:
            layers = ", ".join(empty)
            chain.ended = (
                f"seed {seed}: round {chain.rounds} would leave {layers} empty; the chain ends after round {chain.rounds - 1}"
            )
            say(chain.ended)
            return
        for name, mask in found.items():
            masks[name][seed] = mask
    if chain.seeds:
        _record(chain, masks, _train(chain, setup, images, masks, chain.study["rewind_step"]), say)


def prune(
    magnitudes: dict[str, np.ndarray], alive: dict[str, np.ndarray], fraction: float, scope: str, composed: int = 1
) -> dict[str, np.ndarray]:
    """Remove the smallest `fraction` of the survivors, `composed` times at once, exactly: of all together, or of each layer."""
    counts = {name: int(mask.sum()) for name, mask in alive.items()}
    if scope == "layer":
        return selection.layer_masks(magnitudes, {name: _left(n, fraction, composed) for name, n in counts.items()}, alive)
    return selection.layer_masks(magnitudes, _left(sum(counts.values()), fraction, composed), alive)


def _left(survivors: int, fraction: float, times: int) -> int:
    """Return how many survive `times` rounds, each rounded by itself, so that composed steps meet single ones exactly."""
    for _ in range(times):
        survivors -= selection.pruned_count(survivors, fraction)
    return survivors


def _retrain(chain: Chain, setup: training.Setup, images) -> dict[str, np.ndarray]:
    """Train the last round again where a longer chain was cut short: only its very last weights are kept; these have the same bits."""
    if chain.rounds == 1:
        return chain.dense
    return _train(chain, setup, images, chain.masks[-1], chain.study["rewind_step"]).weights


def _train(chain: Chain, setup: training.Setup, images, masks: dict[str, np.ndarray], first: int, keep=()) -> training.Outcome:
    """Train all seeds from the chain's rewind weights."""
    study = chain.study
    rows = range(study["seeds"])
    return training.train(setup, images, chain.rewind, masks, rows, study["seed"], study["stream"], first, keep)


def _record(chain: Chain, masks: dict[str, np.ndarray], done: training.Outcome, say) -> None:
    """Add a trained round to the chain; a diverged seed stops by name."""
    accuracy = done.accuracy.copy()
    for seed in chain.seeds:
        if np.isnan(accuracy[seed]):
            chain.stopped[seed] = f"seed {seed}: training diverged in round {chain.rounds}; its rounds before that are kept"
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


def _fingerprint(images) -> str:
    """Return a short hash of the training images and labels, so that a chain never goes on with other data."""
    digest = hashlib.sha256(np.ascontiguousarray(images.x_train).tobytes())
    digest.update(np.ascontiguousarray(images.y_train).tobytes())
    return digest.hexdigest()[:16]


def _digest(study: dict) -> str:
    return hashlib.sha256(json.dumps(study, sort_keys=True).encode()).hexdigest()[:24]
