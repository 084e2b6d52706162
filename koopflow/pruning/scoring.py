"""How a score is declared, found and computed.

A score is a function of a `NetworkState` (and options by keyword) that returns one number per
weight; weights with higher scores are kept. `koopflow.pruning.scores` holds those of this package;
``package.module:function`` names any other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options, check_options
from koopflow.core.suggest import unknown_name
from koopflow.pruning.mask import Parameters
from koopflow.pruning.modes import Modes
from koopflow.pruning.registry import SCORES

USUAL = frozenset({"gradient", "modes", "generator", "earlier"})
"""Attributes of `NetworkState` that a score gets if it declares nothing."""
NEEDS = USUAL | {"hessian_gradient", "squared_gradient", "path_gradient", "input_norms", "movement"}
"""Attributes of `NetworkState` that a score may need besides the weights."""
RECORDED = frozenset({"modes", "earlier", "movement"})
"""Those that take a recording of the training."""
PROBED = frozenset({"gradient", "hessian_gradient", "squared_gradient", "path_gradient", "input_norms"})
"""Those that take the network and training data, and change when weights are pruned."""

ScoreFunction = Callable[..., ArrayLike]
Declared = TypeVar("Declared", bound=ScoreFunction)
Part = TypeVar("Part")


@dataclass(frozen=True)
class NetworkState:
    """One network at one step of its training: what a score is computed from.

    Attributes
    ----------
    weights : ndarray, shape (parameter,)
        The weights w(t), tensor after tensor in the order of `parameters`.
    parameters : tuple of (str, shape)
        Name and shape of each tensor.
    gradient : ndarray, shape (parameter,), or None
        Gradient of the mean training loss at w(t).
    modes : Modes or None
        Koopman modes of the weights over a window of optimizer steps that ends at t.
    generator : numpy.random.Generator or None
        A random stream of this network, step and method.
    earlier : ndarray, shape (parameter,), or None
        The weights at the start of the window.
    hessian_gradient : ndarray, shape (parameter,), or None
        The Hessian of the mean training loss times its gradient.
    squared_gradient : ndarray, shape (parameter,), or None
        Mean over training examples of the squared gradient of one example's loss.
    path_gradient : ndarray, shape (parameter,), or None
        Derivative by \\|w\\| of the summed outputs for an input of ones, all weights made positive.
    input_norms : ndarray, shape (parameter,), or None
        Euclidean norm, over training examples, of what each weight is multiplied by.
    movement : ndarray, shape (parameter,), or None
        Sum over the window's steps of w(t) (w(t+1) - w(t)).
    """

    weights: NDArray[Any]
    parameters: Parameters
    gradient: NDArray[Any] | None = None
    modes: Modes | None = None
    generator: np.random.Generator | None = None
    earlier: NDArray[Any] | None = None
    hessian_gradient: NDArray[Any] | None = None
    squared_gradient: NDArray[Any] | None = None
    path_gradient: NDArray[Any] | None = None
    input_norms: NDArray[Any] | None = None
    movement: NDArray[Any] | None = None


def score(needs: Iterable[str] = ()) -> Callable[[Declared], Declared]:
    """Declare what a pruning score needs besides the weights.

    Only the declared attributes are computed. A score without this decorator gets gradient, modes,
    generator and earlier.

    Parameters
    ----------
    needs : iterable of str
        Attributes of `NetworkState` that the score reads: gradient, modes, generator, earlier,
        hessian_gradient, squared_gradient, path_gradient, input_norms, movement.

    Raises
    ------
    KoopflowError
        For another name.

    Examples
    --------
    >>> import numpy as np
    >>> import koopflow as kf
    >>> @kf.score(needs={"modes"})
    ... def strongest_mode(state):
    ...     largest = np.argmax(np.abs(state.modes.amplitudes))
    ...     return np.abs(state.modes.vectors[largest])
    """
    wanted = frozenset([needs] if isinstance(needs, str) else needs)
    for name in sorted(wanted - NEEDS):
        raise unknown_name("score(needs=...)", name, NEEDS, "attribute of a network")

    def declare(function: Declared) -> Declared:
        function.needs = wanted  # type: ignore[attr-defined]
        return function

    return declare


def given(part: Part | None) -> Part:
    """Return a part of a network's state, or raise ValueError if it is None."""
    if part is None:
        raise ValueError("the network's state lacks what the score needs")
    return part


def named_score(score: str | ScoreFunction) -> tuple[str, ScoreFunction]:
    """Return a score's name for messages, and its function.

    Raises
    ------
    KoopflowError
        For an unknown name.
    """
    if isinstance(score, str):
        return score, SCORES.load(score)
    if not callable(score):
        raise KoopflowError(f"score must be a name or a function (got {score!r})")
    return getattr(score, "__name__", "score"), score


def needs_of(score: str | ScoreFunction) -> frozenset[str]:
    """Return what a score needs; the usual attributes if it declares nothing."""
    return getattr(named_score(score)[1], "needs", USUAL)


def declares(score: str | ScoreFunction) -> bool:
    """Return whether a score declares what it needs."""
    return hasattr(named_score(score)[1], "needs")


def check_score(score: str | ScoreFunction, options: Options | None = None) -> tuple[ScoreFunction, dict[str, Any]]:
    """Return the function of a score and its options, typed as in its signature.

    Raises
    ------
    KoopflowError
        For an unknown score, an unknown option, or an option of the wrong type.
    """
    name, function = named_score(score)
    if not isinstance(options, Mapping | None):
        raise KoopflowError(f"score {name}: options must be a mapping (got {options!r})")
    return function, check_options(function, options or {}, f"score {name}: options")


def evaluate(score: str | ScoreFunction, state: NetworkState, options: Options | None = None) -> NDArray[np.float64]:
    """Return the score of every weight.

    Returns
    -------
    ndarray, shape (parameter,)

    Raises
    ------
    KoopflowError
        For an unknown score or option, if `state` lacks what the score needs, or if the result is
        not one number per weight.
    """
    function, typed = check_score(score, options)
    name = named_score(score)[0]
    for needed in sorted(getattr(function, "needs", ())):
        if getattr(state, needed) is None:
            raise KoopflowError(f"score {name}: needs {needed}, which this network lacks; choose another score")
    try:
        values = np.asarray(function(state, **typed), dtype=np.float64)
    except (TypeError, ValueError, AttributeError) as error:
        raise KoopflowError(
            f"score {name}: {error}; a score returns one number per weight of the state it is given"
        ) from error
    if values.shape != state.weights.shape:
        raise KoopflowError(f"score {name}: must return an array of shape {state.weights.shape} (got {values.shape})")
    return values
