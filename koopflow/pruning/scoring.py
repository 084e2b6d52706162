"""How a score is declared, found and computed.

A score is a function of a `NetworkState` (and options by keyword) that returns one number per
weight; weights with higher scores are kept. `koopflow.pruning.scores` holds those of this package;
``package.module:function`` names any other.
"""

from collections.abc import Callable, Iterable
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

NEEDS = frozenset({"gradient", "modes", "generator", "earlier"})
"""Attributes of `NetworkState` that a score may need besides the weights."""

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
    """

    weights: NDArray[Any]
    parameters: Parameters
    gradient: NDArray[Any] | None = None
    modes: Modes | None = None
    generator: np.random.Generator | None = None
    earlier: NDArray[Any] | None = None


def score(needs: Iterable[str] = ()) -> Callable[[Declared], Declared]:
    """Declare what a pruning score needs besides the weights.

    Only the declared attributes are computed. A score without this decorator gets all of them.

    Parameters
    ----------
    needs : iterable of {"gradient", "modes", "generator", "earlier"}
        Attributes of `NetworkState` that the score reads.

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
    return getattr(score, "__name__", "score"), score


def needs_of(score: str | ScoreFunction) -> frozenset[str]:
    """Return what a score needs; everything if it declares nothing."""
    return getattr(named_score(score)[1], "needs", NEEDS)


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
