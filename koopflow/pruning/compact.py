"""A smaller network with the same outputs, without the channels and units that pruning emptied."""

import copy
import itertools

import torch
from torch import nn


@torch.no_grad()
def compact(network: nn.Module) -> nn.Module:
    """Return a network with the same outputs and without dead channels and units.

    A channel whose weights are all zero outputs the constant max(0, bias), which is added to the
    bias of the next layer; a channel whose outgoing weights are all zero is dropped. A positive
    constant before a padded convolution stays, since it differs at the border. A network that is
    not a plain chain of known layers is returned as it is.
    """
    known = nn.Conv2d | nn.Linear | nn.ReLU | nn.MaxPool2d | nn.Flatten
    if not (isinstance(network, nn.Sequential) and all(isinstance(layer, known) for layer in network)):
        return network
    chain = nn.Sequential(*(_shallow(layer) for layer in network))
    weighted = [layer for layer in chain if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer, following in reversed(list(itertools.pairwise(weighted))):
        _drop(layer, following)
    for layer, following in itertools.pairwise(weighted):
        _drop(layer, following)
    return _pooled_first(chain)


def _shallow(layer: nn.Module) -> nn.Module:
    """Return a layer that shares the parameters of `layer` until they are replaced."""
    other = copy.copy(layer)
    other._parameters = dict(layer._parameters)
    return other


def _pooled_first(chain: nn.Sequential) -> nn.Sequential:
    """Return the chain with ReLU after max-pooling: the same numbers, with ReLU of fewer pixels."""
    layers = list(chain)
    for i, (layer, after) in enumerate(itertools.pairwise(list(chain))):
        if isinstance(layer, nn.ReLU) and isinstance(after, nn.MaxPool2d):
            layers[i], layers[i + 1] = after, nn.ReLU(inplace=True)
    return nn.Sequential(*layers)


def _drop(layer: nn.Conv2d | nn.Linear, following: nn.Conv2d | nn.Linear) -> None:
    """Remove the dead outputs of `layer` from it and from `following`.

    Only ReLU, pooling and flattening lie between them.
    """
    out = layer.weight.shape[0]
    bias = layer.weight.new_zeros(out) if layer.bias is None else layer.bias
    constant = bias.clamp(min=0)
    spread = following.weight.shape[1] // out  # pixels per channel, where a flattening lies between
    incoming = following.weight.reshape(following.weight.shape[0], out, -1)
    empty = (layer.weight.reshape(out, -1) == 0).all(1)
    if isinstance(following, nn.Conv2d) and any(following.padding):
        empty &= constant == 0
    dead = empty | (incoming == 0).all(2).all(0)
    if not dead.any():
        return
    if dead.all():
        dead[0] = False  # a layer needs an output
    fold = torch.where(dead & empty, constant, torch.zeros_like(constant))
    if fold.any():
        extra = (incoming * fold[None, :, None]).sum((1, 2))
        following.bias = nn.Parameter(extra + (0 if following.bias is None else following.bias))
    kept = ~dead
    layer.weight = nn.Parameter(layer.weight[kept].clone())
    layer.bias = None if layer.bias is None else nn.Parameter(layer.bias[kept].clone())
    columns = kept.repeat_interleave(spread) if isinstance(following, nn.Linear) else kept
    following.weight = nn.Parameter(following.weight[:, columns].clone())
