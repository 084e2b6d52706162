"""Pruning masks of a network or of a recorded run: `prune`."""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal, Unpack

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options
from koopflow.pruning import scoring, selection
from koopflow.pruning.decompose import Window
from koopflow.pruning.mask import Mask
from koopflow.pruning.request import Further, Request
from koopflow.pruning.subject import Recording, Subject, state_at, subject_of
from koopflow.trajectory import Trajectory

if TYPE_CHECKING:
    from torch import nn


def prune(
    model_or_run: "nn.Module | Recording",
    score: str | scoring.ScoreFunction = "koopman_magnitude",
    compression: float = 16,
    *,
    recording: Recording | None = None,
    scope: Literal["global", "layer"] = "global",
    exclude: str | Sequence[str] = ("head",),
    options: Options | None = None,
    **further: Unpack[Further],
) -> Mask:
    """Return the mask of the highest-scoring weights (Koopman pruning: arXiv 2110.14856).

    >>> import koopflow as kf
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    >>> mask = kf.prune(model, score="magnitude", compression=4)
    >>> mask.apply(model)[0].weight.count_nonzero()
    tensor(32)

    A tied weight is one weight. A warning names tensors of which nothing is left.

    Parameters
    ----------
    model_or_run : torch.nn.Module or recording
        A network, or the trajectory file of a training run, whose last state is pruned.
    score : str or function
        A registered score, ``package.module:function``, or a function (see `koopflow.score`).
        Gradients are read from ``.grad``: call ``loss.backward()`` first.
    compression : float
        Prunable weights / kept ones.
    recording : recording, optional
        Training run of the network up to its present weights, for scores that use modes.
    scope : {"global", "layer"}
        Rank weights across layers, or give each layer the same density.
    exclude : str or sequence of str
        Parameters never pruned: "head" or "classifier" (the layer whose output the network
        returns), "vectors" (biases, normalization), or patterns of names or modules.
    options : mapping, optional
        Options of the score.
    **further
        See `koopflow.pruning.request.Further`: which tensors may be pruned, the Koopman fit.

    Raises
    ------
    KoopflowError
        For a missing input of the score, another network's recording, or an impossible compression.
    """
    scoring.check_score(score, options)
    asked = Request.completed(further)
    with ExitStack() as stack:
        subject = subject_of(model_or_run, recording, asked.replica, stack)
        names = subject.prunable(asked.prunable, [exclude] if isinstance(exclude, str) else exclude)
        keep = selection.kept_at(subject.parameters, names, compression, asked.counted)
        state = _state(subject, score, asked.window, asked.rank, asked.seed)
        values = scoring.evaluate(score, state, options)
    return _warned(selection.mask_by_score(values, subject.parameters, keep, prunable=names, scope=scope))


def _warned(mask: Mask) -> Mask:
    if mask.emptied():
        warnings.warn(f"prune: nothing is left of {', '.join(mask.emptied())}", stacklevel=3)
    return mask


def _state(
    subject: Subject, score: str | scoring.ScoreFunction, window: int | None, rank: float, seed: int
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
        earlier = state_at(states, 0, subject.replica)
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
