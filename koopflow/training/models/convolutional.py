"""Convolutional networks without shortcuts: one of any size, MnistNet (ShrinkBench) and LeNet-5."""

from collections.abc import Sequence

from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.training.models.activations import activation_of
from koopflow.training.models.shapes import require_size


def convnet(
    input_shape: Sequence[int],
    classes: int,
    channels: Sequence[int] = (16, 32),
    kernel: int = 3,
    hidden: Sequence[int] = (64,),
    activation: str = "relu",
) -> nn.Module:
    """Return a convolutional network: per entry of `channels` a convolution that keeps the image's
    size, an activation and a 2 × 2 max-pooling; then dense layers of the widths `hidden`."""
    kind = activation_of("convnet", activation)
    if kernel % 2 == 0:
        raise KoopflowError(f"model convnet: kernel must be odd, to keep the image's size (got {kernel})")
    inputs, height, width = input_shape
    network = nn.Sequential()
    for index, outputs in enumerate(channels, start=1):
        require_size(min(height, width) >= 2, "convnet", input_shape, f"{len(channels)} halvings")
        network.add_module(f"conv{index}", nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))
        network.add_module(f"activation{index}", kind())
        network.add_module(f"pool{index}", nn.MaxPool2d(2))
        inputs, height, width = outputs, height // 2, width // 2
    network.add_module("flatten", nn.Flatten())
    inputs *= height * width
    for index, outputs in enumerate(hidden, start=1):
        network.add_module(f"fc{index}", nn.Linear(inputs, outputs))
        network.add_module(f"fc_activation{index}", kind())
        inputs = outputs
    network.add_module("output", nn.Linear(inputs, classes))
    return network


def mnistnet(input_shape: Sequence[int], classes: int) -> nn.Module:
    """Return ShrinkBench's MnistNet: convolutions 20 and 50 of 5 × 5 with halvings, dense 500;
    431,080 parameters on MNIST."""
    return _valid_convnet("mnistnet", input_shape, classes, (20, 50), (500,), padding=0)


def lenet5(input_shape: Sequence[int], classes: int) -> nn.Module:
    """Return LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling: convolutions 6 and 16 of 5 × 5,
    dense 120 and 84."""
    return _valid_convnet("lenet5", input_shape, classes, (6, 16), (120, 84), padding=2 if input_shape[1] <= 28 else 0)


def _valid_convnet(
    name: str, input_shape: Sequence[int], classes: int, channels: Sequence[int], hidden: Sequence[int], padding: int
) -> nn.Module:
    """Return 5 × 5 convolutions, the first one padded by `padding`, each with ReLU and max-pooling;
    then dense layers."""
    inputs, height, width = input_shape
    network = nn.Sequential()
    for index, outputs in enumerate(channels, start=1):
        extra = 2 * padding if index == 1 else 0
        height, width = ((size + extra - 4) // 2 for size in (height, width))
        require_size(min(height, width) >= 1, name, input_shape, "its 5×5 convolutions")
        network.add_module(f"conv{index}", nn.Conv2d(inputs, outputs, 5, padding=padding if index == 1 else 0))
        network.add_module(f"relu{index}", nn.ReLU())
        network.add_module(f"pool{index}", nn.MaxPool2d(2))
        inputs = outputs
    network.add_module("flatten", nn.Flatten())
    inputs *= height * width
    for index, outputs in enumerate([*hidden, classes], start=1):
        network.add_module(f"fc{index}", nn.Linear(inputs, outputs))
        if index <= len(hidden):
            network.add_module(f"fc_relu{index}", nn.ReLU())
        inputs = outputs
    return network
