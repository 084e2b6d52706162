"""Data of any magnitude: a power of two changes no digit of a fit, other factors only rounding."""

import numpy as np
import pytest

import koopflow as kf
from koopflow.koopman import fit
from koopflow.koopman.spectrum import distance
from koopflow.koopman.windows import advance, fit_windows, present_states
from koopflow.pruning.decompose import Window
from koopflow.trajectory import Trajectory, TrajectoryWriter
from tests.koopman.test_dmd import falling_runs, linear_runs

WIDTHS = {"direct": 20, "time": 900, "time_qr": 900, "feature": 20, "feature_qr": 20}


@pytest.mark.parametrize("scale", [2.0**700, 2.0**-700, 1e200, 1e160, 1e-170])
@pytest.mark.parametrize("delays", [0, 2])
@pytest.mark.parametrize("route", WIDTHS)
def test_what_is_fitted_scales_with_the_data(route, delays, scale):
    data = linear_runs(steps=60, width=WIDTHS[route], noise=0.01)
    plain, scaled = (fit(factor * data, svd_rank=6, delays=delays, route=route) for factor in (1.0, scale))
    exact = {"rtol": 0} if np.frexp(scale)[0] == 0.5 else {"rtol": 1e-6}
    assert np.allclose(scaled.eigenvalues, plain.eigenvalues, atol=0 if exact["rtol"] == 0 else 1e-9, **exact)
    assert np.allclose(scaled.residuals, plain.residuals, atol=0, **exact)
    for name in ("amplitudes", "singular_values"):
        assert np.allclose(np.abs(getattr(scaled, name)) / scale, np.abs(getattr(plain, name)), atol=0, **exact)
    assert np.allclose(np.abs(scaled.modes(exact=True)), np.abs(plain.modes(exact=True)), atol=1e-8)
    assert np.allclose(scaled.forecast(4) / scale, plain.forecast(4), atol=1e-6)
    assert np.allclose(scaled.reconstruction(1) / scale, plain.reconstruction(1), atol=1e-6)


@pytest.mark.parametrize("scale", [1e25, 1e-25])
@pytest.mark.parametrize(("smallest", "route"), [(0.05, "sketch"), (0.05, "time")])
def test_recordings_in_float32_scale_in_single_precision(tmp_path, scale, smallest, route):
    fits = []
    for factor in (1.0, scale):
        data = (factor * falling_runs(smallest, 0.02 if route == "time" else 0.0).astype(float)).astype(np.float32)
        runs, steps, width = data.shape
        with TrajectoryWriter(
            tmp_path / f"{factor}.h5", [("w", (width,))], runs, study={}, seeds=[], steps=steps
        ) as file:
            for step in range(steps):
                file.append(step, data[:, step])
        fits.append(fit(Trajectory(tmp_path / f"{factor}.h5"), svd_rank=11, precision="single"))
    assert fits[0].route == fits[1].route == route
    assert distance(fits[1].eigenvalues, fits[0].eigenvalues) < 1e-4
    ours, theirs = (one.forecast(2) / factor for one, factor in zip(fits, (1.0, scale)))
    assert np.abs(ours - theirs).max() < 1e-3 * np.abs(ours).max()


@pytest.mark.parametrize("scale", [1e200, 1e-170])
def test_saved_operators_keep_the_units_of_the_data(tmp_path, scale):
    data = scale * linear_runs(steps=40, width=8)[0]
    operator = kf.fit(data, rank=6)
    operator.save(tmp_path / "operator.npz")
    loaded = kf.load(tmp_path / "operator.npz")
    assert np.array_equal(loaded.forecast(3), operator.forecast(3))
    assert np.allclose(loaded.forecast(3) / scale, kf.fit(data / scale, rank=6).forecast(3), atol=1e-8)
    assert np.array_equal(loaded.fitted.singular_values, operator.fitted.singular_values)


@pytest.mark.parametrize("scale", [1e200, 1e160, 1e-170])
def test_windows_scale_with_the_series(scale):
    values = np.cumsum(np.random.default_rng(0).standard_normal((120, 1)), axis=0)
    plain, scaled = (fit_windows(factor * values, 40, 8, 3) for factor in (1.0, scale))
    assert np.allclose(scaled.eigenvalues, plain.eigenvalues, atol=1e-8)
    assert np.allclose(scaled.residual, plain.residual, atol=1e-8)
    forecasts = [
        advance(models, present_states(factor * values, np.arange(39, 120), 8), models.mean, 5) / factor
        for models, factor in ((plain, 1.0), (scaled, scale))
    ]
    assert np.allclose(*forecasts, atol=1e-6)


@pytest.mark.parametrize("scale", [1e150, 1e-150])
def test_modes_for_pruning_scale_with_the_weights(scale):
    data = linear_runs(steps=30, width=50)[0]
    plain, scaled = (window.modes(window.fit(20, 6)) for window in (Window(data), Window(scale * data)))
    assert np.allclose(scaled.eigenvalues, plain.eigenvalues, atol=1e-6)
    assert np.allclose(np.abs(scaled.amplitudes) / scale, np.abs(plain.amplitudes), rtol=1e-5)
    assert np.allclose(np.abs(scaled.vectors), np.abs(plain.vectors), atol=1e-6)
    assert plain.present is not None
    assert scaled.present is not None
    assert np.allclose(np.abs(scaled.present) / scale, np.abs(plain.present), rtol=1e-5)
