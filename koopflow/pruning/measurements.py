"""The rows of a study's tables for its networks at one epoch."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from koopflow.config.pruning import FineTune, SaveMasks
from koopflow.core import overlap
from koopflow.pruning import inputs, mask, training
from koopflow.pruning.job import Job
from koopflow.pruning.mask import Mask
from koopflow.pruning.network import Masks, Network
from koopflow.training.checkpoint import Checkpoint

Rows = list[dict[str, Any]]


def tables(
    job: Job, epoch: float, step: int, checkpoint: Checkpoint | None, masks: str | Path | None
) -> dict[str, Rows]:
    """Prune and evaluate the networks of a job at one epoch.

    Parameters
    ----------
    job : Job
    epoch, step : float, int
        When to prune, in epochs and in optimizer steps.
    checkpoint : Checkpoint, optional
        Checkpoint of fine-tuning.
    masks : path, optional
        The folder of the masks that the study saves.

    Returns
    -------
    dict of str to list of dict
        Rows by table, for every network that did not diverge.
    """
    rows: dict[str, Rows] = {table: [] for table in ("accuracy", "overlap", "spectrum", "layers", "cost")}
    study, sound = job.study, job.sound
    if not sound:
        return rows
    states = job.trajectory.window(step - job.window, step, spacing=1)
    weights = job.trajectory.window(step, step).read(replicas=sound)[:, 0]
    buffers = job.networks.buffers[step][sound] if job.networks.buffers else np.zeros((len(sound), 0), np.float32)
    losses = inputs.training_loss(job, weights, buffers)
    gradients = inputs.gradient(job, weights, buffers) if job.need("gradient") else None
    tuned = [
        (m, c) for m, c in itertools.product(study.methods, study.compressions) if is_tuned(study.finetune, epoch, c)
    ]
    kept = np.empty((len(sound), len(tuned), mask.size(job.parameters)), dtype=bool)
    start = np.empty(kept.shape, np.float32)
    statistics = np.empty((*kept.shape[:2], buffers.shape[1]), np.float32)
    for place, replica in enumerate(sound):
        known: inputs.Probes = {} if gradients is None else {"gradient": gradients[place]}
        probed = inputs.Probed(job, weights[place], buffers[place], known)
        network = Network(job, replica, epoch, states, probed)
        found = network.masks()
        rows["spectrum"] += network.spectra()
        rows["cost"] += network.costs(step)
        rows["layers"] += _layers(network, found)
        rows["overlap"] += _overlaps(network, found)
        rows["accuracy"] += [row | {"loss": float(losses[place])} for row in _accuracies(network, found)]
        for column, key in enumerate(tuned):
            kept[place, column] = found[key].kept
            start[place, column], statistics[place, column] = network.trained.get(key, (weights[place], buffers[place]))
        if masks is not None:
            _save(network, found, Path(masks))
    if tuned:
        _fine_tune(job, rows["accuracy"], tuned, training.MaskedStart(step, kept, start, statistics), checkpoint)
    return rows


def is_tuned(settings: FineTune, epoch: float, compression: float) -> bool:
    """Return whether networks pruned at `epoch` to `compression` are fine-tuned."""
    return settings.epochs > 0 and _named(settings, epoch, compression)


def _named(settings: FineTune | SaveMasks, epoch: float, compression: float) -> bool:
    return epoch in settings.at and (not settings.compressions or compression in settings.compressions)


def _accuracies(network: Network, found: Masks) -> Rows:
    job, probed = network.job, network.probed
    keys = [key for key in found if key[0] in job.study.methods]
    same = [key for key in keys if key not in network.trained]
    measured = dict(zip(same, job.evaluate([probed.weights * found[key].kept for key in same], probed.buffers)))
    measured |= {key: job.evaluate([own[0]], own[1])[0] for key, own in network.trained.items()}
    dense = job.evaluate.multiply_adds(Mask.dense(job.parameters))
    rows = []
    for name, compression in keys:
        accuracy = measured[name, compression]
        chosen = found[name, compression]
        left = job.evaluate.multiply_adds(chosen)
        rows.append(
            network.place
            | {
                "method": name,
                "compression": compression,
                "accuracy": float(accuracy),
                "accuracy_finetuned": float("nan"),
            }
            | {"kept": int(chosen.kept.sum()), "size": chosen.kept.size, "whole_compression": chosen.compression}
            | {
                "multiply_adds": left,
                "speedup": dense / left if left else float("inf"),
                "emptied": " ".join(chosen.emptied()),
            }
        )
    return rows


def _fine_tune(
    job: Job, rows: Rows, tuned: Sequence[tuple[str, float]], start: training.MaskedStart, checkpoint: Checkpoint | None
) -> None:
    """Continue training every network under each of its masks; enter the accuracies into `rows`."""
    numbers = [job.networks.seeds[replica] for replica in job.sound]
    members = training.Members(job.name, job.seed, numbers)
    after, statistics = training.fine_tune(
        job.study, job.images, members, start, checkpoint=checkpoint, device=job.device
    )
    place = {(row["seed"], row["method"], row["compression"]): row for row in rows}
    for i, number in enumerate(numbers):
        for j, (name, compression) in enumerate(tuned):
            accuracy = job.evaluate([after[i, j]], statistics[i, j])[0]
            place[number, name, compression]["accuracy_finetuned"] = float(accuracy)


def _overlaps(network: Network, found: Masks) -> Rows:
    """Compare the sets of weights that two methods prune, among the prunable ones."""
    rows, job = [], network.job
    among = mask.eligible(job.parameters, job.prunable)
    for (a, b), compression in itertools.product(job.study.compared, job.study.compressions):
        pruned_a, pruned_b = (~found[name, compression].kept[among] for name in (a, b))
        sizes = (len(pruned_a), int(pruned_a.sum()), int(pruned_b.sum()))
        rows.append(
            network.place
            | {"method_a": a, "method_b": b, "compression": compression}
            | {
                "jaccard": float(overlap.jaccard(pruned_a, pruned_b)),
                "expected_jaccard": overlap.expected_jaccard(*sizes),
            }
            | {"beyond_chance": overlap.beyond_chance(pruned_a, pruned_b)}
        )
    return rows


def _layers(network: Network, found: Masks) -> Rows:
    rows = []
    for (name, compression), chosen in found.items():
        for layer in chosen.layers():
            if layer.prunable:
                counts = {"layer": layer.layer, "size": layer.size, "kept": layer.kept, "density": layer.density}
                rows.append(network.place | {"method": name, "compression": compression} | counts)
    return rows


def _save(network: Network, found: Masks, folder: Path) -> None:
    """Write the masks that the study saves, one file each."""
    for (name, compression), chosen in found.items():
        if _named(network.job.study.save_masks, network.epoch, compression):
            folder.mkdir(parents=True, exist_ok=True)
            chosen.save(folder / f"{network.seed}-{name}-epoch-{network.epoch:g}-compression-{compression:g}.npz")
