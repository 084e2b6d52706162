"""After pruning: real sizes, smaller networks with the same outputs, files with masks."""

import copy

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.pruning.mask import Mask
from koopflow.pruning.shrink import shrunk
from koopflow.pruning.sizes import sizes
from koopflow.trajectory.adapters.rounds import read_rounds


class Net(nn.Module):
    """Convolutions with normalization, pooling and a padded layer, called by functions and methods."""

    def __init__(self):
        super().__init__()
        self.a, self.norm = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6)
        self.b, self.pool = nn.Conv2d(6, 5, 3, padding=1), nn.MaxPool2d(2)
        self.c, self.head = nn.Linear(5 * 9, 7), nn.Linear(7, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.a(x)))
        x = self.pool(self.b(x).relu()).flatten(1)
        return self.head(torch.tanh(self.c(x)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    model = Net()
    with torch.no_grad():
        model.norm.running_mean.uniform_(-1, 1)
        model.norm.bias.uniform_(-1, 1)
    return model.eval()


def emptied(model, **rows) -> Mask:
    """Return a mask that empties outputs of layers by name."""
    parameters = tuple((name, tuple(value.shape)) for name, value in model.named_parameters())
    parts = []
    for name, shape in parameters:
        kept = np.ones(shape, dtype=bool)
        layer, _, leaf = name.rpartition(".")
        if leaf == "weight" and layer in rows:
            kept[rows[layer]] = False
        parts.append(kept.ravel())
    return Mask(parameters, np.concatenate(parts), tuple(name for name, _ in parameters if name.endswith("weight")))


def test_a_network_without_its_dead_channels_has_the_same_outputs(net):
    mask = emptied(net, a=[1, 4], b=[0, 2, 3], c=[5])
    x = torch.randn(4, 1, 8, 8)
    wanted = mask.apply(copy.deepcopy(net), permanent=True)(x)
    small = mask.shrink(net)
    assert torch.allclose(small(x), wanted, atol=1e-5)
    assert [small.b.out_channels, small.c.in_features, small.c.out_features] == [2, 18, 6]
    assert sum(p.numel() for p in small.parameters()) < 0.5 * sum(p.numel() for p in net.parameters())
    assert net.b.weight.shape == (5, 6, 3, 3)


def test_a_constant_before_a_padded_convolution_stays(net):
    with torch.no_grad():
        net.norm.bias[1], net.norm.bias[4] = 3.0, -9.0
    small = emptied(net, a=[1, 4]).shrink(net)
    assert small.a.out_channels == 5  # the channel of 3 differs at the border; that of -9 is 0 after ReLU


def test_channels_that_a_shortcut_reads_stay_and_those_inside_a_block_go():
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=3).eval()
    mask = emptied(model, **{"layer1.0.conv1": range(20), "layer1.0.conv2": range(10)})
    x = torch.randn(1, 3, 32, 32)
    small = mask.shrink(model)
    assert torch.allclose(small(x), mask.apply(model)(x), atol=1e-4)
    assert small.layer1[0].conv2.out_channels == 64


def test_units_of_a_layer_that_is_called_twice_stay():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.b(self.a(self.a(x)))

    model = Twice()
    assert emptied(model, a=[0]).shrink(model).a.out_features == 4


def test_a_network_that_cannot_be_traced_is_refused():
    class Dependent(nn.Linear):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else x

    with pytest.raises(KoopflowError, match=r"shrink: the forward pass cannot be traced by torch\.fx"):
        shrunk(Dependent(2, 2))


def test_sizes_count_parameters_multiply_adds_and_bytes(net):
    x = torch.zeros(1, 1, 8, 8)
    dense = sizes(net, x)
    assert dense.parameters == sum(p.numel() for p in net.parameters())
    assert dense.multiply_adds == 54 * 36 + 270 * 36 + 45 * 7 + 21
    assert dense.bytes == 4 * dense.parameters
    mask = emptied(net, b=[0, 1, 2, 3])
    found = mask.sizes(net, x)
    assert found.nonzero_multiply_adds == 54 * 36 + 54 * 36 + 45 * 7 + 21
    assert found.sparse_bytes == dense.bytes - 270 * 4 + 54 * 8
    assert mask.sizes(net.half(), x.half()).bytes == dense.bytes // 2


def test_tied_weights_are_counted_once():
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    assert sizes(model, torch.zeros(1, 4)).parameters == 16


def test_a_state_dict_with_masks_is_read_as_a_round_of_pruning(net, tmp_path):
    names = []
    for compression in (2, 4):
        mask = kf.prune(net, "magnitude", compression)
        state = mask.state_dict(net)
        assert state["b.weight_mask"].dtype == torch.bool
        save_file(state, tmp_path / f"round-{compression}.safetensors")
        names.append(mask)
    for (_, layers), mask in zip(read_rounds(tmp_path), names):
        assert set(layers) == set(mask.prunable)
        for name, (weights, kept) in layers.items():
            assert np.array_equal(kept, mask[name])
            assert np.array_equal(weights != 0, mask[name])


def test_a_masked_network_comes_back_from_its_state_dict(net):
    mask = kf.prune(net, "magnitude", 4)
    mask.apply(net)
    other = Net().eval()
    mask.apply(other)
    other.load_state_dict(net.state_dict())
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(other(x), net(x))
    assert torch.equal(mask.state_dict(net)["b.weight"], net.b.weight)
