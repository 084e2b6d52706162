"""A smaller network with the same outputs: channels and units that a mask emptied are taken out."""

import copy
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from koopflow.core.errors import KoopflowError
from koopflow.pruning.masking import release

POINTWISE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity, nn.Dropout)
NORMALIZED = (nn.BatchNorm1d, nn.BatchNorm2d)
POOLED = (nn.MaxPool2d, nn.AdaptiveAvgPool2d)
SPREADING = (nn.Flatten, *POOLED)
POINTWISE_CALLS = {torch.relu: torch.relu, functional.relu: functional.relu, torch.tanh: torch.tanh}
CALLS = {torch.flatten, functional.max_pool2d, *POINTWISE_CALLS}
METHODS = {"relu", "tanh", "flatten"}


@dataclass
class Link:
    """Two layers of which the second alone reads the first, and what lies between."""

    layer: nn.Conv2d | nn.Linear
    following: nn.Conv2d | nn.Linear
    between: list[nn.Module | str]


@torch.no_grad()
def shrunk(model: nn.Module) -> nn.Module:
    """Return a copy of a network, in evaluation mode, without dead channels and units.

    An output of a layer is dead if all its weights are zero, so that it is constant, or if nothing
    reads it. Constants go into the next layer's bias. Channels that several layers read, as in the
    shortcuts of a ResNet, stay; so do those before a padded convolution whose constant is not zero,
    since it differs at the border.

    Raises
    ------
    KoopflowError
        If torch.fx cannot trace the forward pass.
    """
    small = release(copy.deepcopy(model)).eval()
    try:
        graph = fx.Tracer().trace(small)
    except Exception as error:  # control flow that depends on data, and whatever else a forward pass does
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise KoopflowError(f"shrink: the forward pass cannot be traced by torch.fx: {reason}") from error
    links = [link for node in graph.nodes if (link := _link(small, graph, node))]
    for link in (*reversed(links), *links):
        _drop(link)
    return small


def _layer(model: nn.Module, node: fx.Node) -> nn.Module | None:
    return model.get_submodule(str(node.target)) if node.op == "call_module" else None


def _link(model: nn.Module, graph: fx.Graph, node: fx.Node) -> Link | None:
    """Return the link that begins at a node, if what follows is a plain chain up to one layer."""
    layer = _layer(model, node)
    if not _may_shrink(layer) or _calls(graph, node) > 1:
        return None
    between: list[nn.Module | str] = []
    while len(node.users) == 1:
        node = next(iter(node.users))
        module = _layer(model, node)
        if isinstance(module, nn.Conv2d | nn.Linear):
            if not _may_shrink(module) or _calls(graph, node) > 1:
                return None
            return Link(layer, module, between)  # type: ignore[arg-type]
        if isinstance(module, (*POINTWISE, *NORMALIZED, *SPREADING)):
            between.append(module)
        elif (node.op == "call_function" and node.target in CALLS) or (
            node.op == "call_method" and node.target in METHODS
        ):
            between.append(getattr(node.target, "__name__", str(node.target)))
        else:
            return None
    return None


def _may_shrink(layer: nn.Module | None) -> bool:
    plain = isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    return plain and layer is not None and not parametrize.is_parametrized(layer)


def _calls(graph: fx.Graph, node: fx.Node) -> int:
    return sum(other.op == "call_module" and other.target == node.target for other in graph.nodes)


def _drop(link: Link) -> None:
    """Remove the dead outputs of a link's first layer from it, from what lies between, and from the
    second layer."""
    layer, following = link.layer, link.following
    out = layer.weight.shape[0]
    if following.weight.shape[1] % out:
        return
    incoming = following.weight.reshape(following.weight.shape[0], out, -1)
    bias = layer.weight.new_zeros(out) if layer.bias is None else layer.bias
    constant = _carried(bias, link)
    empty = (layer.weight.reshape(out, -1) == 0).all(1)
    if isinstance(following, nn.Conv2d) and any(following.padding if not isinstance(following.padding, str) else [1]):
        empty &= constant == 0
    dead = empty | (incoming == 0).all(2).all(0)
    if dead.all():
        dead[0] = False  # a layer needs an output
    if not dead.any():
        return
    fold = torch.where(dead & empty, constant, torch.zeros_like(constant))
    if fold.any():
        extra = (incoming * fold[None, :, None]).sum((1, 2))
        following.bias = nn.Parameter(extra + (0 if following.bias is None else following.bias))
    kept = ~dead
    _keep_outputs(layer, kept)
    for module in link.between:
        if isinstance(module, NORMALIZED):
            _keep_channels(module, kept)
    spread = following.weight.shape[1] // out  # pixels per channel, where a flattening lies between
    _keep_inputs(following, kept.repeat_interleave(spread))


def _carried(bias: torch.Tensor, link: Link) -> torch.Tensor:
    """Return what a channel that is constantly `bias` becomes on its way to the next layer."""
    value = bias[None]
    for each in link.between:
        if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d):
            value = functional.batch_norm(
                value, each.running_mean, each.running_var, each.weight, each.bias, False, 0, each.eps
            )
        elif isinstance(each, POINTWISE):
            value = each(value)
        elif each in ("relu", "tanh"):
            value = getattr(torch, str(each))(value)
    return value[0]


def _keep_outputs(layer: nn.Conv2d | nn.Linear, kept: torch.Tensor) -> None:
    layer.weight = nn.Parameter(layer.weight[kept].clone())
    layer.bias = None if layer.bias is None else nn.Parameter(layer.bias[kept].clone())
    if isinstance(layer, nn.Conv2d):
        layer.out_channels = int(kept.sum())
    else:
        layer.out_features = int(kept.sum())


def _keep_inputs(layer: nn.Conv2d | nn.Linear, kept: torch.Tensor) -> None:
    layer.weight = nn.Parameter(layer.weight[:, kept].clone())
    if isinstance(layer, nn.Conv2d):
        layer.in_channels = int(kept.sum())
    else:
        layer.in_features = int(kept.sum())


def _keep_channels(module: nn.Module, kept: torch.Tensor) -> None:
    for name, value in [*module._parameters.items()]:
        if value is not None:
            setattr(module, name, nn.Parameter(value[kept].clone()))
    for name, buffer in [*module._buffers.items()]:
        if buffer is not None and buffer.ndim:
            setattr(module, name, buffer[kept].clone())
    module.num_features = int(kept.sum())  # type: ignore[assignment]
