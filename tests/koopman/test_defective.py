"""Defective operators: modes are parallel and span too little, but powers of the operator rebuild and forecast."""

import numpy as np
import pytest

import koopflow as kf
from koopflow.io import npz
from koopflow.koopman import fit
from koopflow.koopman.operator import eigenpairs, mode_weights, residuals
from koopflow.koopman.windows import advance, fit_windows, present_states

STEPS, TRAINED = 40, 30


def jordan(width: int) -> np.ndarray:
    """A Jordan block of three with eigenvalue 0.9, and 1, (step, parameter)."""
    block = np.array([[0.9, 1, 0, 0], [0, 0.9, 1, 0], [0, 0, 0.9, 0], [0, 0, 0, 1]])
    states = [np.array([1.0, 2.0, -1.0, 3.0])]
    for _ in range(STEPS - 1):
        states.append(block @ states[-1])
    return np.array(states) @ np.random.default_rng(0).standard_normal((4, width))


def parabola(width: int) -> np.ndarray:
    """Weights on a parabola: a Jordan block of three with eigenvalue 1, (step, parameter)."""
    time = np.arange(STEPS) / STEPS
    return np.stack([np.ones(STEPS), time, time**2], axis=1) @ np.random.default_rng(1).standard_normal((3, width))


def error(found: np.ndarray, truth: np.ndarray) -> float:
    """The relative error of `found`."""
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize(("system", "rank"), [(jordan, 4), (parabola, 3)])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("width", "route"),
    [(8, "direct"), (60, "time"), (60, "time_qr"), (8, "feature"), (8, "feature_qr"), (60, "sketch")],
)
def test_defective_systems_are_rebuilt_and_forecast(system, rank, route, width, exact):
    data = system(width)
    fitted = fit(data[:TRAINED], svd_rank=rank, route=route)
    allowed = {"time": 1e-6, "sketch": 2e-2}.get(route, 1e-8)  # PyDMD's modes reach 4e-5 and 2e-7
    assert error(fitted.reconstruction(exact=exact), data[:TRAINED]) < allowed
    assert error(fitted.forecast(STEPS - TRAINED, exact=exact), data[TRAINED:]) < 30 * allowed
    assert np.isfinite(fitted.residuals).all()


@pytest.mark.parametrize("system", [jordan, parabola])
def test_saved_defective_operators_forecast_what_they_did(tmp_path, system):
    data = system(8)
    operator = kf.fit(data[:TRAINED], rank=-1)
    operator.save(tmp_path / "operator.npz")
    loaded = kf.load(tmp_path / "operator.npz")
    assert error(loaded.forecast(10), data[TRAINED:]) < 1e-7
    assert np.array_equal(loaded.forecast(10), operator.forecast(10))


def test_operators_saved_without_directions_still_forecast(tmp_path):
    """Files of koopflow 0.2 hold modes only."""
    time = np.arange(STEPS)
    data = np.stack([0.95**time * np.cos(0.3 * time), 0.8**time, 0.9**time], axis=1)
    kf.fit(data[:TRAINED], rank=-1, delays=1).save(tmp_path / "operator.npz")
    kind, version, arrays = npz.read(tmp_path / "operator.npz")
    del arrays["directions"], arrays["p_random_walk"]
    arrays["sizes"] = arrays["sizes"][:2]
    npz.save(tmp_path / "old.npz", kind, version, arrays)
    assert error(kf.load(tmp_path / "old.npz").forecast(10), data[TRAINED:]) < 1e-6


def test_an_exact_jordan_block_has_finite_weights_and_residuals():
    block = np.array([[0.5, 1.0, 0.0], [0.0, 0.5, 1.0], [0.0, 0.0, 0.5]])
    values, right, left = eigenpairs(block)
    assert np.isfinite(left).all()
    weights = mode_weights(right, np.array([[1.0], [0.0], [0.0]]))
    assert np.allclose(right @ weights, [[1], [0], [0]], atol=1e-8)
    assert np.abs(weights).max() < 10
    before = np.random.default_rng(0).standard_normal((3, 20))
    assert residuals(values, left, before, block @ before).max() < 1e-4


def test_weights_are_the_amplitudes_of_a_diagonalizable_operator():
    time = np.arange(STEPS)
    fitted = fit(np.stack([0.9**time, 0.5**time, 0.9**time + 0.7**time], axis=1), svd_rank=3)
    assert np.allclose(fitted.amplitudes[0], fitted.left @ fitted.reduced.states[0][:, 0], rtol=1e-9)
    ahead = fitted.eigenvalues ** np.arange(1, 4)[:, None] * (fitted.left @ fitted.reduced.states[0][:, -1])
    assert np.allclose(fitted.ahead(3), ahead, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("stabilize", [False, True])
def test_windows_forecast_a_linear_trend(center, stabilize):
    """A trend is a Jordan block with eigenvalue 1: its two eigenvectors are parallel."""
    time = np.arange(170)
    values = (0.5 * time + np.sin(0.7 * time))[:, None]
    model = fit_windows(values[:150], 60, 10, 4, center=center).take([-1])
    found = advance(model, present_states(values, [149], 10), model.mean, 20, stabilize=stabilize)
    assert np.abs(found[0] - values[150:]).max() < 1e-6
