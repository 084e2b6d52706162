"""A study end to end on digits: tables, tuning under masks, interruption, trajectories recorded
elsewhere, bad input."""

import copy
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.config.training import ModelSettings
from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data import images as data
from koopflow.io import columns
from koopflow.pruning import checks, evaluation, mask, measurements, methods, selection, study, training
from koopflow.pruning.compact import compact
from koopflow.pruning.job import Job
from koopflow.training.checkpoint import Checkpoint, Store
from koopflow.training.evaluation import score
from koopflow.training.models.build import build
from koopflow.training.replicas import initial_weights
from koopflow.trajectory import Trajectory, TrajectoryRecorder, TrajectoryWriter

ROOT = Path(__file__).resolve().parents[2]
METHODS = {
    "koopman_magnitude": {"score": "koopman_magnitude"},
    "short_window": {"score": "koopman_magnitude", "window": 9, "rank": 3},
    "koopman_gradient": {"score": "koopman_gradient"},
    "window_gradient": {"score": "window_gradient"},
    "global_magnitude": {"score": "magnitude"},
    "global_gradient": {"score": "gradient"},
    "layer_gradient": {"score": "gradient", "scope": "layer"},
    "random": {"score": "random"},
}
STUDY = {
    "data": "digits",
    "model": {"name": "mlp", "widths": [20, 20]},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 60,
    "epochs": 6,
    "seeds": 2,
    "prune_epochs": [0.9, 6],
    "window": 20,
    "rank": 5,
    "compressions": [1, 4, 64],
    "exclude": ["classifier"],
    "counted": "prunable",
    "methods": ["koopman_magnitude", "koopman_gradient", "global_magnitude", "layer_gradient", "random"],
    "pairs": [
        ["koopman_magnitude", "global_magnitude"],
        ["random", "global_magnitude"],
        ["short_window", "window_gradient"],
    ],
    "gradient_images": 0,
    "finetune": {"epochs": 1, "at": [6]},
    "save_masks": {"at": [6], "compressions": [4]},
}


@pytest.fixture(scope="module")
def digits():
    return data.load({"source": "digits"})


def study_of(**changes):
    """Return the study, as a job reads it."""
    return PruningStudy.load(STUDY | changes)


def methods_of(methods=METHODS):
    return {name: PruningMethod.load(method) for name, method in methods.items()}


def check(name, digits, **changes):
    checks.check_study(name, study_of(**changes), methods_of(), digits)


def trained(digits, folder, numbers=(0, 1), **changes):
    """Train the study's networks; return the study, the trajectory's path and what is beside it."""
    whole = study_of(**changes)
    path = folder / "trajectories.h5"
    members = training.Members("tiny", 0, numbers)
    networks = training.train(whole, digits, members, path, methods.longest_window(whole, methods_of()))
    return whole, path, networks


def run(digits, whole, path, networks=None, checkpoint=None, masks=None):
    with warnings.catch_warnings(), Trajectory(path) as trajectory:
        warnings.filterwarnings("ignore", message="study .*nothing is left of")
        networks = networks or training.Networks.recorded(trajectory.replicas)
        return study.run(Job("tiny", whole, methods_of(), digits, trajectory, networks, 0, 1e-3), checkpoint, masks)


@pytest.fixture(scope="module")
def once(digits, tmp_path_factory):
    return trained(digits, tmp_path_factory.mktemp("once"))


@pytest.fixture(scope="module")
def tables(digits, once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    return run(digits, *once, masks=folder), folder


def test_tables_are_whole_and_the_same_each_time(digits, once, tables):
    first, again = tables[0], run(digits, *once)
    accuracy = first["accuracy"]
    assert set(columns.PRUNING_ACCURACY) <= set(accuracy)
    assert len(accuracy) == 2 * 5 * 3 * 2
    assert accuracy.accuracy_finetuned.isna().equals(accuracy.epoch != 6)
    for table in ("accuracy", "overlap", "spectrum", "layers"):
        assert set(columns.NETWORK_TABLES[table]) <= set(first[table])
        assert first[table].equals(again[table])
    dense = accuracy[accuracy.compression == 1].groupby(["epoch", "seed"]).accuracy.nunique()
    assert (dense == 1).all()
    best = accuracy[(accuracy.epoch == 6) & (accuracy.compression == 4)].groupby("method").accuracy.mean()
    assert best["global_magnitude"] > best["random"]
    tuned = accuracy[(accuracy.epoch == 6) & (accuracy.compression == 4)].groupby("method").accuracy_finetuned.mean()
    assert tuned.mean() > best.mean() + 0.02


def test_two_random_and_two_like_methods_overlap_as_they_should(tables):
    table = tables[0]["overlap"]
    table = table[(table.compression == 4) & (table.epoch == 6)].groupby("method_a").mean(numeric_only=True)
    assert table.beyond_chance["koopman_magnitude"] > 0.8
    assert abs(table.beyond_chance["random"]) < 0.15
    assert abs(table.jaccard["random"] - table.expected_jaccard["random"]) < 0.05


def test_a_method_or_a_network_beside_changes_no_number(digits, tables, tmp_path):
    alone = run(digits, *trained(digits, tmp_path, [1], methods=["random"], pairs=[]))["accuracy"]
    together = tables[0]["accuracy"]
    together = together[(together.method == "random") & (together.seed == 1)].reset_index(drop=True)
    assert alone.drop(columns=["accuracy", "accuracy_finetuned"]).equals(
        together.drop(columns=["accuracy", "accuracy_finetuned"])
    )
    for column in ("accuracy", "accuracy_finetuned"):  # batched products round otherwise, by an image at the most
        np.testing.assert_allclose(alone[column], together[column], atol=1.5 / len(digits.x_test))


def test_recorded_states_are_the_weights_after_every_step(digits, once):
    whole, path, _ = once
    spec, per_epoch = {"seed": 0, "stream": ("pruning", "tiny"), "groups": [0, 1]}, len(digits.x_train) // 60
    assert training.pruning_steps(whole, digits) == {0.9: round(0.9 * per_epoch), 6: 6 * per_epoch}
    network = build(STUDY["model"], (1, 8, 8), 10)
    evaluation.put(network, initial_weights(STUDY["model"], (1, 8, 8), 10, **spec)[1])
    x, y, states = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train), {}
    for step in range(6 * per_epoch + 1):
        states[step] = torch.nn.utils.parameters_to_vector(network.parameters()).detach().numpy().copy()
        if step % per_epoch == 0:
            order = seeds.rng(0, "pruning", "tiny", 1, "batches", step // per_epoch).permutation(len(x))
        index = order[60 * (step % per_epoch) :][:60]
        loss = torch.nn.functional.cross_entropy(network(x[index]), y[index])
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(network.parameters(), gradients):
                parameter -= 0.1 * gradient
    with Trajectory(path) as trajectory:
        for end in training.pruning_steps(whole, digits).values():
            part = trajectory.window(end - 20, end)
            np.testing.assert_allclose(
                part.read(replicas=[1])[0], [states[s] for s in range(end - 20, end + 1)], atol=1e-5
            )


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
        {"name": "adam", "learning_rate": 0.01},
        {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
    ],
)
@pytest.mark.parametrize(
    "model", [{"name": "mlp", "widths": [20, 20]}, {"name": "convnet", "arguments": {"channels": [4], "hidden": [8]}}]
)
def test_no_optimizer_revives_a_pruned_weight(digits, optimizer, model):
    before = initial_weights(model, (1, 8, 8), 10, seed=0, stream=(), groups=[0, 1])
    parameters, _ = evaluation.layouts(ModelSettings.load(model), digits)
    prunable = selection.prunable_names(parameters)
    kept = np.stack(
        [
            [selection.mask_by_score(np.abs(w), parameters, n, prunable=prunable).kept for n in (100, 200, 300)]
            for w in before
        ]
    )
    whole, members = study_of(optimizer=optimizer, model=model), training.Members("tiny", 0, [0, 1])
    none = np.zeros((2, 0), np.float32)
    after, _ = training.fine_tune(whole, digits, members, training.MaskedStart(7, kept, before, none))
    assert after.shape == kept.shape
    assert (after[~kept] == 0).all()
    assert (after[kept] != np.repeat(before[:, None], 3, axis=1)[kept]).mean() > 0.5  # the rest belongs to dead units


def test_masked_networks_in_small_batches_are_tuned_to_the_same_weights(digits, monkeypatch):
    before = initial_weights(STUDY["model"], (1, 8, 8), 10, seed=0, stream=(), groups=[0, 1])
    kept = np.random.default_rng(0).random((2, 5, before.shape[1])) < 0.3
    whole, members = study_of(), training.Members("tiny", 0, [0, 1])
    start = training.MaskedStart(7, kept, before, np.zeros((2, 0), np.float32))
    together, _ = training.fine_tune(whole, digits, members, start)
    monkeypatch.setattr(training, "LARGEST_BATCH", 4 * before.shape[1])
    apart, _ = training.fine_tune(whole, digits, members, start)
    np.testing.assert_allclose(apart, together, atol=1e-4)


KILLED = """
import json, os, signal, sys
from koopflow.config.pruning import PrunedTraining
from koopflow.data import images as data
from koopflow.pruning import training
from koopflow.training.checkpoint import Checkpoint

settings, window, folder = json.loads(sys.argv[1])
study = PrunedTraining.load({key: settings[key] for key in PrunedTraining.model_fields})
keep = Checkpoint(folder + "/checkpoints", every_seconds=1e9, every_steps=7)
digits, path = data.load({"source": "digits"}), folder + "/trajectories.h5"
kill = lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done == 50 else None
members = training.Members("tiny", 0, [0, 1])
training.train(study, digits, members, path, window, checkpoint=keep, progress=kill)
"""


class Stopped(Exception):
    """Stands for whatever ends a job between two epochs."""


def test_after_kill_9_a_study_goes_on_and_gives_the_same_bytes(digits, once, tables, tmp_path, monkeypatch):
    whole, path, _ = once
    window = methods.longest_window(whole, methods_of())
    arguments = json.dumps([whole.dump(), window, str(tmp_path)])
    killed = subprocess.run([sys.executable, "-c", KILLED, arguments], cwd=ROOT, env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    keep, seen = Checkpoint(str(tmp_path / "checkpoints"), every_seconds=1e9, every_steps=7), []
    networks = training.train(
        whole,
        digits,
        training.Members("tiny", 0, [0, 1]),
        tmp_path / "trajectories.h5",
        window,
        checkpoint=keep,
        progress=lambda done, total: seen.append(done),
    )
    assert seen[0] == 49  # the last checkpoint, not the beginning
    assert (tmp_path / "trajectories.h5").read_bytes() == path.read_bytes()

    epochs = []
    inner = measurements.tables

    def stopped(job, epoch, *others):
        epochs.append(epoch)
        if epochs == [0.9, 6]:
            raise Stopped
        return inner(job, epoch, *others)

    monkeypatch.setattr(measurements, "tables", stopped)
    with pytest.raises(Stopped):
        run(digits, whole, path, networks, checkpoint=keep)
    found = run(digits, whole, path, networks, checkpoint=keep)
    assert epochs == [0.9, 6, 6]  # the finished epoch is not repeated
    for table in ("accuracy", "overlap", "spectrum", "layers"):
        assert found[table].equals(tables[0][table])
    assert not list((tmp_path / "checkpoints").iterdir())


KILLED_WHILE_TUNING = """
import json, os, signal, sys, warnings
from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.data import images as data
from koopflow.pruning import study, training
from koopflow.pruning.job import Job
from koopflow.training.checkpoint import Checkpoint, Store
from koopflow.trajectory import Trajectory

whole, methods, path, folder = json.loads(sys.argv[1])
save = Store.save


def saved_and_killed(store, state):
    save(store, state)
    if "epochs" not in state:  # the checkpoint of a fine-tuning
        os.kill(os.getpid(), signal.SIGKILL)


Store.save = saved_and_killed
warnings.simplefilter("ignore")
keep = Checkpoint(folder, every_seconds=1e9, every_steps=7)
networks = training.Networks.load(os.path.dirname(folder) + "/networks.npz")
methods = {name: PruningMethod.load(method) for name, method in methods.items()}
with Trajectory(path) as trajectory:
    job = Job("tiny", PruningStudy.load(whole), methods, data.load({"source": "digits"}), trajectory, networks, 0, 1e-3)
    study.run(job, keep)
"""


def test_after_kill_9_a_fine_tuning_goes_on_and_gives_the_same_bytes(digits, once, tables, tmp_path, monkeypatch):
    whole, path, networks = once
    networks.save(tmp_path / "networks.npz")
    arguments = json.dumps([whole.dump(), METHODS, str(path), str(tmp_path / "checkpoints")])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_TUNING, arguments], cwd=ROOT, env=os.environ, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    found, load = [], Store.load
    monkeypatch.setattr(Store, "load", lambda store: found.append(load(store)) or found[-1])
    keep = Checkpoint(str(tmp_path / "checkpoints"), every_seconds=1e9, every_steps=7)
    again = run(digits, whole, path, networks, checkpoint=keep)
    kept = [state for state in found if state is not None]
    assert ["epochs" in state for state in kept] == [
        True,
        False,
    ]  # the finished epoch, then the fine-tuning of the next
    for table in ("accuracy", "overlap", "spectrum", "layers"):
        assert again[table].equals(tables[0][table])


def test_saved_masks_are_those_that_were_evaluated(digits, once, tables):
    frame, folder = tables[0]["accuracy"], tables[1]
    assert len(list(folder.iterdir())) == 2 * len(methods.methods_of(study_of(), methods_of()))
    with Trajectory(once[1]) as trajectory:
        last = trajectory.window(138, 138).read()[:, 0]
    for seed in (0, 1):
        chosen = mask.Mask.load(folder / f"{seed}-koopman_magnitude-epoch-6-compression-4.npz")
        row = frame.query("method == 'koopman_magnitude' and compression == 4 and epoch == 6 and seed == @seed").iloc[0]
        assert row.kept == chosen.kept.sum()
        found = score(STUDY["model"], last[seed] * chosen.kept, digits)[0][0]
        assert row.accuracy == pytest.approx(found, abs=1.5 / len(digits.x_test))


def record(digits, path, model, batch=60, epochs=6, every=1):
    """A user's own loop, recorded as the README shows it: the state after the first update is its
    step 0."""
    torch.manual_seed(3)
    network = build(model, (1, 8, 8), 10)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    x, y = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
    with TrajectoryRecorder(network, path, every=every) as recorder:
        for _ in range(epochs * (len(x) // batch)):
            index = torch.randperm(len(x))[:batch]
            loss = torch.nn.functional.cross_entropy(network(x[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return network


def test_a_trajectory_recorded_elsewhere_is_pruned_as_ones_own(digits, tmp_path):
    network = record(digits, tmp_path / "own.h5", STUDY["model"])
    whole = study_of(trajectory=str(tmp_path / "own.h5"), finetune={"epochs": 0, "at": []})
    checks.check_study("own", whole, methods_of(), digits)
    table = run(digits, whole, tmp_path / "own.h5")["accuracy"]
    dense = table[(table.epoch == 6) & (table.compression == 1)].accuracy
    with torch.no_grad():
        right = (network(torch.from_numpy(digits.x_test)).argmax(1) == torch.from_numpy(digits.y_test)).double().mean()
    assert dense.to_numpy() == pytest.approx(float(right), abs=1e-9)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (
            STUDY["model"],
            {"model": {"name": "mlp", "widths": [20, 20, 20]}},
            r"own\.h5: lacks the parameter layer3\.weight",
        ),
        (
            STUDY["model"],
            {"model": {"name": "mlp", "widths": [20, 30]}},
            r"own\.h5: layer2\.weight has shape \(20, 20\); .*\(30, 20\)",
        ),
        (
            STUDY["model"],
            {"model": {"name": "mlp", "widths": [20]}},
            r"own\.h5: output\.weight has shape|own\.h5: holds",
        ),
        (
            STUDY["model"],
            {"every": 2},
            r"own\.h5: 10 of the 21 states of steps 1 to 21 were captured; every step is needed",
        ),
        (STUDY["model"], {"epochs": 8, "prune_epochs": [8]}, r"0 of the 21 states of steps 164 to 184 were captured"),
        (
            {"name": "resnet8", "width": 2},
            {"model": {"name": "resnet8", "width": 2}},
            r"running statistics \(norm\.running_mean",
        ),
    ],
)
def test_a_trajectory_that_lacks_what_is_pruned_is_refused_before_anything(digits, tmp_path, model, changes, message):
    every = changes.pop("every", 1)
    record(digits, tmp_path / "own.h5", model, epochs=1 if "norm" in message else 6, every=every)
    changes = {"trajectory": str(tmp_path / "own.h5"), **changes}
    with pytest.raises(KoopflowError, match=r"pruning\.studies\.own: .*" + message):
        check("own", digits, **changes)


def test_nan_among_the_weights_of_a_trajectory_is_one_line(digits, tmp_path):
    record(digits, tmp_path / "own.h5", STUDY["model"])
    with Trajectory(tmp_path / "own.h5") as trajectory:
        weights, table = trajectory.read(), [(parameter.name, parameter.shape) for parameter in trajectory.parameters]
    weights[0, 136, 100] = np.nan
    with TrajectoryWriter(tmp_path / "nan.h5", table, 1, study={}, seeds=[], steps=weights.shape[1]) as writer:
        for step in range(weights.shape[1]):
            writer.append(step, weights[:, step])
    whole = study_of(trajectory=str(tmp_path / "nan.h5"))
    with pytest.raises(KoopflowError, match=r"nan\.h5: weight nan in layer1\.weight of replica 0 at step 136"):
        run(digits, whole, tmp_path / "nan.h5")


@pytest.mark.parametrize(
    ("name", "shape"),
    [({"name": "mlp"}, (1, 8, 8)), ({"name": "convnet"}, (1, 8, 8)), ({"name": "mnistnet"}, (1, 28, 28))],
)
@pytest.mark.parametrize("dead", [0.0, 0.6, 1.0])
def test_dropping_dead_channels_changes_no_output(name, shape, dead):
    torch.manual_seed(3)
    network = build(name, shape, 10)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in list(network)[:-1]:
            if hasattr(layer, "weight"):
                layer.weight[torch.rand(len(layer.weight), generator=generator) < dead] = 0
        last = network[-1].weight
        last[:, torch.rand(last.shape[1], generator=generator) < 0.3] = 0
    before = copy.deepcopy(network.state_dict())
    smaller = compact(network)
    x = torch.randn(7, *shape, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(smaller(x), network(x), rtol=1e-4, atol=1e-5)
    if dead:
        assert sum(p.numel() for p in smaller.parameters()) < 0.7 * sum(p.numel() for p in network.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])


@pytest.mark.parametrize(
    "model",
    [
        {"name": "mlp", "widths": [9]},
        {"name": "convnet", "arguments": {"channels": [4]}},
        {"name": "resnet8", "width": 4},
    ],
)
def test_evaluation_agrees_with_plain_forward_passes(digits, model):
    weights = initial_weights(model, (1, 8, 8), 10, seed=1, stream=(), groups=[0, 1, 2])
    weights[1] = weights[0]
    settings = ModelSettings.load(model)
    _, layout = evaluation.layouts(settings, digits)
    buffers = np.random.default_rng(0).uniform(0.5, 1.5, layout.size).astype(np.float32)
    found = evaluation.Evaluator(settings, digits)(list(weights), buffers)
    for row, accuracy in zip(weights, found):
        network = build(model, (1, 8, 8), 10).eval()
        evaluation.put(network, row, buffers)
        for name, value in layout.tensors(buffers).items():
            np.testing.assert_array_equal(dict(network.named_buffers())[name], value)
        with torch.no_grad():
            right = network(torch.from_numpy(digits.x_test)).argmax(1) == torch.from_numpy(digits.y_test)
        assert accuracy == pytest.approx(float(right.double().mean()), abs=1.5 / len(digits.x_test))
    assert len(set(found)) == 2


def test_multiply_adds_of_mnistnet():
    images = data.load({"source": "gaussian_clusters", "like": "x"}, named={"x": {"source": "digits"}})
    network = build("mnistnet", (1, 28, 28), 10)
    parameters = tuple((name, tuple(value.shape)) for name, value in network.named_parameters())
    assert mask.size(parameters) == 431_080
    used = evaluation.positions(network, (1, 28, 28))
    assert (
        evaluation.multiply_adds(mask.Mask.dense(parameters), used)
        == 20 * 25 * 576 + 50 * 500 * 64 + 800 * 500 + 500 * 10
    )
    model = ModelSettings(name="mlp", widths=[7])
    dense = mask.Mask.dense(evaluation.layouts(model, images)[0])
    assert evaluation.Evaluator(model, images).multiply_adds(dense) == 64 * 7 + 7 * 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 500}, r"pruning\.studies\.tiny: window: must be from 2 to 21, .*\(got 500\)"),
        ({"compressions": [0.5]}, "compressions.* 0.5"),
        ({"counted": "all", "compressions": [64]}, r"compression must .*\(got 64\)"),
        ({"methods": ["magnitude"]}, "methods: no method named 'magnitude'"),
        ({"prune_epochs": [9]}, "prune_epochs"),
        ({"prune_epochs": [0.001, 3]}, r"prune_epochs: must be from 0\.0435 .*\(got 0\.001, 3\)"),
        ({"exclude": ["fc9"]}, "'fc9' matches no parameter"),
        ({"model": {"name": "mpl"}}, "mpl"),
        ({"model": {"name": "mlp", "width": 3}}, "mlp.*width"),
        ({"optimizer": {"name": "sdg", "learning_rate": 0.1}}, "sdg"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.1, "schedule": {"name": "cosin"}}}, "cosin"),
        ({"batch_size": 5000}, "batch_size must be at most"),
        ({"trajectory": "nowhere.h5"}, "nowhere.h5: no such file"),
    ],
)
def test_impossible_studies_end_before_training(digits, changes, message):
    with pytest.raises(KoopflowError, match=message):
        check("tiny", digits, **changes)


def test_an_unknown_score_or_option_ends_before_training(digits):
    for method, message in (
        ({"score": "magnitud"}, "no score named 'magnitud'"),
        ({"score": "magnitude", "options": {"p": 1}}, r"options\.p: "),
    ):
        with pytest.raises(KoopflowError, match=message):
            checks.check_study("tiny", study_of(methods=["own"], pairs=[]), methods_of({"own": method}), digits)


def test_diverged_networks_are_left_out_by_name_and_nothing_is_left_of_all(digits, tmp_path, monkeypatch):
    whole, path, networks = trained(digits, tmp_path)
    found = run(digits, whole, path, training.Networks([0, 1], networks.buffers, {0: 5}))
    exclusions = found.pop("exclusions")
    assert exclusions.to_dict("list") == {"study": ["tiny"], "seed": [0], "diverged_at": [5]}
    assert all((table.seed == 1).all() for table in found.values())
    nothing = run(digits, whole, path, training.Networks([0, 1], networks.buffers, {0: 5, 1: 6}))
    assert len(nothing.pop("exclusions")) == 2
    assert all(table.empty for table in nothing.values()), "the other jobs of the study go on without this one"
    networks.save(tmp_path / "n.npz")
    assert training.Networks.load(tmp_path / "n.npz").seeds == [0, 1]
    _, _, networks = trained(digits, tmp_path, optimizer={"name": "sgd", "learning_rate": 1e30})
    assert sorted(networks.diverged) == [0, 1]


def test_networks_in_a_job_of_their_own_have_the_tables_of_one_whole_job(digits, once, tables, tmp_path):
    """Within the tolerance of docs/methods.md: other jobs and other numbers of threads take sums in
    another order."""
    whole, path, networks = trained(digits, tmp_path, (1,))
    with Trajectory(once[1]) as together, Trajectory(path) as alone:
        expected = together.read(replicas=[1])
        assert np.abs(alone.read() - expected).max() <= 1e-5 * np.abs(expected).max()
    found = run(digits, whole, path, networks)
    image = 1.001 / len(digits.y_test)
    for name, columns_of_digits in (
        ("accuracy", ["accuracy", "accuracy_finetuned"]),
        ("overlap", ["jaccard"]),
        ("spectrum", ["real", "imag"]),
    ):
        ours, theirs = found[name], tables[0][name].query("seed == 1").reset_index(drop=True)
        assert len(ours) == len(theirs)
        for column in columns_of_digits:
            assert np.nanmax(np.abs(ours[column] - theirs[column])) <= (image if name == "accuracy" else 1e-3), (
                name,
                column,
            )


def test_an_emptied_layer_is_warned_of_by_name(digits, once):
    whole, path, networks = once
    whole = study_of(compressions=[1000], finetune={"epochs": 0, "at": []})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Trajectory(path) as trajectory:
            study.run(Job("tiny", whole, methods_of(), digits, trajectory, networks, 0))
    said = [str(warning.message) for warning in caught]
    assert (
        "study tiny, koopman_magnitude, epoch 0.9, compression 1000: nothing is left of "
        "layer1.weight, layer1.bias, layer2.bias" in said
    )
