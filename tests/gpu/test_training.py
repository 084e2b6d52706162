"""Every trainer on a CUDA device: near the CPU, equal to itself, resumable after kill -9.

Left out where there is no device (tests/conftest.py).
"""

import time

import numpy as np
import pytest
import torch

from koopflow.tickets import training as tickets
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.curves import train_held
from koopflow.training.ensemble import Ensemble, Recipe, Start, train
from koopflow.training.evaluation import gradients, score
from koopflow.training.hooks import Keep
from tests.gpu.device import DEVICE, NETWORKS, OPTIMIZERS, SGD, digits, near, on_cuda, pairs, recipe, script

pytestmark = pytest.mark.filterwarnings("default")  # torch names operations that it cannot make deterministic
STEPS = {"sequential": 8, "recurrent": 12}
RESUMED = """
import sys, time
from pathlib import Path
from tests.gpu.device import DEVICE, digits, recipe
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, train
from koopflow.training.hooks import Progress

def hold(done, steps):
    while len(sys.argv) > 6 and done >= 15:
        Path(sys.argv[6]).touch()
        time.sleep(0.01)

train(recipe(sys.argv[1], 30, sys.argv[2]), digits(), Ensemble(range(2), 0),
      hooks=[Capture(sys.argv[3], ["last"]), Progress(hold)],
      checkpoint=Checkpoint(sys.argv[4], every_steps=10), device=DEVICE)
"""


@pytest.fixture(scope="module")
def images():
    return digits()


def trained(images, network, device, optimizer="momentum", **options):
    how = recipe(network, STEPS.get(network, 40), optimizer)
    return train(how, images, Ensemble(range(2), 0, copies=2), device=device, **options)


@pytest.mark.parametrize("network", NETWORKS)
def test_an_ensemble_is_near_that_of_the_cpu_and_equal_to_itself(images, network):
    here, there, again = (trained(images, network, device) for device in ("cpu", DEVICE, DEVICE))
    near(f"weights of {network}", there.weights, here.weights)
    near(f"losses of {network}", there.loss, here.loss)
    near(f"running statistics of {network}", there.buffers, here.buffers)
    for found, expected in ((again.weights, there.weights), (again.loss, there.loss), (again.buffers, there.buffers)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("network", ["matrix", "vmap"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_is_near_that_of_the_cpu(images, optimizer, network):
    here, there = (trained(images, network, device, optimizer).weights for device in ("cpu", DEVICE))
    near(f"weights of {network} by {optimizer}", there, here)


def test_masked_weights_stay_zero_and_a_rewound_training_is_near_that_of_the_cpu(images):
    masks = np.random.default_rng(0).random(trained(images, "matrix", "cpu").weights.shape) < 0.5
    found = {}
    for device in ("cpu", DEVICE):
        start = Start(masks=masks, step=5)
        found[device] = trained(images, "matrix", device, start=start, hooks=[Keep([5, 20])])
    assert not found[DEVICE].weights[~masks].any()
    near("masked weights", found[DEVICE].weights, found["cpu"].weights)
    near("kept states", found[DEVICE].kept[20][0], found["cpu"].kept[20][0])


def test_a_network_that_draws_random_numbers_gives_the_same_bytes_twice(images):
    how = Recipe.of("tests.gpu.networks:Dropout", SGD, 30, 10)
    one, two = (train(how, images, Ensemble(range(2), 0), device=DEVICE).weights for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_a_training_does_not_change_the_callers_random_numbers_on_the_device(images):
    torch.manual_seed(3)
    expected = [torch.rand(1, device=DEVICE).item() for _ in range(2)]
    torch.manual_seed(3)
    found = [torch.rand(1, device=DEVICE).item()]
    trained(images, "sequential", DEVICE)
    assert [*found, torch.rand(1, device=DEVICE).item()] == expected


def test_the_grokking_study_is_near_that_of_the_cpu_and_equal_to_itself():
    model = {"name": "modular_transformer", "width": 8, "arguments": {"heads": 2, "hidden": 12}}
    how = Recipe.of(model, {"name": "adamw", "learning_rate": 0.01, "weight_decay": 1.0}, 25, 30)
    for held in (None, 0.8):
        here, there, again = (
            train_held(how, pairs(), Ensemble([0, 1], 0, shuffled=False), [0, 10, 30], held, device=device)
            for device in ("cpu", DEVICE, DEVICE)
        )
        near("weights of the transformer", there.weights, here.weights)
        near("its curves", [there.curves[s] for s in (0, 10, 30)], [here.curves[s] for s in (0, 10, 30)], 0.01)
        np.testing.assert_array_equal(there.weights, again.weights)


def test_the_rows_of_tickets_train_as_on_the_cpu(images):
    found = []
    for device in ("cpu", DEVICE):
        how = tickets.Setup(recipe().model, recipe().optimizer, 30, 30, device)
        weights = tickets.initialize(how, images, 0, range(3))
        masks = {name: weights[name] > 0 for name in tickets.prunable(weights)}
        found.append(tickets.train(how, images, tickets.Rows(weights, masks, range(3)), 0, "batches"))
    for name, values in found[0].weights.items():
        near(f"ticket's {name}", found[1].weights[name], values)
    near("tickets' accuracy", found[1].accuracy, found[0].accuracy, 0.01)


@pytest.mark.parametrize("network", ["matrix", "vmap", "sequential"])
def test_gradients_and_scores_of_given_weights_are_those_of_the_cpu(images, network):
    weights = trained(images, network, "cpu").weights
    for name, found in (("accuracy and loss", score), ("gradient", gradients)):
        here, there = (found(NETWORKS[network], weights, images, device=device) for device in ("cpu", DEVICE))
        near(f"{name} of {network}", there, here, 2e-3 if name != "gradient" else 1e-4)


def test_recordings_have_the_same_bytes_twice(images, tmp_path):
    for name in ("one", "two"):
        train(recipe(), images, Ensemble(range(2), 0), hooks=[Capture(str(tmp_path / name), ["last"])], device=DEVICE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(("network", "optimizer"), [("matrix", "plain"), ("vmap", "momentum"), ("sequential", "adam")])
def test_after_kill_9_the_same_call_gives_the_bytes_of_an_undisturbed_one(images, tmp_path, network, optimizer):
    words = [network, optimizer, tmp_path / "killed.h5", tmp_path / "checkpoints", "-"]
    run = script(RESUMED, *words, tmp_path / "held")
    while not (tmp_path / "held").exists():
        assert run.poll() is None
        time.sleep(0.05)
    assert list((tmp_path / "checkpoints").rglob("*.pt"))
    run.kill()
    run.wait()
    assert script(RESUMED, *words).wait() == 0
    hooks = [Capture(str(tmp_path / "whole.h5"), ["last"])]
    checkpoint = Checkpoint(str(tmp_path / "others"), every_steps=10)
    how = recipe(network, 30, optimizer)
    train(how, images, Ensemble(range(2), 0), hooks=hooks, checkpoint=checkpoint, device=DEVICE)
    assert (tmp_path / "killed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.skipif(not on_cuda(), reason="a CPU does not choose this engine for convolutions")
def test_a_gpu_batches_convolutions(images):
    from koopflow.training.replicas import Replicas

    assert Replicas(NETWORKS["vmap"], images.shape, images.classes, 2, device=DEVICE).method == "vmap"
