"""The training behind a pruning study: an ensemble, and every step of its windows on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.config.pruning import PrunedTraining, PruningStudy
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.io import npz
from koopflow.training import ensemble
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.hooks import Hook, Keep, Progress
from koopflow.training.recipe import Recipe

LARGEST_BATCH = 1 << 26
"""Weights of one ensemble of masked networks: 256 MB in float32."""


@dataclass(frozen=True)
class Networks:
    """The results of training besides its trajectory.

    Attributes
    ----------
    seeds : list of int
        Numbers of the networks, in the order of the trajectory's replicas.
    buffers : dict of int to float32 (replica, buffer)
        Running statistics of normalization at each step of pruning; no column if the network has
        none.
    diverged : dict of int to int
        For networks that diverged, the first step without a finite loss.
    """

    seeds: list[int]
    buffers: dict[int, NDArray[np.float32]]
    diverged: dict[int, int]

    @classmethod
    def recorded(cls, replicas: int) -> "Networks":
        """Return the networks of a trajectory recorded elsewhere, of which only the number is
        known."""
        return cls(list(range(replicas)), {}, {})

    def save(self, path: str | Path) -> None:
        """Write to `path` (.npz)."""
        found: dict[str, NDArray[Any]] = {f"buffers/{step}": rows for step, rows in self.buffers.items()}
        found["seeds"] = np.array(self.seeds, dtype=np.int64)
        found["diverged"] = np.array(list(self.diverged.items()), dtype=np.int64).reshape(-1, 2)
        npz.save(path, "networks of a pruning study", 1, found)

    @classmethod
    def load(cls, path: str | Path) -> "Networks":
        """Read a file that `save` wrote; raise a KoopflowError if it is damaged."""
        file = npz.load(path, "networks of a pruning study", 1, ("seeds", "diverged"))
        buffers = {int(key.partition("/")[2]): rows for key, rows in file.items() if key.startswith("buffers/")}
        return cls(file["seeds"].tolist(), buffers, dict(file["diverged"].tolist()))


@dataclass(frozen=True)
class Members:
    """Which networks of a study: the study's name, the run's seed, and the networks' numbers."""

    study: str
    seed: int
    numbers: Sequence[int]


@dataclass(frozen=True)
class MaskedStart:
    """Where fine-tuning starts.

    Attributes
    ----------
    step : int
        The optimizer step of pruning.
    masks : bool (network, mask, parameter)
    weights : float32 (network, parameter) or (network, mask, parameter)
        At `step`.
    buffers : float32 (network, buffer) or (network, mask, buffer)
        Running statistics of normalization; no column if the network has none.
    """

    step: int
    masks: NDArray[np.bool_]
    weights: NDArray[np.float32]
    buffers: NDArray[np.float32]


def pruning_steps(study: PrunedTraining, images: Images) -> dict[float, int]:
    """Return the optimizer step of each epoch of pruning; the smallest fraction is one step.

    Raises
    ------
    KoopflowError
        For epochs outside training, and for batches larger than the training set.
    """
    per_epoch = steps_per_epoch(study, images)
    if per_epoch == 0:
        raise KoopflowError(
            f"batch_size must be at most {len(images.x_train)}, the training images (got {study.batch_size})"
        )
    at = sorted(study.prune_epochs)
    if at[-1] > study.epochs or at[0] * per_epoch < 1:
        raise KoopflowError(
            f"prune_epochs: must be from {1 / per_epoch:.3g} (one step) to {study.epochs}, the epochs of training "
            f"(got {', '.join(f'{epoch:g}' for epoch in study.prune_epochs)})"
        )
    return {epoch: round(epoch * per_epoch) for epoch in at}


def steps_per_epoch(study: PrunedTraining, images: Images) -> int:
    """Return the optimizer steps of one epoch; a last, smaller batch is left out."""
    return len(images.x_train) // study.batch_size


def check_window(window: int, study: PrunedTraining, images: Images) -> None:
    """Raise a KoopflowError if the window is longer than the training before the first pruning; a
    window of 0 fits nothing."""
    first = min(pruning_steps(study, images).values())
    if window and not 2 <= window <= first:
        count = steps_per_epoch(study, images)
        epoch = f"one epoch has {count} step{'s' * (count > 1)}"
        if first < 2:
            raise KoopflowError(
                f"window: no window fits before the first of prune_epochs; {epoch} (got {window}); train more epochs, "
                "or in smaller batches"
            )
        raise KoopflowError(
            f"window: must be from 2 to {first}, the steps before the first of prune_epochs; {epoch} (got {window})"
        )


def setup(study: PrunedTraining, images: Images, epochs: float, schedule: bool = True) -> Recipe:
    """Return the recipe of `epochs` epochs, with or without the learning rate's schedule."""
    optimizer = study.optimizer if schedule else study.optimizer.model_copy(update={"schedule": None})
    return Recipe(study.model, optimizer, study.batch_size, round(epochs * steps_per_epoch(study, images)))


def train(
    study: PrunedTraining,
    images: Images,
    members: Members,
    path: str | Path,
    window: int,
    *,
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
    progress: Callable[[int, int], object] | None = None,
) -> Networks:
    """Train networks of a study as one ensemble, and record the windows before each pruning.

    The result names networks that diverge, even if all do: those of other jobs may be sound.

    Parameters
    ----------
    study : PrunedTraining
    images : Images
    members : Members
        The networks to train.
    path : path
        The trajectory file to write.
    window : int
        Optimizer steps to record before each pruning.
    checkpoint : Checkpoint, optional
    device : str
    progress : function of (steps done, steps), optional

    Raises
    ------
    KoopflowError
        Before training, if it cannot be done.
    """
    steps = pruning_steps(study, images)
    check_window(window, study, images)
    captured = sorted({step for end in steps.values() for step in range(end - window, end + 1)})
    about = {"pruning": members.study, "moments": {str(epoch): step for epoch, step in steps.items()}, "window": window}
    hooks: list[Hook] = [Keep(steps.values()), Capture(str(path), study=about, only=captured)]
    trained = ensemble.train(
        setup(study, images, study.epochs),
        images,
        ensemble.Ensemble(list(members.numbers), members.seed, ("pruning", members.study)),
        hooks=hooks if progress is None else [*hooks, Progress(progress)],
        checkpoint=checkpoint,
        device=device,
    )
    diverged = {int(replica): step for replica, step in trained.diverged.items()}
    return Networks(list(members.numbers), {step: kept[1] for step, kept in trained.kept.items()}, diverged)


def fine_tune(
    study: PruningStudy,
    images: Images,
    members: Members,
    start: MaskedStart,
    *,
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Continue training masked networks; all masks of one network see the same batches.

    The learning rate is constant, without the schedule, and the optimizer's state starts empty.

    Returns
    -------
    weights : float32 (network, mask, parameter)
        Zero where a weight is pruned.
    buffers : float32 (network, mask, buffer)
    """
    networks, count, size = start.masks.shape
    weights, buffers = (_for_each_mask(rows, count) for rows in (start.weights, start.buffers))
    tuned = np.empty((networks, count, size), np.float32)
    statistics = np.empty((networks, count, buffers.shape[2]), np.float32)
    most = max(1, LARGEST_BATCH // (size * networks))
    for first in range(0, count, most):
        some = start.masks[:, first : first + most]
        copies = some.shape[1]
        trained = ensemble.train(
            setup(study, images, study.finetune.epochs, schedule=False),
            images,
            ensemble.Ensemble(
                list(members.numbers), members.seed, ("pruning", members.study, start.step, "finetune"), copies
            ),
            start=ensemble.Start(
                np.concatenate(weights[:, first : first + most]),
                np.concatenate(buffers[:, first : first + most]) if buffers.shape[2] else None,
                some.reshape(networks * copies, size),
            ),
            checkpoint=checkpoint,
            device=device,
        )
        tuned[:, first : first + most] = trained.weights.reshape(networks, copies, size)
        statistics[:, first : first + most] = trained.buffers.reshape(networks, copies, -1)
    return tuned, statistics


def _for_each_mask(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return rows of networks as rows of (network, mask), without copying them."""
    return rows if rows.ndim == 3 else np.broadcast_to(rows[:, None], (len(rows), count, rows.shape[1]))
