"""torchvision's residual networks for colour images, untrained."""

from collections.abc import Callable, Sequence

from torch import nn

from koopflow.core.errors import KoopflowError


def _called(name: str) -> Callable[..., nn.Module]:
    def network(input_shape: Sequence[int], classes: int) -> nn.Module:
        import torchvision.models

        if input_shape[0] != 3:
            raise KoopflowError(f"model {name}: images must have 3 channels (got {input_shape[0]})")
        return torchvision.models.get_model(name, weights=None, num_classes=classes)

    network.__doc__ = f"Return torchvision's {name} with random weights."
    return network


resnet18, resnet34, resnet50 = _called("resnet18"), _called("resnet34"), _called("resnet50")
resnet101, resnet152 = _called("resnet101"), _called("resnet152")
wide_resnet50_2, wide_resnet101_2 = _called("wide_resnet50_2"), _called("wide_resnet101_2")
