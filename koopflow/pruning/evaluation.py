"""What a pruned network is worth: accuracy, multiply-adds, and the smaller network that its empty channels leave."""

import copy
import itertools

import numpy as np
import torch
from torch import nn

BATCH = 100  # images at a time; small enough that a convolution's output stays in the cache


@torch.inference_mode()
def accuracy(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of images classified right, over all of them (a last partial batch counts by its own size)."""
    network.eval()
    right = sum(int((network(x[i : i + BATCH]).argmax(1) == y[i : i + BATCH]).sum()) for i in range(0, len(x), BATCH))
    return right / len(x)


@torch.no_grad()
def positions(network: nn.Module, shape: tuple[int, int, int]) -> dict[str, int]:
    """Return for each weight tensor how often each of its weights is used per image: 1, or a convolution's output pixels."""
    counts: dict[str, int] = {}

    def count(name):
        def hook(_, __, output):
            counts[f"{name}.weight"] = output[0, 0].numel() if output.ndim == 4 else 1

        return hook

    kinds = (nn.Conv2d, nn.Linear)
    hooks = [m.register_forward_hook(count(name)) for name, m in network.named_modules() if isinstance(m, kinds)]
    was = network.training
    network.eval()(torch.zeros(1, *shape))
    network.train(was)
    for hook in hooks:
        hook.remove()
    return counts


def multiply_adds(mask, used: dict[str, int]) -> int:
    """Return the multiply-adds per image of the weights that `mask` keeps, `used` from `positions`."""
    return sum(record["kept"] * used.get(record["layer"], 0) for record in mask.summary())


@torch.no_grad()
def compact(network: nn.Module) -> nn.Module:
    """Return a network with the same outputs without its dead channels and units; a chain is required, else itself.

    A channel whose weights are all zero gives the constant max(0, bias), which is folded into what follows; one whose outgoing
    weights are all zero is dropped. A positive constant before a convolution with padding stays, since its border differs.
    """
    known = nn.Conv2d | nn.Linear | nn.ReLU | nn.MaxPool2d | nn.Flatten
    if not (isinstance(network, nn.Sequential) and all(isinstance(layer, known) for layer in network)):
        return network
    chain = nn.Sequential(*(copy.deepcopy(layer) for layer in network))
    linear = [i for i, layer in enumerate(chain) if isinstance(layer, nn.Conv2d | nn.Linear)]
    for here, after in reversed(list(itertools.pairwise(linear))):
        _drop(chain[here], chain[after])
    for here, after in itertools.pairwise(linear):
        _drop(chain[here], chain[after])
    return _pooled_first(chain)


def _pooled_first(chain: nn.Sequential) -> nn.Sequential:
    """Return the chain with each ReLU after the pooling that followed it: the same numbers, from a quarter of the work."""
    layers = list(chain)
    for i, (layer, after) in enumerate(itertools.pairwise(list(chain))):
        if isinstance(layer, nn.ReLU) and isinstance(after, nn.MaxPool2d):
            layers[i], layers[i + 1] = after, nn.ReLU(inplace=True)
    return nn.Sequential(*layers)


def _drop(layer: nn.Module, following: nn.Module) -> None:
    """Remove the dead outputs of `layer` from it and from `following`, with only ReLU, pooling and flattening between them."""
    out = layer.weight.shape[0]
    bias = torch.zeros(out) if layer.bias is None else layer.bias
    constant = bias.clamp(min=0)
    spread = following.weight.shape[1] // out  # pixels per channel where a flattening lies between
    incoming = following.weight.reshape(following.weight.shape[0], out, -1)
    empty = (layer.weight.reshape(out, -1) == 0).all(1)
    if isinstance(following, nn.Conv2d) and any(following.padding):
        empty &= constant == 0
    dead = empty | (incoming == 0).all(2).all(0)
    if not dead.any():
        return
    if dead.all():
        dead[0] = False  # a layer without outputs is not a layer; one dead channel costs nothing
    fold = torch.where(dead & empty, constant, torch.zeros(out))
    if fold.any():
        extra = (incoming * fold[None, :, None]).sum((1, 2))
        following.bias = nn.Parameter(extra + (0 if following.bias is None else following.bias))
    kept = ~dead
    layer.weight = nn.Parameter(layer.weight[kept].clone())
    layer.bias = None if layer.bias is None else nn.Parameter(layer.bias[kept].clone())
    columns = kept.repeat_interleave(spread) if isinstance(following, nn.Linear) else kept
    following.weight = nn.Parameter(following.weight[:, columns].clone())


class Evaluator:
    """Evaluates many masks of one kind of network on test images already in memory, in the layout that is fastest."""

    def __init__(self, network: nn.Module, x_test: np.ndarray, y_test: np.ndarray):
        self.network = network
        self.x = torch.from_numpy(x_test).contiguous(memory_format=torch.channels_last)
        self.y = torch.from_numpy(y_test)

    def __call__(self) -> float:
        """Return the accuracy of the network as it now is; dead channels are dropped before."""
        return accuracy(compact(self.network).to(memory_format=torch.channels_last), self.x, self.y)
