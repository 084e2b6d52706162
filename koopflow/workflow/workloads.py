"""Sizes of the data and networks of a study, as far as the configuration shows before anything is
loaded."""

import math
import os
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from koopflow.config.data import DataSelection
from koopflow.config.training import ModelSettings

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""

# Number and shape of the training images of sources with a fixed size.
SOURCES: Mapping[str, tuple[float, Shape]] = {
    "digits": (1437, (1, 8, 8)),
    "cifar10": (50000, (3, 32, 32)),
    "cifar100": (50000, (3, 32, 32)),
    "svhn": (73257, (3, 32, 32)),
} | dict.fromkeys(("mnist", "fashion_mnist", "kmnist"), (60000, (1, 28, 28)))
UNKNOWN_IMAGES = (60000, (3, 32, 32))
IMAGENET = 1.28e6
CLASSES = 10


class Network(NamedTuple):
    """The parameters of a network, and its multiplications per image."""

    parameters: float
    products: float


# Counted for CIFAR's residual networks (He et al. 2016, table 6), and for MnistNet and LeNet on 28
# x 28 pixels; torchvision states the large ones for 224 x 224.
NETWORKS = {
    "convnet": Network(3e4, 2e6),
    "lenet5": Network(6.2e4, 4.2e5),
    "mnistnet": Network(4.3e5, 2.3e6),
    "modular_transformer": Network(2.3e5, 3.2e5),  # on pairs of numbers below 113
    "resnet8": Network(7.8e4, 1.3e7),
    "resnet14": Network(1.7e5, 2.7e7),
    "resnet20": Network(2.7e5, 4.1e7),
    "resnet32": Network(4.6e5, 6.9e7),
    "resnet44": Network(6.6e5, 9.7e7),
    "resnet56": Network(8.5e5, 1.26e8),
    "resnet18": Network(1.17e7, 1.8e9),
    "resnet34": Network(2.18e7, 3.7e9),
    "resnet50": Network(2.56e7, 4.1e9),
    "resnet101": Network(4.45e7, 7.8e9),
    "resnet152": Network(6.02e7, 1.15e10),
    "wide_resnet50_2": Network(6.89e7, 1.14e10),
    "wide_resnet101_2": Network(1.269e8, 2.28e10),
}
# Side of the images for which convolutional networks were counted; their work grows with its square.
COUNTED_AT = {"modular_transformer": 15} | dict.fromkeys(("convnet", "lenet5", "mnistnet"), 28)
CIFAR = ("resnet8", "resnet14", "resnet20", "resnet32", "resnet44", "resnet56")
COUNTED_AT |= dict.fromkeys(CIFAR, 32)
COUNTED_AT |= dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), 224)
COUNTED_AT |= dict.fromkeys(("wide_resnet50_2", "wide_resnet101_2"), 224)
# Channels of the first block for which networks were counted; `width` changes them.
WIDTHS = {"modular_transformer": 128} | dict.fromkeys(CIFAR, 16)
DENSE = ("mlp", "lenet")
CHAINS = (*DENSE, "convnet", "lenet5", "mnistnet")
UNKNOWN_NETWORK = Network(1e6, 5e7)
"""A guess, for images of 32 x 32 pixels."""


def images(data: DataSelection) -> tuple[float, Shape]:
    """Return the number of training images and their shape, guessed if only the file itself shows
    them."""
    shape: Shape
    spec, train_size = data.spec, data.spec.train_size
    while spec.like in data.named and spec.source not in SOURCES:
        spec = data.named[spec.like]
        train_size = train_size or spec.train_size
    side = spec.size
    if spec.source == "npz":
        shape = (spec.channels or 1, side or 28, side or 28)
        count = bytes_in([spec.path or ""]) / math.prod(shape)
    elif spec.source == "image_folder":
        shape = (spec.channels or 3, side or 32, side or 32)
        count = _files_in_tree(os.path.join(spec.path or "", "train"))
    else:
        count, shape = SOURCES.get(spec.like or spec.source, SOURCES.get(spec.source, UNKNOWN_IMAGES))
    return min(count, train_size or count), shape


def network(model: ModelSettings, shape: Shape) -> Network:
    """Return the size of a network on images of `shape`."""
    if model.name in DENSE:
        widths = [math.prod(shape), *(model.widths or (300, 100)), CLASSES]
        dense = sum(a * b for a, b in pairwise(widths))
        return Network(dense, dense)
    known = NETWORKS.get(model.name, UNKNOWN_NETWORK)
    if model.width and model.name in WIDTHS:  # weights and work grow with channels in, times channels out
        scale = (model.width / WIDTHS[model.name]) ** 2
        known = Network(known.parameters * scale, known.products * scale)
    return known._replace(products=known.products * shape[1] * shape[2] / COUNTED_AT.get(model.name, 32) ** 2)


def is_known(model: ModelSettings) -> bool:
    """Return whether the size of a network is known before it is built; it is not for a user's own."""
    return model.name in DENSE or model.name in NETWORKS


def bytes_in(paths: Iterable[str]) -> float:
    """Return the bytes in files and in the files of folders. A missing path counts as 0; the
    stage's check reports it."""
    return sum(map(_bytes_in, paths), 0.0)


def _bytes_in(path: str) -> float:
    if os.path.isdir(path):
        return float(sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file()))
    return float(os.path.getsize(path)) if os.path.isfile(path) else 0.0


def _files_in_tree(path: str) -> float:
    """Return the number of files in a tree of class folders if each class is as large as the first,
    or ImageNet's number without a tree."""
    classes = sorted(os.listdir(path)) if os.path.isdir(path) else []
    first = os.path.join(path, classes[0]) if classes else ""
    return float(len(classes) * len(os.listdir(first))) if os.path.isdir(first) else IMAGENET
