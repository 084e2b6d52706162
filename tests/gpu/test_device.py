"""Training on a CUDA device: near the CPU, equal to itself, resumable, and one line when memory ends.

Left out where there is no device (tests/conftest.py). ``KOOPFLOW_GPU_TESTS=cpu`` runs them on the
CPU instead, to test the tests.
"""

import copy
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import koopflow as kf
from koopflow.data.images import load
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.workflow import outside

DEVICE = os.environ.get("KOOPFLOW_GPU_TESTS", "cuda")
TOLERANCE = 1e-3
"""Largest difference between weights of CPU and GPU after 40 steps: sums are added in another
order, and each step carries the difference on."""
NETWORKS = {
    "matrix": {"name": "mlp", "widths": [6]},
    "vmap": {"name": "convnet", "channels": [3], "hidden": []},
    "sequential": {"name": "resnet8", "width": 4},
}
RESUMED = """
import sys, time
from pathlib import Path
from tests.gpu.test_device import DEVICE, recipe, digits_now
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, train
from koopflow.training.hooks import Progress

def hold(done, steps):
    while len(sys.argv) > 3 and done >= 75:
        Path(sys.argv[3]).touch()
        time.sleep(0.01)

train(recipe("matrix", 400), digits_now(), Ensemble(range(2), 0),
      hooks=[Capture(sys.argv[1], ["last"]), Progress(hold)],
      checkpoint=Checkpoint(sys.argv[2], every_steps=50), device=DEVICE)
"""


def digits_now():
    return load("digits")


@pytest.fixture(scope="module")
def digits():
    return digits_now()


def recipe(engine: str, steps: int = 40) -> Recipe:
    return Recipe.of(NETWORKS[engine], {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}, 30, steps)


@pytest.mark.parametrize("engine", NETWORKS)
def test_an_ensemble_is_near_that_of_the_cpu_and_equal_to_itself(digits, engine):
    steps = 4 if engine == "sequential" else 40
    here, there, again = (
        train(recipe(engine, steps), digits, Ensemble(range(2), 0, copies=2), device=device)
        for device in ("cpu", DEVICE, DEVICE)
    )
    np.testing.assert_allclose(there.weights, here.weights, atol=TOLERANCE)
    np.testing.assert_array_equal(there.weights, again.weights)


def test_recordings_have_the_same_bytes_twice(digits, tmp_path):
    for name in ("one", "two"):
        hooks = [Capture(str(tmp_path / name), ["last"])]
        train(recipe("matrix"), digits, Ensemble(range(2), 0), hooks=hooks, device=DEVICE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_chain_of_pruning_rounds_finds_the_cpus_tickets(digits):
    setup = {"model": NETWORKS["matrix"], "optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 30}
    chains = [
        kf.iterative_pruning(setup | {"steps": 30}, digits, rounds=6, seeds=2, device=device)
        for device in ("cpu", DEVICE)
    ]
    np.testing.assert_allclose(chains[0].densities(), chains[1].densities())
    sigmas = [chain.exponents()["sigma"].to_numpy() for chain in chains]
    np.testing.assert_allclose(sigmas[0], sigmas[1], atol=0.05)


def test_scores_of_a_model_on_the_device_keep_the_weights_that_the_cpu_keeps():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    pruned = []
    for device in ("cpu", DEVICE):
        mask = kf.prune(copy.deepcopy(model).to(device), score="magnitude", compression=4)
        pruned.append(mask.apply(copy.deepcopy(model))[0].weight.detach().numpy())
    assert 0 < np.count_nonzero(pruned[0]) < pruned[0].size
    np.testing.assert_array_equal(pruned[0], pruned[1])


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


def test_after_kill_9_the_same_call_gives_the_bytes_of_an_undisturbed_one(digits, tmp_path):
    words = [sys.executable, "-c", RESUMED, str(tmp_path / "killed.h5"), str(tmp_path / "checkpoints")]
    run = subprocess.Popen([*words, str(tmp_path / "held")], cwd=Path(__file__).parents[2])
    while not (tmp_path / "held").exists():
        assert run.poll() is None
        time.sleep(0.05)
    assert list((tmp_path / "checkpoints").rglob("*.pt"))
    run.kill()
    run.wait()
    subprocess.run(words, cwd=Path(__file__).parents[2], check=True)
    hooks = [Capture(str(tmp_path / "whole.h5"), ["last"])]
    checkpoint = Checkpoint(str(tmp_path / "others"), every_steps=50)
    train(recipe("matrix", 400), digits, Ensemble(range(2), 0), hooks=hooks, checkpoint=checkpoint, device=DEVICE)
    assert (tmp_path / "killed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.skipif(DEVICE == "cpu", reason="the memory of a CPU is not exhausted by a test")
def test_memory_that_ends_is_one_line():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**45, device=DEVICE)
    line = outside.explained(error.value)
    assert line is not None
    assert line.startswith("not enough memory")
