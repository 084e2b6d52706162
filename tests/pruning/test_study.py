"""A study end to end on digits, its training and its masks under every optimizer, and networks without their dead channels."""

import copy
import warnings

import numpy as np
import pytest
import torch

from koopflow import data, seeds
from koopflow.errors import Diverged, KoopflowError
from koopflow.pruning import columns, evaluation, mask, networks, study, training

METHODS = {
    "koopman_magnitude": {"score": "koopman_magnitude"},
    "koopman_gradient": {"score": "koopman_gradient"},
    "global_magnitude": {"score": "magnitude"},
    "layer_gradient": {"score": "gradient", "scope": "layer"},
    "random": {"score": "random"},
}
STUDY = {
    "data": "digits",
    "model": {"name": "mlp", "widths": [20, 20]},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 60,
    "epochs": 3,
    "prune_epochs": [1, 3],
    "window": 20,
    "rank": 5,
    "compressions": [1, 4, 64],
    "exclude": ["classifier"],
    "counted": "prunable",
    "methods": list(METHODS),
    "pairs": [["koopman_magnitude", "global_magnitude"], ["random", "global_magnitude"]],
    "gradient_images": 0,
    "finetune": {"epochs": 1, "at": [3]},
}


@pytest.fixture(scope="module")
def digits():
    return data.load({"source": "digits"})


def run(digits, **changes):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="study .*nothing is left of")
        return study.run("tiny", STUDY | changes, METHODS, digits, 0, 0)


def test_tables_are_whole_and_the_same_each_time(digits):
    first, again = run(digits), run(digits)
    accuracy = first["accuracy"]
    assert list(accuracy.columns[:3]) == ["study", "epoch", "seed"]
    assert set(columns.ACCURACY) <= set(accuracy)
    assert len(accuracy) == 5 * 3 * 2
    assert accuracy.accuracy_finetuned.isna().equals(accuracy.epoch == 1)
    for table in ("accuracy", "overlap", "spectrum", "layers"):
        assert set(columns.TABLES[table]) <= set(first[table])
        assert first[table].equals(again[table])
    dense = accuracy[accuracy.compression == 1].groupby("epoch").accuracy.nunique()
    assert (dense == 1).all()
    best = accuracy[(accuracy.epoch == 3) & (accuracy.compression == 4)].set_index("method").accuracy
    assert best["global_magnitude"] > best["random"]


def test_two_random_and_two_like_methods_overlap_as_they_should(digits):
    table = run(digits)["overlap"]
    table = table[(table.compression == 4) & (table.epoch == 3)].set_index("method_a")
    assert table.beyond_chance["koopman_magnitude"] > 0.8
    assert abs(table.beyond_chance["random"]) < 0.15
    assert abs(table.jaccard["random"] - table.expected_jaccard["random"]) < 0.05


def test_a_method_or_study_beside_changes_no_number(digits):
    alone = run(digits, methods=["random"], pairs=[])["accuracy"]
    together = run(digits)["accuracy"]
    together = together[together.method == "random"].reset_index(drop=True)
    assert alone.equals(together)


def test_recorded_states_are_the_weights_after_every_step(digits, tmp_path):
    settings = STUDY | {"epochs": 2, "prune_epochs": [2]}
    per_epoch = len(digits.x_train) // 60
    snapshot = None
    network = networks.build(STUDY["model"], (1, 8, 8), 10, 1)
    plain = copy.deepcopy(network)
    for snapshot in training.train(network, digits, settings, seeds.rng(0, "x"), [2], 20, tmp_path):
        np.testing.assert_array_equal(snapshot.states[-1], snapshot.weights)
    generator, states = seeds.rng(0, "x"), [training.flat(plain)]
    x, y = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)
    for _ in range(2):
        order = generator.permutation(len(x))
        for i in range(per_epoch):
            index = order[60 * i : 60 * i + 60]
            loss = torch.nn.functional.cross_entropy(plain(x[index]), y[index])
            gradients = torch.autograd.grad(loss, list(plain.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(plain.parameters(), gradients):
                    parameter -= 0.1 * gradient
            states.append(training.flat(plain))
    np.testing.assert_allclose(snapshot.states, states[-21:], atol=1e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
        {"name": "adam", "learning_rate": 0.01},
        {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
    ],
)
def test_no_optimizer_revives_a_pruned_weight(digits, optimizer):
    network = networks.build(STUDY["model"], (1, 8, 8), 10, 1)
    parameters = training.layout(network)
    before = training.flat(network)
    chosen = mask.select(np.abs(before), parameters, 300, prunable=mask.prunable_names(parameters))
    training.fine_tune(network, chosen, digits, STUDY | {"optimizer": optimizer}, 2, 0, "x")
    after = training.flat(network)
    assert (after[~chosen.kept] == 0).all()
    assert (after[chosen.kept] != before[chosen.kept]).mean() > 0.9


@pytest.mark.parametrize(("name", "shape"), [("mlp", (1, 8, 8)), ("conv", (1, 8, 8)), ("mnistnet", (1, 28, 28))])
@pytest.mark.parametrize("dead", [0.0, 0.6, 1.0])
def test_dropping_dead_channels_changes_no_output(name, shape, dead):
    network = networks.build({"name": name}, shape, 10, 3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in list(network)[:-1]:
            if hasattr(layer, "weight"):
                layer.weight[torch.rand(len(layer.weight), generator=generator) < dead] = 0
        last = network[-1].weight
        last[:, torch.rand(last.shape[1], generator=generator) < 0.3] = 0
    smaller = evaluation.compact(network)
    x = torch.randn(7, *shape, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(smaller(x), network(x), rtol=1e-4, atol=1e-5)
    if dead:
        assert sum(p.numel() for p in smaller.parameters()) < 0.7 * sum(p.numel() for p in network.parameters())


def test_multiply_adds_of_mnistnet():
    network = networks.build({"name": "mnistnet"}, (1, 28, 28), 10, 0)
    parameters = training.layout(network)
    assert mask.size(parameters) == 431_080
    used = evaluation.positions(network, (1, 28, 28))
    assert evaluation.multiply_adds(mask.Mask.dense(parameters), used) == 20 * 25 * 576 + 50 * 500 * 64 + 800 * 500 + 500 * 10


def test_resnet_20_has_its_parameters():
    network = networks.build({"name": "resnet"}, (3, 32, 32), 10, 0)
    assert mask.size(training.layout(network)) == 269_722
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 500}, r"pruning\.studies\.tiny: window: 500 steps found, longer than training"),
        ({"compressions": [0.5]}, "compression: found 0.5"),
        ({"counted": "all", "compressions": [64]}, "compression: 64 found"),
        ({"methods": ["magnitude"]}, "methods: 'magnitude' is unknown"),
        ({"prune_epochs": [9]}, "prune_epochs"),
        ({"exclude": ["fc9"]}, "'fc9' matches no parameter"),
        ({"model": {"name": "mpl"}}, "model: 'mpl' is unknown"),
        ({"model": {"name": "mlp", "width": 3}}, "model mlp"),
        ({"optimizer": {"name": "sdg", "learning_rate": 0.1}}, "'sdg' is unknown"),
    ],
)
def test_impossible_studies_end_before_training(digits, changes, message):
    with pytest.raises(KoopflowError, match=message):
        run(digits, **changes)


def test_a_diverged_training_says_so(digits):
    with pytest.raises(Diverged, match="diverged in epoch 1"):
        run(digits, optimizer={"name": "sgd", "learning_rate": 1e30})


def test_an_emptied_layer_is_warned_of_by_name(digits):
    with pytest.warns(UserWarning, match=r"nothing is left of 1\.weight"):
        study.run(
            "tiny",
            STUDY | {"compressions": [5000], "epochs": 1, "prune_epochs": [1], "finetune": {"epochs": 0, "at": []}},
            METHODS,
            digits,
            0,
            0,
        )


def test_training_a_network_leaves_the_array_its_weights_came_from_alone(digits):
    network = networks.build(STUDY["model"], (1, 8, 8), 10, 1)
    weights = training.flat(network)
    before = weights.copy()
    training.put(network, weights)
    training.fine_tune(network, mask.Mask.dense(training.layout(network)), digits, STUDY, 1, 0, "x")
    np.testing.assert_array_equal(weights, before)
