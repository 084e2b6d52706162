"""Scores: one number per weight, higher is kept; each a registered function of weights, gradients or Koopman modes.

A new score is one function here, or anywhere: a method's ``score`` in the config may be ``package.module:function``. Such a
function takes a `Moment` (and options by keyword) and returns an array (parameter,).
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.pruning.modes import Modes, chosen_modes, superposition


@dataclass(frozen=True)
class Moment:
    """What a score may look at: one network at one moment of its training.

    Attributes
    ----------
    weights : ndarray, shape (parameter,)
        The weights w(t), in the order of `parameters`.
    parameters : tuple of (str, shape)
        The layout of the flat vector.
    gradient : ndarray, shape (parameter,), or None
        Gradient of the mean training loss at w(t), in loss per weight.
    modes : Modes or None
        Koopman modes of the weights over the window of optimizer steps that ends at w(t).
    generator : numpy Generator or None
        Randomness of this network's own.
    earlier : ndarray, shape (parameter,), or None
        The weights at the beginning of that window.
    """

    weights: np.ndarray
    parameters: tuple[tuple[str, tuple[int, ...]], ...]
    gradient: np.ndarray | None = None
    modes: Modes | None = None
    generator: np.random.Generator | None = None
    earlier: np.ndarray | None = None


Score = Callable[..., np.ndarray]
SCORES: dict[str, Score] = {}


def register(function: Score) -> Score:
    """Make `function` known to the config under its own name."""
    SCORES[function.__name__] = function
    return function


def find_score(name: str) -> Score:
    """Return the registered score `name`, or import ``package.module:function``; raise KoopflowError when there is none."""
    if name in SCORES:
        return SCORES[name]
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise KoopflowError(f"score: {name!r} is unknown; accepted are {', '.join(SCORES)} or package.module:function")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise KoopflowError(
            f"score: {name!r} cannot be imported ({error}); accepted is an importable package.module:function"
        ) from None
    if not callable(function):
        raise KoopflowError(
            f"score: {name!r} is no function; accepted is a function of a Moment that returns one number per weight"
        )
    return function


def check(name: str, options: Mapping | None = None) -> tuple[Score, dict]:
    """Return the score `name` and its options; raise KoopflowError for an unknown score, or an option that it does not have."""
    function, options = find_score(name), dict(options or {})
    accepted = inspect.signature(function).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    for option in options:
        if option not in accepted and not takes_any:
            raise KoopflowError(
                f"score {name}: option {option!r} is unknown; accepted are {', '.join(list(accepted)[1:]) or 'none'}"
            )
    return function, options


def evaluate(name: str, moment: Moment, options: Mapping | None = None) -> np.ndarray:
    """Return the score `name` of every weight, float64 of shape (parameter,).

    Raises
    ------
    KoopflowError
        For an unknown score or option, evidence the moment lacks, or a result that is not one number per weight.
    """
    function, options = check(name, options)
    try:
        values = np.asarray(function(moment, **options), dtype=np.float64)
    except (TypeError, ValueError, AttributeError) as error:
        raise KoopflowError(
            f"score {name}: {error}; accepted is a function of a Moment that returns one number per weight"
        ) from error
    if values.shape != moment.weights.shape:
        raise KoopflowError(
            f"score {name}: shape {values.shape} returned; accepted is {moment.weights.shape}, one number per weight"
        )
    return values


def _need(moment: Moment, what: str, score: str) -> np.ndarray | Modes | np.random.Generator:
    value = getattr(moment, what)
    if value is None:
        raise KoopflowError(f"score {score}: this moment has no {what}; record them, or choose a score that does not look at them")
    return value


@register
def magnitude(moment: Moment) -> np.ndarray:
    """|w|: global or layer magnitude pruning, by the method's scope."""
    return np.abs(moment.weights, dtype=np.float64)


@register
def gradient(moment: Moment) -> np.ndarray:
    """|w * dL/dw|: the loss's first-order change when the weight is set to zero."""
    return np.abs(np.multiply(moment.weights, _need(moment, "gradient", "gradient"), dtype=np.float64))


@register
def window_gradient(moment: Moment) -> np.ndarray:
    """|w * (w(t) - w(t - window))|: for gradient descent the change is -learning rate * the sum of the window's own gradients."""
    earlier = _need(moment, "earlier", "window_gradient")
    return np.abs(moment.weights * np.subtract(moment.weights, earlier, dtype=np.float64))


@register
def random(moment: Moment) -> np.ndarray:
    """Return uniform noise, the control."""
    return _need(moment, "generator", "random").random(moment.weights.shape)


@register
def koopman_magnitude(moment: Moment) -> np.ndarray:
    """|v_1|, the mode whose eigenvalue is nearest 1: the predicted fixed point (paper P, Koopman magnitude pruning)."""
    modes = _need(moment, "modes", "koopman_magnitude")
    return superposition(modes, chosen_modes(modes.eigenvalues, "nearest_one", count=1), amplitudes=False)


@register
def koopman_gradient(moment: Moment, amplitudes: str = "first") -> np.ndarray:
    """|w(t) * sum_i (lambda_i - 1) c_i v_i|, the modes' own next step (paper P, Koopman gradient pruning).

    For gradient descent the sum is -learning rate * dL/dw, so the ranking is that of `gradient`. c_i = lambda_i^t b_i from the first
    state of the window, as in the paper's expansion; with `amplitudes` "present", from the last state itself. Whether the paper leaves
    the mode nearest 1 out of the sum is not known; a mode of eigenvalue exactly 1 leaves by itself, so all are summed here.
    """
    modes = _need(moment, "modes", "koopman_gradient")
    if amplitudes not in ("first", "present"):
        raise KoopflowError(f"koopman_gradient: amplitudes: {amplitudes!r} found; accepted are first and present")
    if amplitudes == "first":
        step = superposition(modes, np.arange(len(modes.eigenvalues)), step=True)
    else:
        step = (((modes.eigenvalues - 1) * modes.present) @ modes.vectors).real
    return np.abs(moment.weights * step)


@register
def koopman_modes(
    moment: Moment,
    which: str = "slow",
    count: int | None = None,
    tolerance: float = 0.01,
    amplitudes: bool = True,
    time: bool | int = True,
    step: bool = False,
    times_weights: bool = False,
) -> np.ndarray:
    """The general family of paper P: the size of a chosen set of modes in each weight.

    Parameters
    ----------
    which : "all", "nearest_one", "slow", "decaying", "growing" or "oscillating"
        The modes, by eigenvalue (see `koopflow.pruning.modes.chosen_modes`).
    count : int, optional
        At most so many of them, those nearest 1 first; a complex pair is never split, so one more may come.
    tolerance : float
        What counts as "equal to 1" and "real" (per optimizer step).
    amplitudes : bool
        True: |Re sum b_i lambda_i^t v_i|. False: the root of the sum of squares of unit modes, which no phase can cancel.
    time : bool or int
        With amplitudes: True, the modes at the end of the window; False, at its start; a number, so many steps after its end.
    step : bool
        Multiply each mode by (lambda_i - 1), the change in one step.
    times_weights : bool
        Multiply by |w|.
    """
    modes = _need(moment, "modes", "koopman_modes")
    chosen = chosen_modes(modes.eigenvalues, which, count=count, tolerance=tolerance)
    if len(chosen) == 0:
        raise KoopflowError(
            f"score koopman_modes: no eigenvalue is {which!r} at tolerance {tolerance:g}; accepted is a set that is not empty, "
            f"here {len(modes.eigenvalues)} modes with |lambda - 1| from {np.abs(modes.eigenvalues - 1).min():.3g}"
        )
    at = 0 if time is False else modes.steps + (0 if time is True else int(time))
    values = np.abs(superposition(modes, chosen, amplitudes=amplitudes, at=at, step=step))
    return values * np.abs(moment.weights) if times_weights else values
