"""Pruning masks of a network or of a recorded run: `prune`."""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Unpack

from koopflow.core import arguments
from koopflow.core.registry import Options
from koopflow.pruning import scoring, selection
from koopflow.pruning.allocation import Scope
from koopflow.pruning.mask import Mask
from koopflow.pruning.request import Further, Request
from koopflow.pruning.rounds import Rounds
from koopflow.pruning.subject import Recording, subject_of

if TYPE_CHECKING:
    from torch import nn


def prune(
    model_or_run: "nn.Module | Recording",
    score: str | scoring.ScoreFunction = "koopman_magnitude",
    compression: float = 16,
    *,
    recording: Recording | None = None,
    scope: Scope = "global",
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
    scope : {"global", "layer", "output", "erk"}
        Rank weights across layers, give each layer or each output unit the same density, or give
        layers the densities of Erdős–Rényi kernels (ERK).
    exclude : str or sequence of str
        Parameters never pruned: "head" or "classifier" (the layer whose output the network
        returns), "vectors" (biases, normalization), or patterns of names or modules.
    options : mapping, optional
        Options of the score.
    **further
        See `koopflow.pruning.request.Further`: which tensors may be pruned, the Koopman fit, training
        data for scores that probe the network, and pruning in rounds.

    Raises
    ------
    KoopflowError
        For a missing input of the score, another network's recording, or an impossible compression.
    """
    scoring.check_score(score, options)
    asked = Request.completed(further)
    with ExitStack() as stack:
        subject = subject_of(model_or_run, recording, asked.replica, stack)
        names = subject.prunable(asked.prunable, [str(each) for each in arguments.names(exclude, "exclude")])
        keep = selection.kept_at(subject.parameters, names, compression, asked.counted)
        mask = Rounds(subject, score, options, asked).run(names, keep, scope)
    return _warned(mask)


def _warned(mask: Mask) -> Mask:
    if mask.emptied():
        warnings.warn(f"prune: nothing is left of {', '.join(mask.emptied())}", stacklevel=3)
    return mask
