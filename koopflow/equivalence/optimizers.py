"""The optimizer problem of arXiv 2302.09160: mirror descent, gradient descent and bisection as
dynamical systems.

The function is f(x) = sum of tan(x_i) on the box [1/T, 1]^d, where T is the number of states.
Mirror descent with the log barrier and gradient descent in u = log x follow the same gradient flow
in different coordinates. Bisection of tan, a bracketing method, does not. Each method advances all
its initial conditions together, in float64.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def objective(x: Array) -> Array:
    """Return f(x) = sum of tan(x_i), summed over the last axis."""
    return np.tan(x).sum(axis=-1)


def gradient(x: Array) -> Array:
    """Return the gradient of `objective`: 1 / cos(x_i)^2."""
    return 1.0 / np.cos(x) ** 2


def grid(axes: list[tuple[float, float]], points: int) -> Array:
    """Return the grid of `points` per axis, float64 (points ** len(axes), len(axes)); the last axis
    varies fastest.
    """
    return np.array(list(product(*(np.linspace(low, high, points) for low, high in axes))))


def mirror_descent(start: Array, step_length: float, states: int) -> Array:
    """Return trajectories of online mirror descent with the regularizer R(x) = -sum of log x_i.

    The mirror step solves -1/y = -1/x - step_length * gradient(x). R is separable, so the Bregman
    projection on the box is a clip of each component.

    Parameters
    ----------
    start : float64 (run, d)
        Initial conditions inside the box [1/states, 1]^d.
    step_length : float
    states : int
        Length T of the trajectory, including the initial state; it also sets the lower edge 1/T of
        the box.

    Returns
    -------
    float64 (run, state, d)
    """

    def step(x: Array) -> Array:
        return np.clip(1.0 / (1.0 / x + step_length * gradient(x)), 1.0 / states, 1.0)

    return _iterate(step, start, states)


def gradient_descent(start: Array, step_length: float, states: int) -> Array:
    """Return trajectories of online gradient descent on f(exp u), u = log x, projected on the box
    [log(1/states), 0]^d.

    Parameters and result as in `mirror_descent`.
    """

    def step(u: Array) -> Array:
        x = np.exp(u)
        return np.clip(u - step_length * gradient(x) * x, np.log(1.0 / states), 0.0)

    return _iterate(step, start, states)


def bisection(start: Array, states: int) -> Array:
    """Return trajectories of bisection of tan on brackets a < 0 < b: the midpoint replaces the end
    of equal sign.

    Parameters
    ----------
    start : float64 (run, 2)
        Brackets (a, b) with tan(a) < 0 < tan(b).
    states : int
        Length of the trajectory, including the initial bracket.

    Returns
    -------
    float64 (run, state, 2)
        The brackets.
    """

    def step(bracket: Array) -> Array:
        middle = bracket.mean(axis=1)
        below = np.tan(middle) < 0
        return np.where(np.stack([below, ~below], axis=1), middle[:, None], bracket)

    return _iterate(step, start, states)


def trajectories(dimension: int, step_length: float, states: int, points: int) -> dict[str, Array]:
    """Return the trajectories of the three methods from grids of initial conditions.

    The grids are those of the published scripts: x in [0.1, 0.9], u in [-2.3, -0.1], brackets in
    [-4/3, -1/3] x [1/7, 8/7].

    Returns
    -------
    dict of str to float64 (run, state, d)
        mirror_descent (x), gradient_descent (u) and bisection (a, b).
    """
    return {
        "mirror_descent": mirror_descent(grid([(0.1, 0.9)] * dimension, points), step_length, states),
        "gradient_descent": gradient_descent(grid([(-2.3, -0.1)] * dimension, points), step_length, states),
        "bisection": bisection(grid([(-4 / 3, -1 / 3), (1 / 7, 8 / 7)], points), states),
    }


def losses(runs: dict[str, Array]) -> dict[str, Array]:
    """Return the quantity each method minimizes, float64 (run, state): f(x) for the descents, |tan|
    at the midpoint for bisection.
    """
    return {
        "mirror_descent": objective(runs["mirror_descent"]),
        "gradient_descent": objective(np.exp(runs["gradient_descent"])),
        "bisection": np.abs(np.tan(runs["bisection"].mean(axis=2))),
    }


def _iterate(step: Callable[[Array], Array], start: Array, states: int) -> Array:
    trajectory = np.empty((states, *start.shape))
    trajectory[0] = start
    for time in range(1, states):
        trajectory[time] = step(trajectory[time - 1])
    return trajectory.transpose(1, 0, 2)
