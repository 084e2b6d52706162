"""The pruning scores: magnitude, gradients, and Koopman modes of the weights.

Every score takes a `NetworkState` and returns one number per weight, shape (parameter,); higher is
kept. To add one, define it here and register it in `koopflow.pruning.registry`, or define it
anywhere and name it as ``package.module:function`` in YAML.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.pruning.modes import Choice, chosen_modes, superposition
from koopflow.pruning.scoring import NetworkState, given, score

Moment = NetworkState  # the name documented in version 0.1


@score()
def magnitude(state: NetworkState) -> NDArray[np.float64]:
    """Return |w|."""
    return np.abs(state.weights, dtype=np.float64)


@score(needs={"gradient"})
def gradient(state: NetworkState) -> NDArray[np.float64]:
    """Return |w dL/dw|, the first-order change of the loss when the weight is set to zero."""
    return np.abs(np.multiply(state.weights, given(state.gradient), dtype=np.float64))


@score(needs={"earlier"})
def window_gradient(state: NetworkState) -> NDArray[np.float64]:
    """Return |w (w(t) - w(t - window))|.

    Under gradient descent the change is minus the learning rate times the sum of the window's
    gradients.
    """
    return np.abs(state.weights * np.subtract(state.weights, given(state.earlier), dtype=np.float64))


@score(needs={"generator"})
def random(state: NetworkState) -> NDArray[np.float64]:
    """Return uniform noise, the control."""
    return given(state.generator).random(state.weights.shape)


@score(needs={"modes"})
def koopman_magnitude(state: NetworkState) -> NDArray[np.float64]:
    """Return |v_1|, the mode with eigenvalue nearest 1: the predicted fixed point of training.

    Source: Redman et al. (arXiv 2110.14856), Koopman magnitude pruning.
    """
    modes = given(state.modes)
    return superposition(modes, chosen_modes(modes.eigenvalues, "nearest_one", count=1), amplitudes=False)


@score(needs={"modes"})
def koopman_gradient(state: NetworkState, amplitudes: Literal["first", "present"] = "first") -> NDArray[np.float64]:
    """Return |w(t) sum_i (lambda_i - 1) c_i v_i|: the weight times its predicted next step.

    Under gradient descent the sum is minus the learning rate times dL/dw, so the ranking is that of
    `gradient`. The paper does not say whether it leaves out the mode nearest 1. A mode of
    eigenvalue exactly 1 contributes nothing, so all are summed.

    Parameters
    ----------
    amplitudes : {"first", "present"}
        Take c_i = lambda_i^t b_i from the first state of the window, as the paper's expansion does,
        or fit c_i to the last one.

    Notes
    -----
    Source: Redman et al. (arXiv 2110.14856), Koopman gradient pruning.
    """
    modes = given(state.modes)
    if amplitudes == "first":
        step = superposition(modes, np.arange(len(modes.eigenvalues)), step=True)
    else:
        step = (((modes.eigenvalues - 1) * given(modes.present)) @ modes.vectors).real
    return np.abs(state.weights * step)


@score(needs={"modes"})
def koopman_modes(
    state: NetworkState,
    which: Choice = "slow",
    count: int | None = None,
    tolerance: float = 0.01,
    amplitudes: bool = True,
    time: bool | int = True,
    step: bool = False,
    times_weights: bool = False,
) -> NDArray[np.float64]:
    """Return the size of chosen modes in each weight: the general family of arXiv 2110.14856.

    Parameters
    ----------
    which : {"all", "nearest_one", "slow", "decaying", "growing", "oscillating"}
        Which modes, by eigenvalue; see `koopflow.pruning.modes.chosen_modes`.
    count : int, optional
        At most this many, those nearest 1 first. A complex pair is never split, so there may be one
        more.
    tolerance : float
        Distance from 1, or from the real axis, up to which an eigenvalue (per optimizer step)
        counts as 1, or as real.
    amplitudes : bool
        True: |Re sum_i b_i lambda_i^t v_i|. False: the root of the sum of squares of unit modes,
        which no phase can cancel.
    time : bool or int
        With amplitudes: True, the modes at the end of the window; False, at its start; a number,
        that many steps after its end.
    step : bool
        Multiply each mode by (lambda_i - 1), its change in one step.
    times_weights : bool
        Multiply by |w|.

    Raises
    ------
    KoopflowError
        If no mode meets the condition.
    """
    modes = given(state.modes)
    chosen = chosen_modes(modes.eigenvalues, which, count=count, tolerance=tolerance)
    if len(chosen) == 0:
        nearest = np.abs(modes.eigenvalues - 1).min()
        raise KoopflowError(
            f"score koopman_modes: no eigenvalue is {which!r} at tolerance {tolerance:g}; "
            f"of {len(modes.eigenvalues)} the nearest to 1 is at distance {nearest:.3g}"
        )
    at = 0 if time is False else modes.steps + (0 if time is True else int(time))
    values = np.abs(superposition(modes, chosen, amplitudes=amplitudes, at=at, step=step))
    return values * np.abs(state.weights) if times_weights else values
