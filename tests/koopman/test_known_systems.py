"""Nonlinear systems whose Koopman spectra are known."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from koopflow.koopman import fit
from koopflow.koopman.spectrum import distance


def test_the_slow_manifolds_three_eigenvalues():
    """x' = a x, y' = b y + (a^2 - b) x^2 closes on (x, y, x^2) with eigenvalues a, b, a^2 (Brunton
    et al., PLoS ONE 11, 2016)."""
    a, b = 0.95, 0.6
    runs = []
    for x, y in np.random.default_rng(0).uniform(-1, 1, (20, 2)):
        states = []
        for _ in range(15):
            states.append((x, y, x**2))
            x, y = a * x, b * y + (a**2 - b) * x**2
        runs.append(np.array(states))
    fitted = fit(runs, svd_rank=3)
    assert distance(fitted.eigenvalues, [a, b, a**2]) < 1e-10
    assert fitted.residuals.max() < 1e-10


def test_the_logistic_map_has_one_eigenvalue_and_the_rest_is_unbelievable():
    """x' = 4 x (1 - x) mixes: in (1, x) the projected operator is diag(1, 0), and no eigenfunction
    belongs to the 0.

    With x = (1 - cos t) / 2 the operator takes cos t to cos 2t, which is orthogonal to it under the
    invariant measure.
    """
    x = np.sin(np.random.default_rng(1).uniform(0, np.pi / 2, 100_000)) ** 2
    runs = [np.array([(1.0, start), (1.0, 4 * start * (1 - start))]) for start in x]
    fitted = fit(runs, svd_rank=2)
    assert distance(fitted.eigenvalues, [1, 0]) < 0.01
    assert fitted.residuals[0] < 1e-8
    assert 0.95 < fitted.residuals[1] < 1.05


def test_a_limit_cycles_frequency_stands_on_the_unit_circle():
    """Van der Pol on its cycle, one coordinate with delays: eigenvalues exp(i k w dt) of the
    measured period."""

    def flow(_, state):
        return [state[1], (1 - state[0] ** 2) * state[1] - state[0]]

    solution = solve_ivp(flow, (0, 160), [2, 0], rtol=1e-11, atol=1e-11, dense_output=True)
    times = np.arange(100, 160, 0.01)
    height = solution.sol(times)[0]
    rises = [
        brentq(lambda t: solution.sol(t)[0], times[i], times[i + 1])
        for i in np.flatnonzero((height[:-1] < 0) & (height[1:] >= 0))
    ]
    step, period = 0.1, np.mean(np.diff(rises))
    fitted = fit(solution.sol(np.arange(100, 160, step))[0][:, None], delays=60, svd_rank=12)
    for harmonic in (1, -1, 3, -3):
        expected = np.exp(2j * np.pi * harmonic * step / period)
        nearest = np.argmin(np.abs(fitted.eigenvalues - expected))
        assert abs(fitted.eigenvalues[nearest] - expected) < 1e-4
        assert fitted.residuals[nearest] < 1e-3
