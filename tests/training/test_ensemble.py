"""The ensemble trainer: equal to a plain loop, blind to neighbours, exact in masks, rewinds and
resumptions."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.training import evaluation
from koopflow.training.batches import Batches
from koopflow.training.capture import Capture
from koopflow.training.ensemble import Ensemble, Recipe, Start, train
from koopflow.training.hooks import Keep
from koopflow.training.models.build import build
from koopflow.training.replicas import initial_weights
from koopflow.trajectory import Trajectory
from tests.barrier import PATIENCE

MOMENTUM = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.001}
ADAM = {"name": "adam", "learning_rate": 0.01}
PLAIN = {"name": "sgd", "learning_rate": 0.1}
CONVOLUTIONAL = {"name": "convnet", "channels": [3], "hidden": []}


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def setup(optimizer=PLAIN, steps=40, model=None, batch_size=30):
    return Recipe.of(model or {"name": "mlp", "widths": [6]}, optimizer, batch_size, steps)


@pytest.mark.parametrize("optimizer", [PLAIN, MOMENTUM, ADAM])
def test_a_replica_equals_a_plain_loop(digits, optimizer):
    result = train(setup(optimizer), digits, Ensemble(["a"], 3, ["s"]), device="cpu")
    network = build({"name": "mlp", "widths": [6]}, digits.shape, 10)
    start = initial_weights({"name": "mlp", "widths": [6]}, digits.shape, 10, seed=3, stream=["s"], groups=["a"])
    torch.nn.utils.vector_to_parameters(torch.from_numpy(start[0]), network.parameters())
    options = {"lr": optimizer["learning_rate"]}
    if optimizer["name"] == "sgd":
        options |= {"momentum": optimizer.get("momentum", 0), "weight_decay": optimizer.get("weight_decay", 0)}
    plain = (torch.optim.SGD if optimizer["name"] == "sgd" else torch.optim.Adam)(network.parameters(), **options)
    batches = Batches(digits, 30, ["a"], 3, ["s"], torch.device("cpu"))
    for step in range(40):
        x, y = batches.at(step)
        plain.zero_grad()
        loss = F.cross_entropy(network(x[0]), y[0])
        loss.backward()
        plain.step()
        assert result.loss[0, step] == pytest.approx(loss.item(), abs=1e-4)
    final = torch.nn.utils.parameters_to_vector(network.parameters()).detach().numpy()
    np.testing.assert_allclose(result.weights[0], final, atol=1e-4)


@pytest.mark.parametrize("model", [{"name": "mlp", "widths": [6]}, CONVOLUTIONAL])
def test_a_replica_does_not_see_its_neighbours(digits, model):
    together = train(setup(model=model), digits, Ensemble(["a", "b", "c"], 0, copies=2), device="cpu")
    alone = train(setup(model=model), digits, Ensemble(["b"], 0, copies=2), device="cpu")
    np.testing.assert_allclose(together.weights[2:4], alone.weights, atol=1e-5)
    assert together.replicas[2:4] == alone.replicas == ["b/0", "b/1"]


def test_the_same_call_gives_the_same_bytes(digits, tmp_path):
    for name in ("one", "two"):
        hooks = [Capture(str(tmp_path / name), ["last"])]
        train(setup(), digits, Ensemble(range(2), 0, copies=2), hooks=hooks, device="cpu")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_epoch_shows_every_image_once_and_each_epoch_anew(digits):
    batches = Batches(digits, 2, ["a"], 0, [], torch.device("cpu"))
    epochs = [torch.cat([batches.at(step)[0][0].clone() for step in range(e * 719, (e + 1) * 719)]) for e in range(2)]
    sums = [np.sort(epoch.double().sum(dim=(1, 2, 3)).numpy()) for epoch in epochs]
    np.testing.assert_allclose(sums[0], np.sort(digits.x_train.astype(float).sum(axis=(1, 2, 3))), atol=1e-4)
    assert not torch.equal(*epochs)


def test_groups_have_batch_orders_of_their_own(digits):
    x, _ = Batches(digits, 30, ["a", "b"], 0, [], torch.device("cpu")).at(0)
    assert not torch.equal(x[0], x[1])


def test_a_fixed_order_is_the_stored_one_for_all_groups_and_epochs(digits):
    """Every group and epoch sees the same batches, the stored images in their order."""
    batches = Batches(digits, 30, ["a", "b"], 0, [], torch.device("cpu"), shuffled=False)
    for epoch in range(2):
        for step in (0, 3):
            x, y = batches.at(epoch * batches.per_epoch + step)
            for group in range(2):
                np.testing.assert_array_equal(x[group].numpy(), digits.x_train[30 * step : 30 * step + 30])
                np.testing.assert_array_equal(y[group].numpy(), digits.y_train[30 * step : 30 * step + 30])


def test_an_ensemble_in_fixed_order_trains_on_the_stored_batches(digits):
    """The first loss of each network is that of its initial weights on the first stored images."""
    result = train(setup(steps=1), digits, Ensemble(["a", "b"], 3, shuffled=False), device="cpu")
    start = initial_weights({"name": "mlp", "widths": [6]}, digits.shape, 10, seed=3, stream=[], groups=["a", "b"])
    x, y = torch.from_numpy(digits.x_train[:30]), torch.from_numpy(digits.y_train[:30])
    for weights, loss in zip(start, result.loss[:, 0]):
        network = build({"name": "mlp", "widths": [6]}, digits.shape, 10)
        torch.nn.utils.vector_to_parameters(torch.from_numpy(weights), network.parameters())
        assert loss == pytest.approx(F.cross_entropy(network(x), y).item(), abs=1e-5)


@pytest.mark.parametrize("model", [{"name": "mlp", "widths": [6]}, CONVOLUTIONAL])
@pytest.mark.parametrize(
    "optimizer", [PLAIN, MOMENTUM, ADAM, {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}]
)
def test_masked_weights_stay_exactly_zero(digits, optimizer, model):
    size = initial_weights(model, digits.shape, 10, seed=0, stream=[], groups=[0]).shape[1]
    masks = np.random.default_rng(0).random((2, size)) < 0.3
    result = train(setup(optimizer, model=model), digits, Ensemble(range(2), 0), start=Start(masks=masks), device="cpu")
    assert np.all(result.weights[~masks] == 0)
    assert np.mean(result.weights[masks] != 0) > 0.9


def test_rewound_training_goes_on_as_if_uninterrupted(digits):
    whole = train(setup(), digits, Ensemble(range(2), 0), hooks=[Keep([15])], device="cpu")
    again = train(setup(), digits, Ensemble(range(2), 0), start=Start(whole.kept[15][0], step=15), device="cpu")
    np.testing.assert_array_equal(whole.weights, again.weights)


def test_captured_states_are_the_weights_before_each_update(digits, tmp_path):
    capture = Capture(str(tmp_path / "t.h5"), ["output.*"], every=5, first=10, last=40)
    result = train(setup(), digits, Ensemble(range(2), 0), hooks=[capture, Keep([20])], device="cpu")
    columns = np.r_[result.layout.place("output.weight"), result.layout.place("output.bias")]
    with Trajectory(tmp_path / "t.h5") as trajectory:
        weights = trajectory.read()
        assert list(trajectory.steps) == list(range(10, 41, 5))
        np.testing.assert_array_equal(weights[:, 2], result.kept[20][0][:, columns])
        np.testing.assert_array_equal(weights[:, -1], result.weights[:, columns])
        np.testing.assert_allclose(trajectory.loss, result.loss[:, 10::5])


def test_divergence_is_recorded_by_name_and_leaves_the_others_alone(digits):
    start = initial_weights({"name": "mlp", "widths": [6]}, digits.shape, 10, seed=0, stream=[], groups=range(2))
    start[0] *= 1e15
    result = train(setup(), digits, Ensemble(range(2), 0), start=Start(start), device="cpu")
    alone = train(setup(), digits, Ensemble([1], 0), start=Start(start[1:]), device="cpu")
    assert list(result.diverged) == ["0"]
    assert np.isnan(result.weights[0]).all()
    assert np.isnan(result.accuracy[40][0])
    np.testing.assert_allclose(result.weights[1], alone.weights[0], atol=1e-5)


def test_batch_normalization_learns_and_is_evaluated_with_its_own_statistics(digits):
    model = {"name": "resnet8", "width": 4}
    result = train(setup(MOMENTUM, 60, model), digits, Ensemble(range(2), 0), device="cpu")
    accuracy, _ = evaluation.score(model, result.weights, digits, buffers=result.buffers, device="cpu")
    np.testing.assert_array_equal(accuracy, result.accuracy[60])
    assert accuracy.min() > 0.5


GIVEN = {"model": "mlp", "optimizer": PLAIN, "batch_size": 30, "steps": 40}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch_size": 5000}, "got 5000"),
        ({"steps": 0}, "got 0"),
        ({"model": "mpl"}, "did you mean mlp"),
        ({"model": {"name": "mlp", "width": 5}}, "did you mean widths"),
        ({"model": "mnistnet"}, "too small"),
        ({"model": "no_such_package:network"}, "cannot be imported"),
        ({"model": "math:sqrt"}, "cannot be built|must return"),
        ({"model": "fractions:Fraction"}, "got Fraction"),
        ({"optimizer": {"name": "sgd", "learning_rate": "1e-3"}}, "learning_rate"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.1, "momentm": 1}}, "momentm"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.1, "schedule": {"name": "cosin"}}}, "cosin"),
    ],
)
def test_a_bad_set_up_is_named_in_one_line(digits, changes, named):
    with pytest.raises(KoopflowError, match=named):
        train(Recipe.load({**GIVEN, **changes}), digits, Ensemble([0], 0), device="cpu")


def test_a_pattern_that_matches_nothing_is_refused_before_training(digits, tmp_path):
    with pytest.raises(KoopflowError, match=r"no parameter matches 'fc9\.\*'.*output\.weight"):
        train(setup(), digits, Ensemble([0], 0), hooks=[Capture(str(tmp_path / "t.h5"), ["fc9.*"])], device="cpu")
    assert not list(tmp_path.iterdir())


SCRIPT = """
import os, sys, numpy as np, torch, time
from koopflow.data.images import load
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.hooks import Evaluate, Keep, Progress
torch.set_num_threads(1)
folder, held_at = sys.argv[1], int(sys.argv[2])

def hold(done, total):
    while 0 < done == held_at and not os.path.exists(folder + "/released"):
        open(folder + "/held", "w").close()
        time.sleep(0.01)

setup = Recipe.of({"name": "mlp", "widths": [6]}, {"name": "adam", "learning_rate": 0.01}, 30, 120)
hooks = [Capture(folder + "/t.h5", ["*"]), Keep([7]), Evaluate([20]), Progress(hold)]
result = train(setup, load("digits"), Ensemble(range(2), 0, copies=2), hooks=hooks,
    checkpoint=Checkpoint(folder + "/checkpoints", every_steps=10), device="cpu")
np.savez(folder + "/result.npz", weights=result.weights, loss=result.loss, kept=result.kept[7][0],
    accuracy=result.accuracy[20])
"""


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def _command(folder, held_at=0, more=""):
    return [sys.executable, "-c", SCRIPT + more, str(folder), str(held_at)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    more = "import json; open(folder + '/imported.json', 'w').write(json.dumps(list(sys.modules)))"
    subprocess.run(_command(folder, more=more), env=ENVIRONMENT, check=True)
    return folder


def test_a_training_job_imports_neither_the_compiler_nor_scikit_learn(undisturbed):
    imported = set(json.loads((undisturbed / "imported.json").read_text()))
    assert "torch" in imported
    assert not {"torch._dynamo", "sklearn", "torchvision", "sympy"} & imported


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_training_resumes_to_the_very_same_bytes(tmp_path, undisturbed, how):
    (tmp_path / "killed").mkdir()
    process = subprocess.Popen(_command(tmp_path / "killed", held_at=35), env=ENVIRONMENT)
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "killed" / "held").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert list((tmp_path / "killed" / "checkpoints").glob("*.pt"))
    process.send_signal(how)
    (tmp_path / "killed" / "released").touch()
    assert process.wait() == (-9 if how == signal.SIGKILL else 143)
    assert not (tmp_path / "killed" / "t.h5").exists()
    subprocess.run(_command(tmp_path / "killed"), env=ENVIRONMENT, check=True)
    assert (undisturbed / "t.h5").read_bytes() == (tmp_path / "killed" / "t.h5").read_bytes()
    whole, killed = (np.load(folder / "result.npz") for folder in (undisturbed, tmp_path / "killed"))
    for key in whole.files:
        np.testing.assert_array_equal(whole[key], killed[key])
    assert not list((tmp_path / "killed" / "checkpoints").iterdir())
