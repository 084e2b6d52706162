"""Convolutional networks: a plain one of any size, MnistNet (ShrinkBench), LeNet-5, and the residual networks of CIFAR."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.training.models import ACTIVATIONS, model


@model("convnet")
def convnet(
    input_shape,
    classes,
    channels: Sequence[int] = (16, 32),
    kernel: int = 3,
    hidden: Sequence[int] = (64,),
    activation: str = "relu",
) -> nn.Module:
    """Return a plain convolutional network: (convolution of equal size, activation, halving) per entry of channels,
    then dense layers."""
    if activation not in ACTIVATIONS:
        raise KoopflowError(f"model convnet: activation {activation!r}; accepted are {', '.join(ACTIVATIONS)}")
    if kernel % 2 == 0:
        raise KoopflowError(f"model convnet: kernel: {kernel} is even; accepted are odd sizes, which keep the image's size")
    inputs, height, width = input_shape
    network = nn.Sequential()
    for index, outputs in enumerate(channels, start=1):
        _need(min(height, width) >= 2, "convnet", input_shape, f"{len(channels)} halvings")
        network.add_module(f"conv{index}", nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))
        network.add_module(f"activation{index}", ACTIVATIONS[activation]())
        network.add_module(f"pool{index}", nn.MaxPool2d(2))
        inputs, height, width = outputs, height // 2, width // 2
    network.add_module("flatten", nn.Flatten())
    inputs *= height * width
    for index, outputs in enumerate(hidden, start=1):
        network.add_module(f"fc{index}", nn.Linear(inputs, outputs))
        network.add_module(f"fc_activation{index}", ACTIVATIONS[activation]())
        inputs = outputs
    network.add_module("output", nn.Linear(inputs, classes))
    return network


@model("mnistnet")
def mnistnet(input_shape, classes) -> nn.Module:
    """Return ShrinkBench's MnistNet: convolutions 20 and 50 of 5 × 5 with halvings, dense 500; 431,080 parameters on MNIST."""
    return _valid_convnet("mnistnet", input_shape, classes, (20, 50), (500,), padding=0)


@model("lenet5")
def lenet5(input_shape, classes) -> nn.Module:
    """Return LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling: convolutions 6 and 16 of 5 × 5, dense 120 and 84."""
    return _valid_convnet("lenet5", input_shape, classes, (6, 16), (120, 84), padding=2 if input_shape[1] <= 28 else 0)


@model("lenet")
def lenet(input_shape, classes) -> nn.Module:
    """Return LeNet-300-100, the fully connected network of the lottery-ticket papers."""
    from koopflow.training.models import mlp

    return mlp(input_shape, classes, widths=(300, 100))


def _valid_convnet(name, input_shape, classes, channels, hidden, padding) -> nn.Module:
    inputs, height, width = input_shape
    network = nn.Sequential()
    for index, outputs in enumerate(channels, start=1):
        extra = 2 * padding if index == 1 else 0
        height, width = ((size + extra - 4) // 2 for size in (height, width))
        _need(min(height, width) >= 1, name, input_shape, "its 5×5 convolutions")
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


class Block(nn.Module):
    """Two 3 × 3 convolutions and a shortcut without parameters (option A of He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.added = stride, outputs - inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output, (image, outputs, height / stride, width / stride)."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.stride != 1 or self.added:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return F.relu(x + y)


class CifarResNet(nn.Module):
    """The residual network of depth 6n + 2 for small images (He et al. 2016, section 4.2): three stages of n blocks,
    16, 32, 64 wide."""

    def __init__(self, channels: int, classes: int, blocks: int, width: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        stages, inputs = [], width
        for stage in range(3):
            outputs = width * 2**stage
            stages.append(
                nn.Sequential(*(Block(inputs if b == 0 else outputs, outputs, 2 if stage and b == 0 else 1) for b in range(blocks)))
            )
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.output = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs (image, class)."""
        x = F.relu(self.norm(self.conv(x)))
        for stage in self.stages:
            x = stage(x)
        return self.output(x.mean(dim=(2, 3)))


def _register_resnet(depth: int) -> None:
    @model(f"resnet{depth}")
    def resnet(input_shape, classes, width: int = 16) -> nn.Module:
        _need(min(input_shape[1:]) >= 4, f"resnet{depth}", input_shape, "its two halvings")
        return CifarResNet(input_shape[0], classes, (depth - 2) // 6, width)


for _depth in (8, 14, 20, 32, 44, 56):
    _register_resnet(_depth)


def _need(condition: bool, name: str, input_shape, what: str) -> None:
    if not condition:
        raise KoopflowError(f"model {name}: images of {'×'.join(str(size) for size in input_shape)} are too small for {what}")
