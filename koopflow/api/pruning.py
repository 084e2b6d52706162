"""Pruning masks of a network or of a recorded run: `prune`."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options
from koopflow.pruning import scoring, selection
from koopflow.pruning.decompose import Window
from koopflow.pruning.mask import Mask
from koopflow.trajectory import Trajectory

if TYPE_CHECKING:
    from torch import nn

Recording: TypeAlias = str | os.PathLike[str] | Trajectory
"""A trajectory file: a path or an open Trajectory."""


def prune(
    model_or_run: "nn.Module | Recording",
    score: str | scoring.ScoreFunction = "koopman_magnitude",
    compression: float = 16,
    *,
    recording: Recording | None = None,
    scope: Literal["global", "layer"] = "global",
    exclude: Sequence[str] = ("classifier",),
    counted: Literal["prunable", "all"] = "prunable",
    options: Options | None = None,
    window: int | None = None,
    rank: float = 10,
    replica: int = 0,
    seed: int = 0,
) -> Mask:
    """Return the mask of the highest-scoring weights (Koopman pruning: arXiv 2110.14856).

    >>> import koopflow as kf
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    >>> mask = kf.prune(model, score="magnitude", compression=4)
    >>> mask.density
    0.25
    >>> model = mask.apply(model)

    Parameters
    ----------
    model_or_run : torch.nn.Module or recording
        A network, or the trajectory file of a training run, whose last state is pruned.
    score : str or function
        A registered score, ``package.module:function``, or a function (see `koopflow.score`).
        Gradients are read from ``.grad``, so call ``loss.backward()`` first.
    compression : float
        Prunable weights / kept ones; with counted="all", all weights / kept ones, as in
        ShrinkBench.
    recording : recording, optional
        Training run of the network up to its present weights, for scores that use modes.
    scope : {"global", "layer"}
        Rank weights across layers, or give each layer the same density.
    exclude : sequence of str
        Parameters never pruned: "classifier", "vectors" (biases, normalization), or name patterns.
    options, seed : mapping, int
        Options of the score, and the seed of random scores.
    window, rank, replica : int, float, int
        Koopman fit: number of recorded steps before the end (all by default), rank, and index of
        the run.

    Raises
    ------
    KoopflowError
        For a missing input of the score, another network's recording, or an impossible compression.
    """
    scoring.check_score(score, options)
    with ExitStack() as stack:
        subject = _subject(model_or_run, recording, replica, stack)
        prunable = selection.prunable_names(subject.parameters, exclude)
        keep = selection.kept_at(subject.parameters, prunable, compression, counted)
        state = _state(subject, score, window, rank, seed)
        values = scoring.evaluate(score, state, options)
    return selection.mask_by_score(values, subject.parameters, keep, prunable=prunable, scope=scope)


@dataclass(frozen=True)
class _Subject:
    """The object to prune: weights in the order of `parameters`, gradients, recorded states."""

    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    weights: NDArray[np.float32]
    gradient: NDArray[np.float32] | None
    states: Trajectory | None
    replica: int


def _subject(model_or_run: Any, recording: Recording | None, replica: int, stack: ExitStack) -> _Subject:
    if isinstance(model_or_run, str | os.PathLike | Trajectory):
        if recording is not None:
            raise KoopflowError("prune: recording must be omitted when pruning a recorded run")
        run = _opened(model_or_run, replica, stack)
        layout = tuple((parameter.name, parameter.shape) for parameter in run.parameters)
        return _Subject(layout, _state_at(run, -1, replica), None, run, replica)
    if not hasattr(model_or_run, "named_parameters"):
        raise KoopflowError(
            f"prune: model_or_run must be a torch.nn.Module or a trajectory file (got {type(model_or_run).__name__})"
        )
    tensors = {name: value.detach() for name, value in model_or_run.named_parameters()}
    if not tensors:
        raise KoopflowError("prune: the network has no parameters")
    layout = tuple((name, tuple(value.shape)) for name, value in tensors.items())
    weights = np.concatenate([value.cpu().float().numpy().ravel() for value in tensors.values()])
    grads = [value.grad for value in model_or_run.parameters()]
    gradient = None if None in grads else np.concatenate([grad.cpu().float().numpy().ravel() for grad in grads])
    states = None if recording is None else _opened(recording, replica, stack)
    if states is not None:
        _check_recording(states, layout, weights, replica)
    return _Subject(layout, weights, gradient, states, replica)


def _opened(recording: Recording, replica: int, stack: ExitStack) -> Trajectory:
    found = recording if isinstance(recording, Trajectory) else stack.enter_context(Trajectory(recording))
    if not 0 <= replica < found.replicas:
        raise KoopflowError(f"{found.path}: replica must be between 0 and {found.replicas - 1} (got {replica})")
    return found


def _state_at(states: Trajectory, place: int, replica: int) -> NDArray[np.float32]:
    step = int(states.steps[place])
    return states.window(step, step).read(replicas=[replica])[0, 0]


def _check_recording(
    states: Trajectory, layout: tuple[tuple[str, tuple[int, ...]], ...], weights: NDArray[np.float32], replica: int
) -> None:
    """Raise a KoopflowError if `states` were recorded from another network."""
    held = tuple((parameter.name, tuple(parameter.shape)) for parameter in states.parameters)
    for ours, theirs in zip_longest(layout, held):
        if ours != theirs:
            raise KoopflowError(
                f"{states.path}: parameters must equal the network's; the first to differ is "
                f"{(ours or theirs or ('', ()))[0]}"
            )
    first, last = (_state_at(states, place, replica) for place in (0, -1))
    if np.linalg.norm(weights - last) > max(np.linalg.norm(last - first), 1e-6 * np.linalg.norm(last)):
        raise KoopflowError(
            f"{states.path}: last state must be near the network's weights; pass the recording of this "
            "network up to now"
        )


def _state(
    subject: _Subject, score: str | scoring.ScoreFunction, window: int | None, rank: float, seed: int
) -> scoring.NetworkState:
    """Return the inputs that the score declares, or all available inputs if it declares none."""
    needs, states = scoring.needs_of(score), subject.states
    name = scoring.named_score(score)[0]
    if scoring.declares(score):
        if "gradient" in needs and subject.gradient is None:
            raise KoopflowError(
                f"prune: score {name} needs gradients; pass the network after loss.backward() on training "
                "data, so that every "
                "parameter has .grad"
            )
        if needs & {"modes", "earlier"} and states is None:
            raise KoopflowError(
                f"prune: score {name} needs a recording of the training; pass recording=..., written by kf.Recorder"
            )
    modes = earlier = None
    if states is not None and needs & {"modes", "earlier"}:
        states = _window(states, window)
        modes = _modes(states, subject.replica, rank) if "modes" in needs else None
        earlier = _state_at(states, 0, subject.replica)
    return scoring.NetworkState(
        subject.weights, subject.parameters, subject.gradient, modes, seeds.rng(seed, "prune", name), earlier
    )


def _window(states: Trajectory, window: int | None) -> Trajectory:
    """Return the last `window` steps between recorded states; None means all."""
    most = len(states.steps) - 1
    if most < 2 or (window is not None and not 2 <= window <= most):
        asked = f"{len(states.steps)} recorded states" if window is None else str(window)
        raise KoopflowError(f"prune: window must be between 2 and {most}, the steps in {states.path} (got {asked})")
    first = 0 if window is None else len(states.steps) - 1 - window
    return states.window(int(states.steps[first]), int(states.steps[-1]))


def _modes(states: Trajectory, replica: int, rank: float) -> Any:
    found = Window(states, replica)
    return found.modes(found.fit(len(states.steps) - 1, rank))
