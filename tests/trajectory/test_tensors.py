"""What is recorded is the parameter that the name refers to now, and all of it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.tensors import NamedTensors


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def read(tensors):
    row = np.empty(tensors.size, np.float32)
    tensors.read(row)
    return row


CHANGES = {
    "assigned": lambda net: net.load_state_dict({k: v.clone() for k, v in net.state_dict().items()}, assign=True),
    "new head": lambda net: net.__setitem__(2, nn.Linear(8, 2)),
    "new parameter": lambda net: setattr(net[0], "weight", nn.Parameter(torch.ones(8, 4))),
    "weight norm": lambda net: parametrizations.weight_norm(net[0]),
    "orthogonal": lambda net: parametrizations.orthogonal(net[0]),
    "spectral norm": lambda net: parametrizations.spectral_norm(net[0]),
    "pruned": lambda net: prune.l1_unstructured(net[0], "weight", 0.5),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_replaced_parameter_is_followed(change):
    net = network()
    tensors = NamedTensors(net, "*weight")
    CHANGES[change](net)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    net(torch.ones(3, 4)).square().mean().backward()
    optimizer.step()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    row = read(tensors)
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in state.items())  # reading changes nothing
    net.eval()
    net(torch.ones(3, 4))  # recomputes what pruning derives
    effective = torch.cat([net[0].weight.detach().flatten(), net[2].weight.detach().flatten()])
    assert np.allclose(row, effective.numpy(), atol=1e-6)


def test_a_parameter_that_is_gone_or_of_another_shape_is_one_line():
    net = network()
    tensors = NamedTensors(net)
    net[2] = nn.Linear(8, 5)
    with pytest.raises(KoopflowError, match=r"2.weight has shape \(5, 8\), but the recording has \(2, 8\)"):
        read(tensors)
    net[2] = nn.Identity()
    with pytest.raises(
        KoopflowError, match=r"2.weight is no longer a parameter of Sequential, which has 0.weight, 0.bias"
    ):
        read(tensors)
    del net[2]
    with pytest.raises(KoopflowError, match=r"2.weight is no longer a parameter"):
        read(tensors)


def test_parameters_that_join_later_are_named_once(caplog):
    net = network()
    tensors = NamedTensors(net)
    net.append(nn.Linear(2, 2))
    read(tensors)
    read(tensors)
    assert (
        caplog.text.count(
            "not recorded because they were added after the TrajectoryRecorder was made: 3.weight, 3.bias"
        )
        == 1
    )


def test_both_parts_of_complex_parameters_are_recorded():
    net = nn.Module()
    net.spectral = nn.Parameter(torch.tensor([[1 + 2j, 3 - 4j]]))
    tensors = NamedTensors(net)
    assert tensors.table == [("spectral", (1, 2, 2))]
    assert read(tensors).tolist() == [1, 2, 3, -4]


def test_integer_parameters_are_left_out_by_name(caplog):
    net = network()
    net.code = nn.Parameter(torch.zeros(3, dtype=torch.int8), requires_grad=False)
    assert "code" not in dict(NamedTensors(net).table)
    assert "not recorded because they hold no real or complex numbers: code" in caplog.text


def test_wrappers_leave_names_and_patterns_as_they_are():
    wrapped = torch.compile(nn.DataParallel(network()))
    assert [name for name, _ in NamedTensors(wrapped, "0.*").table] == ["0.weight", "0.bias"]
    assert [name for name, _ in NamedTensors(wrapped, "_orig_mod.module.2.weight").table] == ["2.weight"]


def test_a_parameter_without_values_is_one_line():
    with pytest.raises(KoopflowError, match="weight has no values yet"):
        NamedTensors(nn.LazyLinear(3))
    with pytest.raises(KoopflowError, match="weight has no values yet"):
        NamedTensors(nn.Linear(3, 2, device="meta"))


def test_shorter_and_longer_numbers_are_recorded_as_float32():
    net = network().to(torch.bfloat16)
    net[2].double()
    expected = torch.cat([p.detach().float().flatten() for p in net.parameters()])
    assert np.array_equal(read(NamedTensors(net)), expected.numpy())
