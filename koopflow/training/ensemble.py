"""The ensemble trainer: many replicas of one network trained as one batched computation.

An ensemble is groups × copies. A group has its own base initialization and batch order, both drawn by its name; its
copies start from
perturbed copies of the base and share its batches. A replica's numbers do not depend on which others are trained
beside it (to rounding),
and the same call on the same machine gives the same bits.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import torch

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training import optimizers
from koopflow.training.batches import Batches
from koopflow.training.capture import Capture, CaptureStream
from koopflow.training.checkpoint import Checkpoint, Store, stop_on_request
from koopflow.training.models import last_layer
from koopflow.training.replicas import Replicas, initial_weights
from koopflow.training.run import Run, Trained

__all__ = ["EXPLOSION", "Trained", "replica_names", "train"]

EXPLOSION = 1.0e6


def replica_names(groups: Sequence, copies: int) -> list[str]:
    """Return the names of an ensemble's replicas in order: ``group``, or ``group/copy`` where there are several copies."""
    return [str(group) if copies == 1 else f"{group}/{copy}" for group in groups for copy in range(copies)]


def train(
    setup: Mapping,
    images: Images,
    *,
    seed: int,
    groups: Sequence,
    stream: Sequence = (),
    copies: int = 1,
    perturbation: float = 1e-3,
    initial: np.ndarray | None = None,
    initial_buffers: np.ndarray | None = None,
    masks: np.ndarray | None = None,
    first_step: int = 0,
    capture: Capture | None = None,
    keep: Collection[int] = (),
    evaluate: Collection[int] = (),
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
    method: str = "auto",
    explosion: float = EXPLOSION,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train an ensemble and return its final weights, losses and accuracies.

    Parameters
    ----------
    setup : mapping
        model, optimizer, batch_size, steps (other keys, such as data, are not looked at).
    images : Images
    seed, stream
        The run's seed and the name of this training; initializations and batch orders are drawn from (seed, *stream, group, …).
    groups : sequence of str or int
        Names of the groups: the seeds of a study. A subset of them gives the same replicas (a cluster splits an
        ensemble this way).
    copies, perturbation
        Replicas per group: the base and copies − 1 of it, every weight times 1 + perturbation · U(−1, 1).
    initial, initial_buffers : float32, (replica, parameter) or (parameter,), optional
        Start from these instead.
    masks : bool, (replica, parameter) or (parameter,), optional
        Weights outside are zero and stay zero under every optimizer.
    first_step : int
        Begin at this step: schedule and batch order go on from it, the optimizer's memory starts empty (rewinding).
    capture, keep, evaluate
        What to record: parameters to a trajectory; whole states at steps; test accuracy at steps (the end always).
    checkpoint : Checkpoint, optional
        Save regularly, resume if a checkpoint of this very training is there; SIGTERM then saves and exits with 143.
    device, method : str
        ``auto``, ``cpu``, ``cuda``; ``auto``, ``matrix`` (MLP), ``vmap``, ``sequential``.
    explosion : float
        A loss above this counts as divergence, as NaN does.
    progress : function of (steps done, steps), optional

    Raises
    ------
    KoopflowError
        Before anything is computed: unknown names, shapes that do not fit, batches larger than the data, patterns that
        match nothing.
    """
    steps, spec = _steps(setup, first_step, keep, evaluate), optimizers.check(setup["optimizer"])
    groups, names = list(groups), replica_names(groups, copies)
    if not groups or copies < 1:
        raise KoopflowError(f"an ensemble needs at least one group and one copy; found {len(groups)} and {copies}")
    random_seeds = [seeds.torch_seed(seed, *stream, name, "stochastic layers") for name in names]
    replicas = Replicas(
        setup["model"], images.shape, images.classes, len(groups), copies, device=device, method=method, random_seeds=random_seeds
    )
    batches = Batches(images, setup["batch_size"], groups, seed, stream, replicas.device)
    captured = None
    if capture is not None:
        captured = capture.names(replicas.layout, last_layer(replicas.module)), capture.steps(steps)
    mask = _start(replicas, setup, images, initial, initial_buffers, masks, seed, stream, groups, copies, perturbation)
    about = {
        "setup": {key: setup[key] for key in ("model", "optimizer", "batch_size", "steps")},
        "data": images.name,
        "seed": seed,
        "stream": [str(name) for name in stream],
        "replicas": names,
        "perturbation": perturbation,
        "first_step": first_step,
    }
    run = Run(replicas, spec, mask, steps, first_step, names, float(explosion))
    store, saved = None, None
    if checkpoint is not None:
        recording = [str(capture.path), *map(str, captured)] if capture else []
        asked = {**about, "capture": recording, "keep": sorted(keep), "evaluate": sorted(evaluate), "method": replicas.method}
        arrays = {"initial": initial, "buffers": initial_buffers, "masks": masks, "x": images.x_train, "y": images.y_train}
        store = Store(checkpoint, {**asked, "explosion": explosion, "device": replicas.device.type}, arrays)
        saved = store.load()
    recorder = None
    if capture is not None:
        kept = 0 if saved is None else saved["captured"]
        recorder = CaptureStream(capture, replicas, *captured, about, [str(group) for group in groups], kept)
    if saved is not None:
        run.restore(saved)
    try:
        _loop(run, batches, images, recorder, store, set(keep), set(evaluate) | {steps}, progress)
    except BaseException:
        if recorder is not None:
            recorder.abandon()
        raise
    if recorder is not None:
        recorder.close()
    if store is not None:
        store.remove()
    return run.result()


def _loop(run: "Run", batches, images, recorder, store, keep, evaluate, progress) -> None:
    test = [torch.from_numpy(array).to(run.replicas.device) for array in (images.x_test, images.y_test)]
    with stop_on_request(store is not None) as request:
        for step in range(run.step, run.steps + 1):
            if store is not None and step > run.first and (request.asked or store.due(step)):
                store.save(run.state(recorder.flush() if recorder else 0))
                if request.asked:
                    raise SystemExit(143)
            if step in keep:
                run.kept[step] = run.replicas.weights.rows(), run.replicas.buffers.rows()
            if step in evaluate:
                run.accuracy[step] = run.replicas.score(*test)[0]
            taken = recorder is not None and recorder.take(step)
            losses = run.advance(*batches.at(step))
            if taken:
                recorder.write(step, losses)
            if progress is not None:
                progress(step - run.first, run.steps - run.first)


def _steps(setup: Mapping, first_step: int, keep: Collection[int], evaluate: Collection[int]) -> int:
    for key in ("model", "optimizer", "batch_size", "steps"):
        if key not in setup:
            raise KoopflowError(f"a training set-up needs the key {key!r}; found {', '.join(setup)}")
    steps = setup["steps"]
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise KoopflowError(f"steps: {steps!r} is not a positive whole number")
    for what, asked in (("first_step", [first_step]), ("keep", keep), ("evaluate", evaluate)):
        for step in asked:
            if not 0 <= step <= steps:
                raise KoopflowError(f"{what}: step {step} does not lie within training's steps 0 to {steps}")
    return steps


def _start(replicas: Replicas, setup, images, initial, initial_buffers, masks, seed, stream, groups, copies, perturbation):
    """Set the starting weights and return the mask in the weights' own layout (None without masks)."""
    if initial is None:
        initial = initial_weights(
            setup["model"],
            images.shape,
            images.classes,
            seed=seed,
            stream=stream,
            groups=groups,
            copies=copies,
            perturbation=perturbation,
        )
    _check_rows(initial, replicas.count, replicas.layout.size, "initial weights")
    replicas.weights.load(initial)
    if initial_buffers is not None:
        _check_rows(initial_buffers, replicas.count, replicas.buffer_layout.size, "initial buffers")
        replicas.buffers.load(initial_buffers)
    if masks is None:
        return None
    _check_rows(masks, replicas.count, replicas.layout.size, "masks")
    # The gradients' memory lends its layout, to bring the masks into the order of the flat weights.
    replicas.gradients.load(masks)
    mask = replicas.gradients.flat.clone()
    replicas.weights.flat.mul_(mask)
    return mask


def _check_rows(rows: np.ndarray, replicas: int, size: int, what: str) -> None:
    shape = np.shape(rows)
    if shape not in ((size,), (replicas, size)):
        raise KoopflowError(f"{what} have shape {shape}; accepted are ({size},) and ({replicas}, {size}), (replica, parameter)")
    if not np.isfinite(rows).all():
        raise KoopflowError(f"{what} hold {int(np.sum(~np.isfinite(rows)))} NaN or infinite numbers; all must be finite")
