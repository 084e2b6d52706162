"""Initial weights from a checkpoint: every network begins there, and what does not fit is one line."""

import numpy as np
import pytest
import torch

from koopflow.core.errors import KoopflowError
from koopflow.data.images.loading import load
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.evaluation import score
from koopflow.training.hooks import Keep
from koopflow.training.models.build import build

SHAPE, MLP = (1, 8, 8), {"name": "mlp", "widths": [6]}


def saved(path, network):
    """Save a network's state, with a prefix as torch's wrappers leave it."""
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in network.state_dict().items()}}, path)
    return str(path)


def test_every_seed_begins_at_the_given_weights_and_copies_around_them(tmp_path):
    torch.manual_seed(7)
    source = build(MLP, SHAPE, 10)
    path = saved(tmp_path / "mine.pt", source)
    recipe = Recipe.of({**MLP, "initial_weights": path}, {"name": "sgd", "learning_rate": 0.1}, 20, 3)
    trained = train(recipe, load("digits"), Ensemble([0, 1], 0, ("x",), copies=2), hooks=[Keep([0])])
    wanted = torch.cat([value.reshape(-1) for value in source.parameters()]).detach().numpy()
    first = trained.kept[0][0]
    np.testing.assert_array_equal(first[[0, 2]], np.stack([wanted, wanted]))
    assert 0 < np.abs(first[1] - wanted).max() <= 0.0011 * np.abs(wanted).max()
    assert not np.array_equal(trained.weights[0], trained.weights[2]), "batches differ between seeds"


def test_running_statistics_come_along_and_other_names_are_matched_by_order(tmp_path):
    spec = {"name": "resnet8", "width": 2}
    network = build(spec, (1, 8, 8), 10)
    network.norm.running_mean.fill_(0.25)
    renamed = {f"layer{place}": value for place, value in enumerate(network.state_dict().values())}
    torch.save(renamed, tmp_path / "theirs.pt")
    loaded = build({**spec, "initial_weights": str(tmp_path / "theirs.pt")}, (1, 8, 8), 10)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value)


def test_tensors_of_other_shapes_and_missing_ones_are_named_with_both(tmp_path):
    path = saved(tmp_path / "wide.pt", build({**MLP, "widths": [7]}, SHAPE, 10))
    with pytest.raises(
        KoopflowError, match=r"^model.initial_weights: \S+ has shape 7×64 in \S+wide.pt and 6×64 in the network; name "
    ):
        build({**MLP, "initial_weights": path}, SHAPE, 10)
    state = build(MLP, SHAPE, 10).state_dict()
    state.pop(next(reversed(state)))
    torch.save(state, tmp_path / "less.pt")
    with pytest.raises(KoopflowError, match=r"less.pt lacks \S+; it holds .*, and the network has .*; name ") as error:
        build({**MLP, "initial_weights": str(tmp_path / "less.pt")}, SHAPE, 10)
    assert "\n" not in str(error.value)
    endless = {name: value * torch.inf for name, value in build(MLP, SHAPE, 10).state_dict().items()}
    torch.save(endless, tmp_path / "endless.pt")
    with pytest.raises(KoopflowError, match=r"layer1.weight in \S+endless.pt must be finite"):
        build({**MLP, "initial_weights": str(tmp_path / "endless.pt")}, SHAPE, 10)
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    with pytest.raises(KoopflowError, match=r"none.pt lacks .*; it holds no tensors, and"):
        build({**MLP, "initial_weights": str(tmp_path / "none.pt")}, SHAPE, 10)
    with pytest.raises(KoopflowError, match=r"^model.initial_weights: \S+nowhere.pt does not exist$"):
        build({**MLP, "initial_weights": str(tmp_path / "nowhere.pt")}, SHAPE, 10)


def test_a_classifier_of_other_classes_keeps_its_own_initialization(tmp_path):
    source = build(MLP, SHAPE, 100)
    path = saved(tmp_path / "hundred.pt", source)
    last = "output.weight"
    network = build({**MLP, "initial_weights": path, "initial_except": ["output.*"]}, SHAPE, 10)
    first = next(iter(source.state_dict()))
    torch.testing.assert_close(network.state_dict()[first], source.state_dict()[first])
    assert network.state_dict()[last].shape[0] == 10


def test_a_file_that_holds_code_is_not_executed(tmp_path):
    torch.save(build(MLP, SHAPE, 10), tmp_path / "module.pt")
    with pytest.raises(KoopflowError, match="without executing code"):
        build({**MLP, "initial_weights": str(tmp_path / "module.pt")}, SHAPE, 10)


def test_the_published_networks_are_as_accurate_as_their_authors_say(shared_data):
    """ShrinkBench's files: MnistNet about 0.99 on MNIST; ResNet-20 0.917 on CIFAR-10 (best_prec1 91.78)."""
    from koopflow.training.replicas import initial_weights

    sets = {
        "mnistnet": ("mnistnet.pt", load({"source": "mnist", "test_size": 1000}, data_root=str(shared_data)), 0.985),
        "resnet20": (
            "resnet20.th",
            load({"source": "npz", "path": str(shared_data / "images/cifar10_20k.npz"), "test_size": 500}),
            0.89,
        ),
    }
    for name, (file, images, least) in sets.items():
        model = {"name": name, "initial_weights": str(shared_data / "pretrained" / file)}
        weights = initial_weights(model, images.shape, 10, seed=0, stream=(), groups=[0])
        accuracy, _ = score(model, weights, images, method="sequential", device="cpu")
        assert accuracy[0] > least, name
