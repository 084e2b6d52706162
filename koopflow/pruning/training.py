"""The training behind a pruning study, by the shared trainer: all its networks as one ensemble, every step of the windows on disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.io import npz
from koopflow.training import ensemble
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.hooks import Keep, Progress

LARGEST_BATCH = 1 << 26  # weights of one ensemble of masked networks: 256 MB in float32


@dataclass(frozen=True)
class Networks:
    """What a training leaves beside its trajectory.

    Attributes
    ----------
    seeds : list of int
        Whose networks these are, in the order of the trajectory's replicas.
    buffers : dict of step to float32 (replica, buffer)
        Running statistics of normalization at the moments of pruning; no column where the network has none.
    diverged : dict of seed to step
        Networks without a finite loss from that step on.
    """

    seeds: list[int]
    buffers: dict[int, np.ndarray]
    diverged: dict[int, int]

    def save(self, path: str | Path) -> None:
        """Write to `path` (.npz)."""
        found = {f"buffers/{step}": rows for step, rows in self.buffers.items()}
        found["seeds"] = np.array(self.seeds, dtype=np.int64)
        found["diverged"] = np.array(list(self.diverged.items()), dtype=np.int64).reshape(-1, 2)
        npz.save(path, "networks of a pruning study", 1, found)

    @classmethod
    def load(cls, path: str | Path) -> "Networks":
        """Read what `save` wrote; raises KoopflowError for a damaged file."""
        file = npz.load(path, "networks of a pruning study", 1, ("seeds", "diverged"))
        buffers = {int(key.partition("/")[2]): rows for key, rows in file.items() if key.startswith("buffers/")}
        return cls(file["seeds"].tolist(), buffers, dict(file["diverged"].tolist()))


def moments(study: Mapping, images: Images) -> dict[float, int]:
    """Return epoch -> optimizer step of each moment of pruning; an epoch may be a fraction, down to one step.

    Raises KoopflowError for moments outside training.
    """
    per_epoch = len(images.x_train) // study["batch_size"]
    if per_epoch == 0:
        raise KoopflowError(f"batch_size: {study['batch_size']} is larger than the training set ({len(images.x_train)} images)")
    at = sorted(study["prune_epochs"])
    if at[-1] > study["epochs"] or at[0] * per_epoch < 1:
        raise KoopflowError(
            f"prune_epochs: {study['prune_epochs']} found; accepted are epochs from {1 / per_epoch:.3g} (one step) to {study['epochs']},"
            " the length of training"
        )
    return {epoch: round(epoch * per_epoch) for epoch in at}


def check_window(window: int, study: Mapping, images: Images) -> None:
    """Raise KoopflowError where a window of so many steps does not fit before each moment of pruning."""
    first = min(moments(study, images).values())
    if not 2 <= window <= first:
        raise KoopflowError(
            f"window: {window} steps found, longer than training before it; accepted are 2 to {first}, the steps before the first of"
            f" prune_epochs {study['prune_epochs']} (one epoch has {len(images.x_train) // study['batch_size']} steps)"
        )


def setup(study: Mapping, images: Images, epochs: float, **changes) -> dict:
    """Return the shared trainer's set-up for `epochs` epochs of `study`."""
    steps = round(epochs * (len(images.x_train) // study["batch_size"]))
    return {"model": study["model"], "optimizer": study["optimizer"], "batch_size": study["batch_size"], "steps": steps, **changes}


def train(
    name: str,
    study: Mapping,
    window: int,
    images: Images,
    *,
    seed: int,
    seeds: Sequence[int],
    path: str | Path,
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Networks:
    """Train the networks `seeds` of a study as one ensemble; the last `window` steps before each moment go to the trajectory `path`.

    Networks that diverge, all of them if it comes to that, are named in the result: those of other jobs may be sound.

    Raises
    ------
    KoopflowError
        Before training for what cannot be done.
    """
    steps = moments(study, images)
    check_window(window, study, images)
    whole = setup(study, images, study["epochs"])
    captured = sorted({step for end in steps.values() for step in range(end - window, end + 1)})
    about = {"pruning": name, "moments": {str(epoch): step for epoch, step in steps.items()}, "window": window}
    trained = ensemble.train(
        whole,
        images,
        ensemble.Ensemble(list(seeds), seed, ("pruning", name)),
        hooks=[
            Keep(steps.values()),
            Capture(str(path), study=about, only=captured),
            *([] if progress is None else [Progress(progress)]),
        ],
        checkpoint=checkpoint,
        device=device,
    )
    diverged = {int(replica): step for replica, step in trained.diverged.items()}
    return Networks(list(seeds), {step: kept[1] for step, kept in trained.kept.items()}, diverged)


def fine_tune(
    name: str,
    study: Mapping,
    images: Images,
    masks: np.ndarray,
    weights: np.ndarray,
    buffers: np.ndarray,
    *,
    seed: int,
    seeds: Sequence[int],
    step: int,
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Train masked networks on; all masks of one network see the same batches.

    Parameters
    ----------
    masks : bool (network, mask, parameter)
    weights : float32 (network, parameter)
        At optimizer step `step`, of the networks `seeds`.
    buffers : float32 (network, buffer)

    Returns
    -------
    weights, buffers : float32 (network, mask, parameter) and (network, mask, buffer)
        The learning rate is the optimizer's first, without its schedule; its memory starts empty. Pruned weights are zero.
    """
    networks, count, size = masks.shape
    spec = {key: value for key, value in study["optimizer"].items() if key != "schedule"}
    whole = setup(study, images, study["finetune"]["epochs"], optimizer=spec)
    tuned, statistics = np.empty((networks, count, size), np.float32), np.empty((networks, count, buffers.shape[1]), np.float32)
    most = max(1, LARGEST_BATCH // (size * networks))
    for start in range(0, count, most):
        some = masks[:, start : start + most]
        copies = some.shape[1]
        trained = ensemble.train(
            whole,
            images,
            ensemble.Ensemble(list(seeds), seed, ("pruning", name, step, "finetune"), copies),
            start=ensemble.Start(
                np.repeat(weights, copies, axis=0),
                np.repeat(buffers, copies, axis=0) if buffers.shape[1] else None,
                some.reshape(networks * copies, size),
            ),
            checkpoint=checkpoint,
            device=device,
        )
        tuned[:, start : start + most] = trained.weights.reshape(networks, copies, size)
        statistics[:, start : start + most] = trained.buffers.reshape(networks, copies, -1)
    return tuned, statistics
