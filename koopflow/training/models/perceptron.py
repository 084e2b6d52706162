"""Fully connected networks, among them LeNet-300-100 of the lottery-ticket papers."""

from collections.abc import Sequence
from math import prod

from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.training.engines.contract import DenseChain
from koopflow.training.models.activations import activation_of

INITIALIZATIONS = ("torch", "kaiming_normal")


class MLP(nn.Sequential):
    """Flatten, then dense layers with one activation between them.

    Attributes
    ----------
    dense_chain : DenseChain
        Tells the trainer that the whole ensemble can be computed as batched matrix products.
    """

    def __init__(self, sizes: Sequence[int], activation: str, bias: bool):
        super().__init__()
        hidden = len(sizes) - 2
        names = [*(f"layer{index}" for index in range(1, hidden + 1)), "output"]
        layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
        for index, (name, inputs, outputs) in enumerate(zip(names, sizes[:-1], sizes[1:]), start=1):
            layers[name] = nn.Linear(inputs, outputs, bias=bias)
            if index <= hidden:
                layers[f"activation{index}"] = activation_of("mlp", activation)()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.dense_chain = DenseChain(tuple(names), activation)


def mlp(
    input_shape: Sequence[int],
    classes: int,
    widths: Sequence[int] = (300, 100),
    activation: str = "relu",
    bias: bool = True,
    initialization: str = "torch",
) -> MLP:
    """Return a fully connected network with hidden layers of the given widths; an empty list makes
    a linear model.

    `initialization` is ``torch`` (PyTorch's default) or ``kaiming_normal`` (He et al. 2015), which
    the lottery-ticket codes use.
    """
    activation_of("mlp", activation)
    if isinstance(widths, int | str) or not all(isinstance(width, int) and width > 0 for width in widths):
        raise KoopflowError(f"model mlp: widths must be a list of positive integers (got {widths!r})")
    if not isinstance(bias, bool):
        raise KoopflowError(f"model mlp: bias must be true or false (got {bias!r})")
    if initialization not in INITIALIZATIONS:
        raise KoopflowError(
            f"model mlp: initialization must be one of {', '.join(INITIALIZATIONS)} (got {initialization!r})"
        )
    network = MLP([prod(input_shape), *widths, classes], activation, bias)
    if initialization == "kaiming_normal":
        for layer in network:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
    return network


def lenet(input_shape: Sequence[int], classes: int) -> MLP:
    """Return LeNet-300-100, the fully connected network of the lottery-ticket papers."""
    return mlp(input_shape, classes, widths=(300, 100))
