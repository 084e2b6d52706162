"""The ensemble trainer: many replicas of one network trained as one batched computation.

An ensemble is groups × copies. A group has its own base initialization and batch order, both drawn by its name; its
copies start from
perturbed copies of the base and share its batches. A replica's numbers do not depend on which others are trained
beside it (to rounding),
and the same call on the same machine gives the same bits.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from koopflow import seeds
from koopflow.data.images import Images
from koopflow.errors import KoopflowError
from koopflow.training import optimizers
from koopflow.training.batches import Batches
from koopflow.training.capture import Capture, CaptureStream
from koopflow.training.checkpoint import Checkpoint, Store, stop_on_request
from koopflow.training.layout import Layout
from koopflow.training.models import last_layer
from koopflow.training.replicas import Replicas, initial_weights

EXPLOSION = 1.0e6


@dataclass
class Trained:
    """What training leaves behind. Rows of diverged replicas are NaN from their divergence on.

    Attributes
    ----------
    layout, buffer_layout : Layout
        Names and shapes behind the columns of weights and buffers.
    replicas : list of str
        ``group`` or ``group/copy``.
    weights : float32 (replica, parameter), buffers : float32 (replica, buffer)
        After the last step; buffers are batch normalization's running statistics (no column where there are none).
    loss : float32 (replica, step)
        Mean loss of the batch of each step first_step … steps, before that step's update; the last one is of the batch
        that would follow.
    accuracy : dict of step to float64 (replica,)
        On the test images, at the steps asked for and at the end.
    kept : dict of step to (weights, buffers)
        At the steps asked for (rewind points), after so many updates.
    diverged : dict of replica name to step
        First step whose loss was NaN, infinite or above the explosion limit.
    """

    layout: Layout
    buffer_layout: Layout
    replicas: list[str]
    weights: np.ndarray
    buffers: np.ndarray
    loss: np.ndarray
    accuracy: dict[int, np.ndarray] = field(default_factory=dict)
    kept: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    diverged: dict[str, int] = field(default_factory=dict)


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
    run = _Run(replicas, spec, mask, steps, first_step, names, float(explosion))
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


def _loop(run: "_Run", batches, images, recorder, store, keep, evaluate, progress) -> None:
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


class _Run:
    """The state of one training: what a checkpoint holds and what the result is made of."""

    def __init__(self, replicas: Replicas, optimizer: Mapping, mask, steps: int, first: int, names: list[str], explosion: float):
        self.replicas, self.steps, self.first, self.step = replicas, steps, first, first
        self._names, self._explosion, self._mask = names, explosion, mask
        self._rate = optimizers.schedule(optimizer, steps)
        self._decay = float(optimizer.get("weight_decay", 0.0))
        # Plain descent of an MLP is part of the matrix product that would make the gradient.
        self._fused = replicas.method == "matrix" and optimizers.is_plain_descent(optimizer)
        self._optimizer = optimizers.build(optimizer, replicas.weights.flat)
        replicas.weights.flat.grad = replicas.gradients.flat
        self._loss = np.full((len(names), steps + 1 - first), np.nan, dtype=np.float32)
        self.kept: dict = {}
        self.accuracy: dict = {}
        self.diverged: dict[str, int] = {}

    def advance(self, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        """Do one update (none after the last step); return the losses (replica,) before it, NaN for diverged replicas."""
        step, replicas = self.step, self.replicas
        if step == self.steps:
            before = replicas.buffers.flat.clone()
            losses = replicas.engine.gradient(x, y, step)
            replicas.buffers.flat.copy_(before)  # only a look at the loss: running statistics stay
        elif self._fused:
            losses = replicas.engine.descend(x, y, self._rate(step), self._decay)
            if self._mask is not None:
                replicas.weights.flat.mul_(self._mask)
        else:
            losses = replicas.engine.gradient(x, y, step)
            if self._mask is not None:
                # A weight that starts at zero and never sees a gradient stays exactly zero under momentum and Adam too.
                replicas.gradients.flat.mul_(self._mask)
            for group in self._optimizer.param_groups:
                group["lr"] = self._rate(step)
            self._optimizer.step()
        losses = losses.cpu().numpy().copy()
        sound = losses <= self._explosion  # False for NaN
        if not sound.all():
            self._exclude(np.flatnonzero(~sound), losses)
        self._loss[:, step - self.first] = losses
        self.step += 1
        return losses

    def _exclude(self, indices: np.ndarray, losses: np.ndarray) -> None:
        losses[indices] = np.nan
        for index in indices:
            if self._names[index] not in self.diverged:
                self.diverged[self._names[index]] = self.step
                for stack in (self.replicas.weights, self.replicas.buffers):
                    for view in stack.views.values():
                        view[index] = torch.nan

    def state(self, captured: int) -> dict:
        """Return everything to go on from, before the update of the present step."""
        return {
            "step": self.step,
            "captured": captured,
            "weights": self.replicas.weights.flat,
            "buffers": self.replicas.buffers.flat,
            "optimizer": self._optimizer.state_dict(),
            "loss": torch.from_numpy(self._loss),
            "kept": {step: [torch.from_numpy(array) for array in pair] for step, pair in self.kept.items()},
            "accuracy": {step: torch.from_numpy(array) for step, array in self.accuracy.items()},
            "diverged": dict(self.diverged),
        }

    def restore(self, state: dict) -> None:
        """Go back to a saved state."""
        self.step = state["step"]
        self.replicas.weights.flat.copy_(state["weights"])
        self.replicas.buffers.flat.copy_(state["buffers"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._loss = state["loss"].numpy().copy()
        self.kept = {step: tuple(tensor.numpy() for tensor in pair) for step, pair in state["kept"].items()}
        self.accuracy = {step: tensor.numpy() for step, tensor in state["accuracy"].items()}
        self.diverged = dict(state["diverged"])

    def result(self) -> Trained:
        weights, buffers = self.replicas.weights.rows(), self.replicas.buffers.rows()
        layouts = self.replicas.layout, self.replicas.buffer_layout
        return Trained(*layouts, list(self._names), weights, buffers, self._loss, self.accuracy, self.kept, self.diverged)


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
