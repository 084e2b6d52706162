"""Networks of the pruning studies: plain chains, so that empty channels can be dropped, and the ResNet of He et al. 2016."""

import importlib
from collections.abc import Mapping

import torch
from torch import nn

from koopflow.errors import KoopflowError


def mlp(shape, classes, widths=(100, 100)):
    """Return a ReLU network of fully connected layers of the given `widths`."""
    layers, size = [nn.Flatten()], shape[0] * shape[1] * shape[2]
    for width in widths:
        layers += [nn.Linear(size, width), nn.ReLU()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, classes))


def conv(shape, classes, channels=(16, 32), width=64):
    """Return two 3x3 convolutions with pooling and one hidden layer, for images from 8 x 8."""
    first, second = channels
    side = (shape[1] // 2 // 2) * (shape[2] // 2 // 2)
    return nn.Sequential(
        *(nn.Conv2d(shape[0], first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(second * side, width), nn.ReLU(), nn.Linear(width, classes)),
    )


def mnistnet(shape, classes):
    """Return ShrinkBench's MnistNet: 431,080 parameters on 28 x 28 images."""
    side = ((shape[1] - 4) // 2 - 4) // 2
    return nn.Sequential(
        *(nn.Conv2d(shape[0], 20, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(50 * side * side, 500), nn.ReLU(), nn.Linear(500, classes)),
    )


class Block(nn.Module):
    """A residual block: two 3x3 convolutions, the shortcut subsampled and padded with zeros (option A of He et al.)."""

    def __init__(self, before: int, channels: int):
        super().__init__()
        self.stride, self.padding = (1, 0) if before == channels else (2, channels - before)
        self.conv1 = nn.Conv2d(before, channels, 3, self.stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        shortcut = x if self.stride == 1 else x[:, :, :: self.stride, :: self.stride]
        if self.padding:
            shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, self.padding // 2, self.padding - self.padding // 2))
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet(nn.Module):
    """A CIFAR ResNet of 6 * blocks + 2 layers; `blocks` 3 is ResNet-20."""

    def __init__(self, shape, classes, blocks: int = 3, width: int = 16):
        super().__init__()
        self.conv = nn.Conv2d(shape[0], width, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        sizes = [width] * blocks + [2 * width] * blocks + [4 * width] * blocks
        self.blocks = nn.Sequential(*(Block(before, size) for before, size in zip([width, *sizes], sizes)))
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x):
        return self.fc(self.blocks(torch.relu(self.bn(self.conv(x)))).mean((2, 3)))


NETWORKS = {"mlp": mlp, "conv": conv, "mnistnet": mnistnet, "resnet": ResNet}


def build(model: Mapping, shape: tuple[int, int, int], classes: int, seed: int) -> nn.Module:
    """Return the network of `model` ({name: ..., widths: ..., arguments: {...}}), its weights drawn from `seed` alone.

    Raises KoopflowError for an unknown name or option; ``package.module:factory`` is called with shape and classes.
    """
    options = {key: value for key, value in model.items() if key not in ("name", "arguments")} | dict(model.get("arguments", {}))
    factory = NETWORKS.get(model["name"])
    if factory is None:
        module, colon, function = str(model["name"]).partition(":")
        try:
            factory = getattr(importlib.import_module(module), function) if colon else None
        except (ImportError, AttributeError):
            factory = None
    if factory is None:
        raise KoopflowError(f"model: {model['name']!r} is unknown; accepted are {', '.join(NETWORKS)} or package.module:factory")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return factory(shape, classes, **options)
        except TypeError as error:
            raise KoopflowError(f"model {model['name']}: {error}") from None
