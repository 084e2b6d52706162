"""Recordings of a CUDA device: their Koopman fits and forecasts are those of the CPU's, and a recorder
makes the device wait only at the steps that it captures.

Koopman fits and forecasts themselves use no device: their rooms never import torch
(tests/architecture).
"""

import time

import numpy as np
import pytest
import torch

import koopflow as kf
from koopflow.forecast.registry import FORECASTERS
from koopflow.training.capture import Capture
from koopflow.training.ensemble import Ensemble, Recipe, train
from tests.gpu.device import DEVICE, NETWORKS, digits, near, on_cuda

pytestmark = pytest.mark.filterwarnings("default")


# Maximizing a likelihood ends elsewhere for numbers that differ in the seventh digit: 0.03 on an H200.
ROUGH = {"arima": 0.1, "auto_arima": 0.1}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The trajectories and losses of one ensemble, trained on the CPU and on the device."""
    found, folder = {}, tmp_path_factory.mktemp("recorded")
    how = Recipe.of(NETWORKS["matrix"], {"name": "sgd", "learning_rate": 0.02}, 400, 200)
    for place, device in (("here", "cpu"), ("there", DEVICE)):
        path = str(folder / f"{place}.h5")
        trained = train(how, digits(), Ensemble(range(2), 0), hooks=[Capture(path, first=40)], device=device)
        found[place] = path, trained.loss.mean(axis=0)
    return found


@pytest.mark.parametrize("options", [{"rank": 4}, {"rank": 3, "delays": 4}, {"rank": 0.99}], ids=str)
def test_a_fit_to_a_recording_of_the_device_has_the_cpus_spectrum_and_forecast(recorded, options):
    here, there = (kf.fit(recorded[place][0], **options) for place in ("here", "there"))
    near("eigenvalues", *(np.sort_complex(each.eigenvalues) for each in (there, here)), tolerance=5e-3)
    near("forecast weights", *(each.forecast(20) for each in (there, here)), tolerance=5e-3)


@pytest.mark.parametrize("forecaster", list(FORECASTERS))
def test_a_forecast_of_the_devices_losses_is_that_of_the_cpus(recorded, forecaster):
    period = 10 if forecaster == "mstl" else 1  # it takes seasons off
    here, there = (
        kf.forecast(recorded[place][1].astype(float), 5, forecaster=forecaster, period=period)["prediction"]
        for place in ("here", "there")
    )
    near(f"forecast of {forecaster}", there, here, ROUGH.get(forecaster, 5e-3))


def test_a_recording_of_a_model_on_the_device_has_the_cpus_spectrum(tmp_path):
    spectra = []
    for place in ("cpu", DEVICE):
        path = str(tmp_path / f"{len(spectra)}.h5")
        model = torch.nn.Linear(8, 4, bias=False).to(place)
        recorder = kf.Recorder(model, path, every=2)
        for step in range(41):
            with torch.no_grad():
                model.weight.copy_(torch.arange(32.0).reshape(4, 8) * 0.9**step + 1)
            recorder.step(torch.tensor(float(step), device=place))
        recorder.close()
        spectra.append(kf.fit(path, rank=2).eigenvalues)
    np.testing.assert_allclose(spectra[0], spectra[1], atol=1e-5)
    np.testing.assert_allclose(sorted(spectra[1].real), [0.81, 1.0], atol=1e-3)


@pytest.mark.skipif(not on_cuda(), reason="only CUDA tells of synchronizations")
def test_a_recorder_synchronizes_only_at_the_steps_that_it_captures(tmp_path):
    model = torch.nn.Linear(8, 4).to(DEVICE)
    recorder = kf.Recorder(model, str(tmp_path / "run.h5"), every=10)
    loss = torch.zeros((), device=DEVICE)
    for step in range(21):
        captured = step % 10 == 0
        torch.cuda.set_sync_debug_mode("default" if captured else "error")
        try:
            assert recorder.step(loss) == captured
        finally:
            torch.cuda.set_sync_debug_mode("default")
    recorder.close()


@pytest.mark.skipif(not on_cuda(), reason="only a GPU computes while the loop goes on")
def test_a_recorder_leaves_the_device_at_work(tmp_path):
    """The loop's steps between captures return long before the device has done them."""
    model = torch.nn.Linear(2048, 2048, bias=False).to(DEVICE)
    recorder = kf.Recorder(model, str(tmp_path / "run.h5"), every=1000)
    x, loss = torch.rand(8192, 2048, device=DEVICE), torch.zeros((), device=DEVICE)
    with torch.no_grad():
        recorder.step(loss)  # captured
        model(x)
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(100):
            model(x)
            recorder.step(loss)
        asked = time.perf_counter() - begin
        torch.cuda.synchronize()
        done = time.perf_counter() - begin
    recorder.close()
    print(f"100 recorded steps: asked for in {asked * 1000:.0f} ms, done after {done * 1000:.0f} ms")
    assert asked < done / 2
