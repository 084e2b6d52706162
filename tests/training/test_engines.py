"""Every engine agrees with autograd on one network alone, and batched optimizers and schedules
agree with PyTorch's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from koopflow.core.errors import KoopflowError
from koopflow.training import optimizers
from koopflow.training.models.build import build
from koopflow.training.replicas import Replicas, initial_weights

NETWORKS = [
    ({"name": "mlp", "widths": [7], "bias": False}, (1, 8, 8), ("matrix", "vmap", "sequential")),
    ({"name": "mlp", "widths": [9, 6], "activation": "tanh"}, (1, 8, 8), ("matrix", "vmap", "sequential")),
    ({"name": "mlp", "widths": [9, 6], "activation": "gelu"}, (1, 8, 8), ("matrix", "vmap", "sequential")),
    ({"name": "mlp", "widths": [4], "activation": "linear"}, (1, 8, 8), ("matrix",)),
    ({"name": "mlp", "widths": []}, (1, 8, 8), ("matrix",)),
    ({"name": "convnet", "channels": [3, 4], "hidden": [5]}, (1, 8, 8), ("vmap", "sequential")),
    ({"name": "resnet8", "width": 4}, (3, 8, 8), ("sequential",)),
]


@pytest.mark.parametrize(
    ("spec", "shape", "method"), [(s, shape, m) for s, shape, methods in NETWORKS for m in methods]
)
def test_gradients_and_outputs_agree_with_autograd(spec, shape, method):
    groups, copies = 2, 3
    weights = initial_weights(
        spec, shape, 10, seed=1, stream=("test",), groups=range(groups), copies=copies, perturbation=0.1
    )
    replicas = Replicas(spec, shape, 10, groups, copies, method=method)
    replicas.weights.load(weights)
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(groups, 6, *shape, generator=generator), torch.randint(0, 10, (groups, 6), generator=generator)
    losses = replicas.engine.gradient(x, y, 0)
    logits, gradients = replicas.engine.logits(x[0]), replicas.gradients.rows()
    for index in range(groups * copies):
        network = build(spec, shape, 10)
        torch.nn.utils.vector_to_parameters(torch.from_numpy(weights[index]), network.parameters())
        loss = F.cross_entropy(network(x[index // copies]), y[index // copies])
        loss.backward()
        expected = torch.cat([parameter.grad.reshape(-1) for parameter in network.parameters()])
        np.testing.assert_allclose(gradients[index], expected, atol=2e-6)
        assert float(losses[index]) == pytest.approx(loss.item(), abs=1e-6)
        if not replicas.buffer_layout.names:
            np.testing.assert_allclose(logits[index], network(x[0]).detach(), atol=2e-6)


@pytest.mark.parametrize(
    ("spec", "peer"),
    [
        ({"name": "sgd"}, lambda p: torch.optim.SGD(p, lr=0.1)),
        (
            {"name": "sgd", "momentum": 0.9, "weight_decay": 0.01},
            lambda p: torch.optim.SGD(p, 0.1, 0.9, weight_decay=0.01),
        ),
        (
            {"name": "sgd", "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
            lambda p: torch.optim.SGD(p, 0.1, 0.8, weight_decay=0.1, nesterov=True),
        ),
        ({"name": "sgd", "weight_decay": 0.1}, lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.1)),
        ({"name": "adam", "weight_decay": 0.01}, lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.01)),
        ({"name": "adamw", "weight_decay": 0.05}, lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.05)),
    ],
)
def test_batched_updates_agree_with_one_replica_alone(spec, peer):
    flat = torch.linspace(-1, 1, 12)
    alone = torch.nn.Parameter(flat[4:8].clone())
    ours, theirs = optimizers.build({"learning_rate": 0.1, **spec}, flat), peer([alone])
    for step in range(20):
        flat.grad = torch.sin(flat * 3 + step)
        alone.grad = torch.sin(alone.detach() * 3 + step)
        ours.step()
        theirs.step()
    np.testing.assert_allclose(flat[4:8], alone.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "peer"),
    [
        (
            {"name": "step", "milestones": [3, 7], "factor": 0.5},
            lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [3, 7], 0.5),
        ),
        ({"name": "cosine"}, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10)),
        ({"name": "constant", "warmup": 4}, lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.25, 1.0, 3)),
    ],
)
def test_schedules_agree_with_pytorch(spec, peer):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    scheduler, rate = peer(optimizer), optimizers.schedule({"name": "sgd", "learning_rate": 0.2, "schedule": spec}, 10)
    for step in range(10):
        assert rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        scheduler.step()


def test_networks_have_their_published_sizes():
    count = lambda spec, shape: sum(p.numel() for p in build(spec, shape, 10).parameters())  # noqa: E731
    assert count("mnistnet", (1, 28, 28)) == 431080
    assert count("lenet", (1, 28, 28)) == 266610
    assert count("lenet5", (1, 28, 28)) == 61706
    assert count("resnet20", (3, 32, 32)) == 269722
    assert [round(count(f"resnet{depth}", (3, 32, 32)) / 1e6, 2) for depth in (32, 44, 56)] == [0.46, 0.66, 0.85]
    assert count("resnet18", (3, 32, 32)) == 11181642  # torchvision's, with ten classes


def test_options_of_a_network_may_stand_under_arguments():
    direct = build({"name": "convnet", "channels": [3], "hidden": []}, (1, 8, 8), 10)
    under = build({"name": "convnet", "arguments": {"channels": [3], "hidden": []}}, (1, 8, 8), 10)
    assert str(under) == str(direct)
    ours = build(
        {"name": "koopflow.training.models.convolutional:convnet", "arguments": {"channels": [3], "hidden": []}},
        (1, 8, 8),
        10,
    )
    assert str(ours) == str(direct)


def test_copies_differ_from_their_base_by_a_thousandth_and_groups_entirely():
    make = {"input_shape": (1, 8, 8), "classes": 10, "seed": 0, "stream": ("x",)}
    rows = initial_weights({"name": "mlp", "widths": [5]}, groups=["a", "b"], copies=3, **make)
    ratio = rows[1] / rows[0]
    assert 5e-4 < np.abs(ratio - 1).max() <= 1.001e-3
    assert np.abs(rows[3] / rows[0] - 1).max() > 0.1
    alone = initial_weights({"name": "mlp", "widths": [5]}, groups=["b"], copies=3, **make)
    assert np.array_equal(rows[3:], alone)


def test_kaiming_normal_weights_have_their_scale_and_an_unknown_initialization_is_named():
    network = build({"name": "mlp", "widths": [300, 100], "initialization": "kaiming_normal"}, (1, 28, 28), 10)
    for name, inputs in (("layer1", 784), ("layer2", 300)):
        assert float(network.get_submodule(name).weight.detach().std()) == pytest.approx(np.sqrt(2 / inputs), rel=0.02)
    with pytest.raises(KoopflowError, match="initialization"):
        build({"name": "mlp", "initialization": "zeros"}, (1, 8, 8), 10)
