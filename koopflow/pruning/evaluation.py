"""What a pruned network is worth: accuracy, multiply-adds, and the smaller network that its empty channels leave."""

import copy
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from koopflow.data.images.sets import Images
from koopflow.pruning.mask import Mask
from koopflow.training.device import choose_device
from koopflow.training.engines.contract import dense_chain_of
from koopflow.training.evaluation import score
from koopflow.training.layout import Layout
from koopflow.training.models.build import build

PIXELS = 80_000  # of the images that go through a network at once: few enough for a convolution's output to stay in the cache
BATCHED = 1 << 24  # weights of fully connected networks that are evaluated side by side: 64 MB


def layouts(model: Mapping | str, images: Images) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], Layout]:
    """Return (name, shape) of each parameter of the network, in the order of the flat vector, and the layout of its statistics."""
    network = _blank(model, images)
    parameters = tuple((name, tuple(value.shape)) for name, value in network.named_parameters())
    return parameters, Layout.of((name, value) for name, value in network.named_buffers() if value.is_floating_point())


def _blank(model: Mapping | str, images: Images) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(model, images.shape, images.classes)


@torch.no_grad()
def put(network: nn.Module, weights: np.ndarray, buffers: np.ndarray | None = None) -> None:
    """Set all parameters from a copy of a flat vector (parameter,), and the running statistics from one (buffer,) where given."""
    # A copy: the parameters become views of the vector, and what prunes them in place must not reach the caller's array.
    vector = torch.from_numpy(np.array(weights, dtype=np.float32)).to(next(network.parameters()).device)
    nn.utils.vector_to_parameters(vector, network.parameters())
    if buffers is not None and len(buffers):
        start = 0
        for value in network.buffers():
            if value.is_floating_point():
                value.copy_(torch.from_numpy(np.array(buffers[start : start + value.numel()])).view(value.shape))
                start += value.numel()


@torch.inference_mode()
def accuracy(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of images classified right, over all of them (a last partial batch counts by its own size)."""
    network.eval()
    batch = max(1, PIXELS // (x.shape[2] * x.shape[3]))
    right = sum(int((network(x[i : i + batch]).argmax(1) == y[i : i + batch]).sum()) for i in range(0, len(x), batch))
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
    return sum(layer.kept * used.get(layer.layer, 0) for layer in mask.layers())


@torch.no_grad()
def compact(network: nn.Module) -> nn.Module:
    """Return a network with the same outputs without its dead channels and units; a chain is required, else itself.

    A channel whose weights are all zero gives the constant max(0, bias), which is folded into what follows; one whose outgoing
    weights are all zero is dropped. A positive constant before a convolution with padding stays, since its border differs.
    """
    known = nn.Conv2d | nn.Linear | nn.ReLU | nn.MaxPool2d | nn.Flatten
    if not (isinstance(network, nn.Sequential) and all(isinstance(layer, known) for layer in network)):
        return network
    chain = nn.Sequential(*(_shallow(layer) for layer in network))
    linear = [i for i, layer in enumerate(chain) if isinstance(layer, nn.Conv2d | nn.Linear)]
    for here, after in reversed(list(itertools.pairwise(linear))):
        _drop(chain[here], chain[after])
    for here, after in itertools.pairwise(linear):
        _drop(chain[here], chain[after])
    return _pooled_first(chain)


def _shallow(layer: nn.Module) -> nn.Module:
    """Return a layer whose parameters can be replaced without touching those of `layer`, which it shares until then."""
    other = copy.copy(layer)
    other._parameters = dict(layer._parameters)
    return other


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
    bias = layer.weight.new_zeros(out) if layer.bias is None else layer.bias
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
    fold = torch.where(dead & empty, constant, torch.zeros_like(constant))
    if fold.any():
        extra = (incoming * fold[None, :, None]).sum((1, 2))
        following.bias = nn.Parameter(extra + (0 if following.bias is None else following.bias))
    kept = ~dead
    layer.weight = nn.Parameter(layer.weight[kept].clone())
    layer.bias = None if layer.bias is None else nn.Parameter(layer.bias[kept].clone())
    columns = kept.repeat_interleave(spread) if isinstance(following, nn.Linear) else kept
    following.weight = nn.Parameter(following.weight[:, columns].clone())


class Evaluator:
    """Evaluates many sets of weights of one kind of network on test images in memory, in the way that is fastest for it.

    Fully connected networks go through the shared engine side by side; others one after another, images channels last, without
    their dead channels.
    """

    def __init__(self, model: Mapping | str, images: Images, device: str = "auto"):
        self.network = _blank(model, images)
        self._model, self._images = model, images
        self._used = positions(self.network, images.shape)
        self._device = choose_device(device)
        if dense_chain_of(self.network) is None:
            self.network.to(self._device)
            self.x = torch.from_numpy(images.x_test).to(self._device).contiguous(memory_format=torch.channels_last)
            self.y = torch.from_numpy(images.y_test).to(self._device)

    def __call__(self, rows: Sequence[np.ndarray], buffers: np.ndarray | None = None) -> list[float]:
        """Return the test accuracy for each of the weights `rows`, each (parameter,), all with the same running statistics."""
        # Equal weights (no compression, where every method keeps everything) are evaluated once.
        distinct = {row.tobytes(): row for row in rows}
        found = dict(zip(distinct, self._accuracies(list(distinct.values()), buffers)))
        return [found[row.tobytes()] for row in rows]

    def _accuracies(self, rows: list[np.ndarray], buffers: np.ndarray | None) -> list[float]:
        if dense_chain_of(self.network) is not None:
            some = max(1, BATCHED // len(rows[0]))
            blocks = (np.stack(rows[start : start + some]) for start in range(0, len(rows), some))
            return [value for block in blocks for value in score(self._model, block, self._images, device=str(self._device))[0]]
        found = []
        for row in rows:
            put(self.network, row, buffers)
            found.append(accuracy(compact(self.network).to(memory_format=torch.channels_last), self.x, self.y))
        return found

    def multiply_adds(self, mask: Mask) -> int:
        """Return the multiply-adds per image of the weights that `mask` keeps."""
        return multiply_adds(mask, self._used)
