"""The ensemble trainer: many replicas of one network trained as one batched computation.

A replica's numbers do not depend (to rounding) on the other replicas trained with it, and the same
call on the same machine gives the same bits.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core import seeds
from koopflow.core.errors import TERMINATED, KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training import optimizers
from koopflow.training.batches import Batches
from koopflow.training.checkpoint import Checkpoint, State, Store, stop_on_request
from koopflow.training.hooks import Context, Evaluate, Hook, check_steps
from koopflow.training.recipe import Recipe, Setup, describe_setup
from koopflow.training.replicas import Replicas, initial_weights
from koopflow.training.run import EXPLOSION, Run, Trained

__all__ = ["EXPLOSION", "Ensemble", "Recipe", "Start", "Trained", "train"]

logger = logging.getLogger("koopflow")


@dataclass(frozen=True)
class Ensemble:
    """The replicas that are trained: `copies` of every group.

    A group has its own base initialization and, if `shuffled`, batch order, both drawn from the
    seed, the stream and the group. Each group gives the same replicas in any ensemble, so a cluster
    can split one.

    Attributes
    ----------
    groups : sequence of str or int
        Names of the groups: the seeds of a study.
    seed : int
        The run's seed.
    stream : sequence of str or int
        The name of this training.
    copies : int
        Replicas per group. The first is the base; the others start from perturbed copies of it and
        share its batches.
    perturbation : float
        Every weight of a copy is multiplied by 1 + perturbation · U(−1, 1).
    shuffled : bool
        Whether each group has a batch order of its own; otherwise all see the images in the order
        in which they are stored.
    """

    groups: Sequence[object]
    seed: int
    stream: Sequence[object] = ()
    copies: int = 1
    perturbation: float = 1e-3
    shuffled: bool = True

    @property
    def names(self) -> list[str]:
        """Names of the replicas in order: ``group``, or ``group/copy`` if there are several
        copies."""
        return [str(g) if self.copies == 1 else f"{g}/{copy}" for g in self.groups for copy in range(self.copies)]


@dataclass(frozen=True)
class Start:
    """The start of a training that does not begin at the initial weights of its ensemble.

    Attributes
    ----------
    weights, buffers : float32, (replica, parameter) or (parameter,), optional
        Start from these.
    masks : bool, (replica, parameter) or (parameter,), optional
        Weights outside are zero and stay zero under every optimizer.
    step : int
        First step: the schedule and the batch order continue from it, the optimizer's state starts
        empty (rewinding).
    """

    weights: NDArray[np.float32] | None = None
    buffers: NDArray[np.float32] | None = None
    masks: NDArray[np.bool_] | None = None
    step: int = 0


def train(
    setup: Setup,
    images: Images,
    ensemble: Ensemble,
    *,
    start: Start | None = None,
    hooks: Sequence[Hook] = (),
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
    method: str = "auto",
) -> Trained:
    """Train an ensemble and return its final weights, losses and accuracies.

    Parameters
    ----------
    setup : Setup
        A `Recipe`, ``TrainingSetup``, or anything with model, optimizer, batch_size and steps.
    images : Images
    ensemble : Ensemble
    start : Start, optional
    hooks : sequence of Hook
        Actions besides the updates: `koopflow.training.hooks`, `koopflow.training.capture.Capture`.
        The final test accuracy is always measured.
    checkpoint : Checkpoint, optional
        Save regularly, and resume from a checkpoint of the same training; SIGTERM saves and exits
        with status 143.
    device, method : str
        ``auto``, ``cpu``, ``cuda``; ``auto``, ``matrix`` (dense chains), ``vmap``, ``sequential``.

    Raises
    ------
    KoopflowError
        Before anything is computed, if a name is unknown, shapes do not fit, a batch is larger than
        the data, or a pattern matches nothing.
    """
    start, hooks = start or Start(), [*hooks]
    if not any(isinstance(hook, Evaluate) for hook in hooks):
        hooks.append(Evaluate())
    run, batches = _prepare(setup, images, ensemble, start, (device, method))
    context = Context(run, images, [str(group) for group in ensemble.groups], _about(setup, images, ensemble, start))
    for hook in hooks:
        hook.prepare(context)
    run.mask = _begin(run.replicas, setup, images, ensemble, start)
    store = None if checkpoint is None else _store(checkpoint, context, hooks, start)
    saved = _restore(run, store)
    try:
        for index, hook in enumerate(hooks):
            hook.begin(None if saved is None else saved["hooks"][index])
        _loop(run, batches, hooks, store)
    except BaseException:
        for hook in hooks:
            hook.abandon()
        raise
    for hook in hooks:
        hook.close()
    if store is not None:
        store.remove()
    return run.result()


def _restore(run: Run, store: Store | None) -> State | None:
    """Restore the training from its checkpoint; return what was saved, None if there is none."""
    saved = store.load() if store else None
    if saved is not None:
        run.restore(saved)
        logger.info("continues at step %d of %d from its checkpoint", run.step, run.steps)
    return saved


def _loop(run: Run, batches: Batches, hooks: Sequence[Hook], store: Store | None) -> None:
    with stop_on_request(store is not None) as request:
        for step in range(run.step, run.steps + 1):
            if store is not None and step > run.first and (request.asked or store.due(step)):
                store.save({**run.state(), "hooks": [hook.saved() for hook in hooks]})
                if request.asked:
                    logger.info("saved at step %d of %d; the next attempt continues there", step, run.steps)
                    raise SystemExit(TERMINATED)
            for hook in hooks:
                hook.before(run)
            losses = run.advance(*batches.at(step))
            for hook in hooks:
                hook.after(run, step, losses)


def _prepare(
    setup: Setup, images: Images, ensemble: Ensemble, start: Start, where: tuple[str, str]
) -> tuple[Run, Batches]:
    """Check everything; return the training's state, before its starting weights are set, and its
    batches."""
    steps, optimizer = _steps(setup, start.step), optimizers.optimizer_settings(setup.optimizer)
    groups, names = list(ensemble.groups), ensemble.names
    if not groups or ensemble.copies < 1:
        raise KoopflowError(
            f"an ensemble needs at least one group and one copy (got {len(groups)} and {ensemble.copies})"
        )
    random_seeds = [seeds.torch_seed(ensemble.seed, *ensemble.stream, name, "stochastic layers") for name in names]
    replicas = Replicas(
        setup.model,
        images.shape,
        images.classes,
        len(groups),
        ensemble.copies,
        device=where[0],
        method=where[1],
        random_seeds=random_seeds,
    )
    batches = Batches(
        images, setup.batch_size, groups, ensemble.seed, ensemble.stream, replicas.device, shuffled=ensemble.shuffled
    )
    return Run(replicas, optimizer, steps, start.step, names), batches


def _about(setup: Setup, images: Images, ensemble: Ensemble, start: Start) -> dict[str, object]:
    """Return all that the numbers of a training depend on, apart from arrays, as plain values."""
    return {
        "setup": describe_setup(setup),
        "data": images.name,
        "seed": ensemble.seed,
        "stream": [str(name) for name in ensemble.stream],
        "replicas": ensemble.names,
        "perturbation": ensemble.perturbation,
        "shuffled": ensemble.shuffled,
        "first_step": start.step,
    }


def _store(checkpoint: Checkpoint, context: Context, hooks: Sequence[Hook], start: Start) -> Store:
    """Return the checkpoint file of this training."""
    replicas, images = context.run.replicas, context.images
    about = {
        **context.about,
        "hooks": [hook.identity() for hook in hooks],
        "method": replicas.method,
        "device": replicas.device.type,
    }
    arrays = {
        "initial": start.weights,
        "buffers": start.buffers,
        "masks": start.masks,
        "x": images.x_train,
        "y": images.y_train,
    }
    return Store(checkpoint, about, arrays)


def _steps(setup: Setup, first: int) -> int:
    """Return the number of steps of a set-up, after checking that `first` lies within."""
    steps = setup.steps
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise KoopflowError(f"steps must be a positive integer (got {steps!r})")
    check_steps("first_step", [first], steps)
    return steps


def _begin(replicas: Replicas, setup: Setup, images: Images, ensemble: Ensemble, start: Start) -> torch.Tensor | None:
    """Set the starting weights and return the mask in the order of the flat weights (None without
    masks)."""
    weights = start.weights
    if weights is None:
        weights = initial_weights(
            setup.model,
            images.shape,
            images.classes,
            seed=ensemble.seed,
            stream=ensemble.stream,
            groups=ensemble.groups,
            copies=ensemble.copies,
            perturbation=ensemble.perturbation,
        )
    _check_rows(weights, replicas.count, replicas.layout.size, "initial weights")
    replicas.weights.load(weights)
    if start.buffers is not None:
        _check_rows(start.buffers, replicas.count, replicas.buffer_layout.size, "initial buffers")
        replicas.buffers.load(start.buffers)
    if start.masks is None:
        return None
    _check_rows(start.masks, replicas.count, replicas.layout.size, "masks")
    replicas.gradients.load(start.masks)  # a stack brings rows into the order of the flat weights; this one is free
    mask = replicas.gradients.flat.clone()
    replicas.weights.flat.mul_(mask)
    return mask


def _check_rows(rows: NDArray[np.generic], replicas: int, size: int, what: str) -> None:
    shape = np.shape(rows)
    if shape not in ((size,), (replicas, size)):
        raise KoopflowError(
            f"{what} must have shape ({size},) or ({replicas}, {size}), (replica, parameter) (got {shape})"
        )
    finite = np.isfinite(rows)
    if not finite.all():
        raise KoopflowError(f"{what} must be finite (got {int(np.sum(~finite))} NaN or infinite numbers)")
