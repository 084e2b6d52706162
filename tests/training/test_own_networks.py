"""Networks of one's own: whatever an ordinary training loop trains is trained here too, or refused
in one line before training."""

import sys
import textwrap
from math import prod

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.training.batches import Batches
from koopflow.training.check import describe
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.evaluation import gradients
from koopflow.training.models.build import build, last_layer
from koopflow.training.replicas import Replicas, initial_weights

NETWORKS = """
import torch, torch.nn.functional as F
from torch import nn
from koopflow.training.models.build import build

class Flat(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.a, self.b = nn.Linear(64, 12), nn.Linear(12, 10)
    def forward(self, x):
        return self.b(F.relu(self.a(x.flatten(1))))

class FunctionalDropout(Flat):
    def forward(self, x):
        return self.b(F.dropout(F.relu(self.a(x.flatten(1))), 0.3, training=self.training))

class Noise(Flat):
    def forward(self, x):
        x = x.flatten(1)
        return self.b(F.relu(self.a(x + 0.1 * torch.randn_like(x) if self.training else x)))

class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.r, self.h = kind(8, 9, batch_first=True), nn.Linear(9, 10)
    def forward(self, x):
        return self.h(self.r(x[:, 0])[0][:, -1])

class HeadFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(12, 10), nn.Linear(64, 12)
    def forward(self, x):
        return self.head(F.relu(self.body(x.flatten(1))))

class Auxiliary(Flat):
    def forward(self, x):
        return (super().forward(x), 1) if self.training else super().forward(x)

class Fourier(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.h = nn.Parameter(torch.randn(33, dtype=torch.cfloat)), nn.Linear(64, 10)
    def forward(self, x):
        return self.h(torch.fft.irfft(torch.fft.rfft(x.flatten(1)) * self.w, n=64))

class Centred(Flat):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(64))
    def forward(self, x):
        x = x.flatten(1)
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(x.mean(0), 0.1)
        return super().forward(x - self.mean)

def plain(): return Flat()
def functional_dropout(): return FunctionalDropout()
def noise(): return Noise()
def lstm(): return Recurrent(nn.LSTM)
def gru(): return Recurrent(nn.GRU)
def head_first(): return HeadFirst()
def auxiliary(): return Auxiliary()
def fourier(): return Fourier()
def centred(): return Centred()
def detached():
    net = Flat(); net.forward = lambda x: Flat.forward(net, x).detach(); return net
def spectral():
    net = Flat(); nn.utils.parametrizations.spectral_norm(net.a); return net
def weight_norm():
    net = Flat(); nn.utils.parametrizations.weight_norm(net.a); return net
def frozen():
    net = Flat(); net.a.requires_grad_(False); return net
def frozen_chain(input_shape, classes):
    net = build({"name": "mlp", "widths": [12]}, input_shape, classes)
    net.layer1.requires_grad_(False)
    return net
def all_frozen(): return Flat().requires_grad_(False)
def lazy(): return nn.Sequential(nn.Flatten(), nn.LazyLinear(12), nn.ReLU(), nn.LazyLinear(10))
def tied():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 12), nn.Linear(12, 12),
        nn.Linear(12, 10))
    net[4].weight = net[3].weight
    return net
def normalized():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 10))
class Double(Flat):
    def forward(self, x): return self.b(torch.tanh(self.a(x.double().flatten(1))))
def double(): return Double().double()
def empty(): return nn.Sequential(nn.Flatten(), nn.Identity())
"""
TRAINED = [
    "plain",
    "functional_dropout",
    "noise",
    "lstm",
    "gru",
    "head_first",
    "centred",
    "spectral",
    "weight_norm",
    "frozen",
    "lazy",
]
TRAINED += ["tied", "normalized"]
PLAIN, DECAY = {"name": "sgd", "learning_rate": 0.1}, {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.5}


@pytest.fixture(scope="module", autouse=True)
def networks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    (folder / "ownnets.py").write_text(textwrap.dedent(NETWORKS))
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("ownnets", None)


@pytest.fixture(scope="module")
def digits():
    return load({"source": "digits", "train_size": 200})


@pytest.mark.parametrize("name", TRAINED)
def test_it_learns_as_in_a_plain_loop(digits, name):
    model = f"ownnets:{name}"
    result = train(Recipe.of(model, PLAIN, 50, 30), digits, Ensemble(["a", "b"], 0), device="cpu")
    assert np.isfinite(result.weights).all()
    network = build(model, digits.shape, 10)
    start = initial_weights(model, digits.shape, 10, seed=0, stream=(), groups=["a"])
    torch.nn.utils.vector_to_parameters(torch.from_numpy(start[0].copy()), network.parameters())
    replicas = Replicas(model, digits.shape, 10, 1)
    for name_, buffer in network.named_buffers():  # spectral norm starts from a random vector: that of the trainer
        if buffer.is_floating_point():
            buffer.copy_(replicas.buffers.views[name_][0])
    optimizer, batches = (
        torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1),
        Batches(digits, 50, ["a"], 0, [], torch.device("cpu")),
    )
    if name in ("functional_dropout", "noise"):
        assert result.loss[:, -5:].mean() < result.loss[:, :5].mean()
        return
    for step in range(30):
        x, y = batches.at(step)
        optimizer.zero_grad()
        F.cross_entropy(network(x[0]), y[0]).backward()
        optimizer.step()
    final = torch.nn.utils.parameters_to_vector(network.parameters()).detach().numpy()
    np.testing.assert_allclose(result.weights[0], final, atol=1e-4)


@pytest.mark.parametrize("name", ["functional_dropout", "noise", "spectral", "centred"])
def test_random_layers_give_the_same_bits_and_depend_on_the_replica_alone(digits, name):
    recipe = Recipe.of(f"ownnets:{name}", PLAIN, 50, 10)
    both, again = (train(recipe, digits, Ensemble(["a", "b"], 0), device="cpu") for _ in range(2))
    alone = train(recipe, digits, Ensemble(["b"], 0), device="cpu")
    np.testing.assert_array_equal(both.weights, again.weights)
    np.testing.assert_array_equal(both.weights[1], alone.weights[0])
    np.testing.assert_array_equal(both.buffers[1], alone.buffers[0])


@pytest.mark.parametrize("optimizer", [PLAIN, DECAY])
@pytest.mark.parametrize("method", ["matrix", "vmap", "sequential"])
def test_frozen_parameters_stay(digits, optimizer, method):
    model = "ownnets:frozen_chain"
    ensemble = Ensemble([0], 0, copies=3)
    result = train(Recipe.of(model, optimizer, 50, 10), digits, ensemble, device="cpu", method=method)
    start = initial_weights(model, digits.shape, 10, seed=0, stream=(), groups=[0], copies=3)
    place = slice(0, 64 * 12 + 12)
    np.testing.assert_array_equal(result.weights[:, place], start[:, place])
    np.testing.assert_array_equal(start[0, place], start[2, place])
    assert (result.weights[:, 64 * 12 + 12 :] != start[:, 64 * 12 + 12 :]).mean() > 0.9
    found = gradients(model, result.weights, digits, method=method, device="cpu")
    np.testing.assert_allclose(found, gradients(model, result.weights, digits, method="vmap", device="cpu"), atol=1e-5)
    assert found[:, place].any()


def test_the_last_layer_is_the_last_one_called(digits):
    assert last_layer(build("ownnets:head_first", digits.shape, 10), digits.shape) == ("head.weight", "head.bias")
    assert last_layer(build("mlp", digits.shape, 10), digits.shape) == ("output.weight", "output.bias")
    assert last_layer(build("ownnets:tied", digits.shape, 10), digits.shape) == ("5.weight", "5.bias")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auxiliary", r"must return one tensor in training \(got tuple\)"),
        ("fourier", r"the parameter w must hold real numbers \(got complex64\)"),
        ("all_frozen", "all parameters are frozen"),
        ("detached", "in training: element 0 of tensors does not require grad"),
        ("empty", "one output per class"),
    ],
)
def test_what_cannot_be_trained_is_one_line_before_training(digits, name, words):
    for attempt in (
        lambda: initial_weights(f"ownnets:{name}", digits.shape, 10, seed=0, stream=(), groups=[0]),
        lambda: Replicas(f"ownnets:{name}", digits.shape, 10, 1),
    ):
        with pytest.raises(KoopflowError, match=words) as caught:
            attempt()
        assert f"model ownnets:{name}" in str(caught.value)


def test_the_check_takes_one_step_with_the_engine_that_will_train(digits):
    assert describe(Recipe.of("ownnets:lstm", PLAIN, 50, 1), digits)["classes"] == 10
    assert build("ownnets:double", digits.shape, 10)(torch.zeros(2, *digits.shape)).dtype == torch.float64
    with pytest.raises(KoopflowError, match=r"model ownnets:double cannot be trained in float32.*same dtype") as caught:
        describe(Recipe.of("ownnets:double", PLAIN, 50, 1), digits)
    assert "\n" not in str(caught.value)


def test_building_a_network_leaves_its_buffers_as_they_are(digits):
    network = build("ownnets:normalized", digits.shape, 10)
    assert float(network[2].running_mean.abs().max()) == 0
    assert int(network[2].num_batches_tracked) == 0
    assert all(parameter.grad is None for parameter in network.parameters())


def _named_as_one_likes(shape, n_out):
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), n_out))


def _options_first(width, shape, classes=None):
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), width), nn.Linear(width, classes))


def _by_place(shape, classes, /, width=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), width), nn.Linear(width, classes))


def _channels(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(16, classes))


@pytest.mark.parametrize(
    ("factory", "options"),
    [(_named_as_one_likes, {}), (_options_first, {"width": 5}), (_by_place, {"width": 3}), (_channels, {})],
)
def test_a_factory_may_name_its_arguments_as_it_likes(factory, options):
    network = build({"name": f"{__name__}:{factory.__name__}", "arguments": options}, (1, 4, 4), 3)
    assert network(torch.zeros(2, 1, 4, 4)).shape == (2, 3)
