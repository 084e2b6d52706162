"""Evaluates pruned networks: test accuracy and multiply-adds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from koopflow.config.training import ModelSettings
from koopflow.data.images.sets import Images
from koopflow.pruning.compact import compact
from koopflow.pruning.mask import Mask
from koopflow.training.device import choose_device, own_random_numbers
from koopflow.training.engines.contract import dense_chain_of
from koopflow.training.evaluation import score
from koopflow.training.layout import Layout
from koopflow.training.models.build import build, last_layer

PIXELS = 80_000
"""Pixels per batch: few enough for a convolution's output to fit into the cache."""
BATCHED = 1 << 24
"""Weights of the fully connected networks evaluated at once: 64 MB."""


def layouts(model: ModelSettings, images: Images) -> tuple[tuple[tuple[str, tuple[int, ...]], ...], Layout]:
    """Return (name, shape) of each parameter in flat order, and the layout of the statistics."""
    network = blank(model, images)
    parameters = tuple((name, tuple(value.shape)) for name, value in network.named_parameters())
    return parameters, Layout.of((name, value) for name, value in network.named_buffers() if value.is_floating_point())


def classifier_of(model: ModelSettings, images: Images) -> tuple[str, ...]:
    """Return the names of the parameters of a network's last layer."""
    return last_layer(blank(model, images), images.shape)


def blank(model: ModelSettings, images: Images) -> nn.Module:
    """Return the network with fixed initial weights."""
    with own_random_numbers(0):
        return build(model, images.shape, images.classes)


@torch.no_grad()
def put(network: nn.Module, weights: NDArray[np.float32], buffers: NDArray[np.float32] | None = None) -> None:
    """Set all parameters (parameter,) and running statistics (buffer,) from flat vectors.

    Both are copied.
    """
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
    """Return the share of images `x` (image, channel, height, width) classified as `y`."""
    network.eval()
    batch = max(1, PIXELS // (x.shape[2] * x.shape[3]))
    right = sum(int((network(x[i : i + batch]).argmax(1) == y[i : i + batch]).sum()) for i in range(0, len(x), batch))
    return right / len(x)


@torch.no_grad()
def positions(network: nn.Module, shape: tuple[int, int, int]) -> dict[str, int]:
    """Return how often the weights of each tensor are used per image: once, or per output pixel."""
    counts: dict[str, int] = {}

    def count(name: str) -> Callable[[nn.Module, Any, torch.Tensor], None]:
        def hook(_: nn.Module, __: Any, output: torch.Tensor) -> None:
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


def multiply_adds(mask: Mask, used: dict[str, int]) -> int:
    """Return the multiply-adds per image of the kept weights, with `used` from `positions`."""
    return sum(layer.kept * used.get(layer.layer, 0) for layer in mask.layers())


class Evaluator:
    """Tests many sets of weights of one network on images in memory.

    Fully connected networks are evaluated side by side. Others run one after another, channels last
    and without dead channels.

    Parameters
    ----------
    model : ModelSettings
    images : Images
        Its test images are used.
    device : str
    """

    def __init__(self, model: ModelSettings, images: Images, device: str = "auto"):
        self.network = blank(model, images)
        self._model, self._images = model, images
        self._used = positions(self.network, images.shape)
        self._device = choose_device(device)
        self._side_by_side = dense_chain_of(self.network) is not None
        if not self._side_by_side:
            self.network.to(self._device)
            self.x = torch.from_numpy(images.x_test).to(self._device).contiguous(memory_format=torch.channels_last)
            self.y = torch.from_numpy(images.y_test).to(self._device)

    def __call__(self, rows: Sequence[NDArray[np.float32]], buffers: NDArray[np.float32] | None = None) -> list[float]:
        """Return the test accuracy for each of the weights `rows`, (parameter,) each.

        All have the same running statistics `buffers`.
        """
        # Without compression all methods keep everything, so equal weights are evaluated once.
        distinct = {row.tobytes(): row for row in rows}
        found = dict(zip(distinct, self._accuracies(list(distinct.values()), buffers)))
        return [found[row.tobytes()] for row in rows]

    def _accuracies(self, rows: list[NDArray[np.float32]], buffers: NDArray[np.float32] | None) -> list[float]:
        if self._side_by_side:
            some = max(1, BATCHED // len(rows[0]))
            blocks = (np.stack(rows[start : start + some]) for start in range(0, len(rows), some))
            return [
                value
                for block in blocks
                for value in score(self._model, block, self._images, device=str(self._device))[0]
            ]
        found = []
        for row in rows:
            put(self.network, row, buffers)
            found.append(accuracy(compact(self.network).to(memory_format=torch.channels_last), self.x, self.y))
        return found

    def multiply_adds(self, mask: Mask) -> int:
        """Return the multiply-adds per image of the weights that `mask` keeps."""
        return multiply_adds(mask, self._used)
