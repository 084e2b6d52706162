"""The optimizer problem of arXiv 2302.09160: mirror descent, gradient descent and bisection as
dynamical systems.

The function is f(x) = sum of tan(x_i) on the box [1/T, 1]^d, where T is the number of states.
Mirror descent with the log barrier and gradient descent in u = log x follow the same gradient flow
in different coordinates. Bisection of f, a bracketing method, does not. Each method advances all its
initial conditions together, in float64.
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


def bisection(low: Array, high: Array, states: int) -> Array:
    """Return trajectories of bisection of f on brackets with vectors as ends.

    The observed state is the midpoint z = (a + b) / 2. The sign of the one number f(z) decides for
    all coordinates: z replaces a where f(z) < 0, and b where f(z) > 0. Where f(z) is exactly 0 in
    floating point, neither end moves, so z stays at this root.

    Parameters
    ----------
    low, high : float64 (run, d)
        The ends a and b, with f(a) < 0 < f(b).
    states : int
        Length of the trajectory, including the first midpoint.

    Returns
    -------
    float64 (run, state, d)
        The midpoints.
    """

    def step(ends: Array) -> Array:
        a, b = ends[:, 0], ends[:, 1]
        middle = (a + b) / 2
        value = objective(middle)[:, None]
        return np.stack([np.where(value < 0, middle, a), np.where(value > 0, middle, b)], axis=1)

    return _iterate(step, np.stack([low, high], axis=1), states).mean(axis=2)


def stopped(runs: Array) -> Array:
    """Return trajectories of `bisection` as in the published script: it stops where f(z) is exactly
    0, and the states that it does not reach are zeros.

    Parameters and result are float64 (run, state, d).
    """
    root = objective(runs) == 0
    reached_before = np.cumsum(root, axis=1) - root > 0
    return np.where(reached_before[..., None], 0.0, runs)


def trajectories(dimension: int, step_length: float, states: int, points: int) -> dict[str, Array]:
    """Return the trajectories of the methods from grids of initial conditions.

    The grids are those of the published scripts: x in [0.1, 0.9], u in [-2.3, -0.1], and brackets
    with a in [-4/3, -1/3] and b in [1/7, 8/7] per coordinate; the n-th point of the grid of a is
    paired with the n-th point of the grid of b.

    Returns
    -------
    dict of str to float64 (run, state, d)
        mirror_descent (x), gradient_descent (u), bisection (z), and bisection_published (z, zero
        after the script has stopped, see `stopped`).
    """
    midpoints = bisection(
        grid([(-4 / 3, -1 / 3)] * dimension, points), grid([(1 / 7, 8 / 7)] * dimension, points), states
    )
    return {
        "mirror_descent": mirror_descent(grid([(0.1, 0.9)] * dimension, points), step_length, states),
        "gradient_descent": gradient_descent(grid([(-2.3, -0.1)] * dimension, points), step_length, states),
        "bisection": midpoints,
        "bisection_published": stopped(midpoints),
    }


def losses(runs: dict[str, Array]) -> dict[str, Array]:
    """Return the quantity that each method decreases, float64 (run, state): f(x) for the descents,
    |f(z)| for bisection.
    """
    return {
        "mirror_descent": objective(runs["mirror_descent"]),
        "gradient_descent": objective(np.exp(runs["gradient_descent"])),
        "bisection": np.abs(objective(runs["bisection"])),
        "bisection_published": np.abs(objective(runs["bisection_published"])),
    }


def _iterate(step: Callable[[Array], Array], start: Array, states: int) -> Array:
    trajectory = np.empty((states, *start.shape))
    trajectory[0] = start
    for time in range(1, states):
        trajectory[time] = step(trajectory[time - 1])
    return trajectory.swapaxes(0, 1)
