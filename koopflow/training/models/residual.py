"""The residual networks of CIFAR (He et al. 2016, section 4.2), in depths 6n + 2."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from koopflow.training.models.shapes import require_size


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
            x = F.pad(
                x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added // 2, self.added - self.added // 2)
            )
        return F.relu(x + y)


class CifarResNet(nn.Module):
    """Three stages of `blocks` residual blocks, `width`, 2 `width` and 4 `width` channels wide."""

    def __init__(self, channels: int, classes: int, blocks: int, width: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        stages, inputs = [], width
        for stage in range(3):
            outputs = width * 2**stage
            stages.append(
                nn.Sequential(
                    *(
                        Block(inputs if b == 0 else outputs, outputs, 2 if stage and b == 0 else 1)
                        for b in range(blocks)
                    )
                )
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


def _of_depth(depth: int) -> Callable[..., CifarResNet]:
    def resnet(input_shape: Sequence[int], classes: int, width: int = 16) -> CifarResNet:
        require_size(min(input_shape[1:]) >= 4, f"resnet{depth}", input_shape, "its two halvings")
        return CifarResNet(input_shape[0], classes, (depth - 2) // 6, width)

    resnet.__doc__ = f"Return the CIFAR residual network of depth {depth}, `width` channels wide in its first stage."
    return resnet


resnet8, resnet14, resnet20, resnet32, resnet44, resnet56 = map(_of_depth, (8, 14, 20, 32, 44, 56))
