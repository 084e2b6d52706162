"""The registry of networks, and `build`, which reads a few lines of config into a ``torch.nn.Module``.

A new network is one function ``(input_shape, classes, **options) -> torch.nn.Module`` decorated with
``@model("name")``; a user's own
needs no registration: ``package.module:factory``.
"""

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from koopflow.core.errors import KoopflowError

MODELS: dict[str, Callable[..., nn.Module]] = {}
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "linear": nn.Identity}
TORCHVISION = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2")


def model(name: str) -> Callable:
    """Register a function ``(input_shape, classes, **options) -> Module`` as the network `name`."""

    def register(function: Callable) -> Callable:
        MODELS[name] = function
        return function

    return register


def build(spec: Mapping | str, input_shape: Sequence[int], classes: int) -> nn.Module:
    """Return the network that `spec` describes, initialized from PyTorch's current random state.

    Parameters
    ----------
    spec : mapping or str
        ``{"name": NAME, **options}``, with further options under ``arguments``, or NAME alone; NAME is registered, one of
        torchvision's residual networks, or ``package.module:factory`` (called with the options, and with input_shape and classes
        where it takes them).
    input_shape : (channel, height, width)
    classes : int

    Raises
    ------
    KoopflowError
        An unknown name or option, a factory that does not import or does not return a Module, images too small for the network.
    """
    import koopflow.training.convolutional  # noqa: F401 (registers its networks)

    spec = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = spec.pop("name", None)
    spec |= spec.pop("arguments", {})
    input_shape = tuple(int(size) for size in input_shape)
    if isinstance(name, str) and ":" in name:
        return _from_user(name, spec, input_shape, classes)
    if name in MODELS:
        accepted = list(inspect.signature(MODELS[name]).parameters)[2:]
        for key in spec:
            if key not in accepted:
                raise KoopflowError(
                    f"model {name} has no option {key!r}{_nearest(key, accepted)}; accepted are {', '.join(accepted) or 'none'}"
                )
        return MODELS[name](input_shape, classes, **spec)
    if name in TORCHVISION:
        return _from_torchvision(name, spec, input_shape, classes)
    known = [*MODELS, *TORCHVISION]
    raise KoopflowError(f"unknown model {name!r}{_nearest(name, known)}; known are {', '.join(known)} and package.module:factory")


def last_layer(module: nn.Module) -> tuple[str, ...]:
    """Return the parameter names of the network's last layer (its classifier): the last module that has weights of its own."""
    owners = [name.rpartition(".")[0] for name, _ in module.named_parameters()]
    return tuple(name for name, _ in module.named_parameters() if name.rpartition(".")[0] == owners[-1])


class MLP(nn.Sequential):
    """A fully connected network whose structure the ensemble trainer knows: flatten, then layers with one activation between."""

    def __init__(self, sizes: Sequence[int], activation: str, bias: bool):
        layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
        self_names = [*(f"layer{index}" for index in range(1, len(sizes) - 1)), "output"]
        for name, inputs, outputs in zip(self_names, sizes[:-1], sizes[1:]):
            layers[name] = nn.Linear(inputs, outputs, bias=bias)
            if name != "output":
                layers[name.replace("layer", "activation")] = ACTIVATIONS[activation]()
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.layer_names, self.activation, self.sizes = tuple(self_names), activation, tuple(sizes)


@model("mlp")
def mlp(
    input_shape,
    classes,
    widths: Sequence[int] = (300, 100),
    activation: str = "relu",
    bias: bool = True,
    initialization: str = "torch",
) -> nn.Module:
    """Return a fully connected network with hidden layers of the given widths (LeNet-300-100 by default; none for a
    linear model).

    Its first weights are PyTorch's own, or ``kaiming_normal`` (He et al. 2015), as the lottery-ticket codes draw them.
    """
    if activation not in ACTIVATIONS:
        raise KoopflowError(
            f"model mlp: activation {activation!r}{_nearest(activation, ACTIVATIONS)}; accepted are {', '.join(ACTIVATIONS)}"
        )
    if isinstance(widths, int | str) or not all(isinstance(width, int) and width > 0 for width in widths):
        raise KoopflowError(f"model mlp: widths: {widths!r} is not a list of positive whole numbers")
    if not isinstance(bias, bool):
        raise KoopflowError(f"model mlp: bias: {bias!r} is neither true nor false")
    if initialization not in ("torch", "kaiming_normal"):
        raise KoopflowError(f"model mlp: initialization: {initialization!r} is not accepted; accepted are torch, kaiming_normal")
    inputs = 1
    for size in input_shape:
        inputs *= size
    network = MLP([inputs, *widths, classes], activation, bias)
    if initialization == "kaiming_normal":
        for name in network.layer_names:
            nn.init.kaiming_normal_(network.get_submodule(name).weight)
    return network


def _from_torchvision(name: str, options: Mapping, input_shape: tuple, classes: int) -> nn.Module:
    import torchvision.models

    if options:
        raise KoopflowError(f"model {name} is torchvision's and takes no options; found {next(iter(options))!r}")
    if input_shape[0] != 3:
        raise KoopflowError(f"model {name} takes colour images (3 channels); the data have {input_shape[0]}")
    return torchvision.models.get_model(name, weights=None, num_classes=classes)


def _from_user(name: str, options: Mapping, input_shape: tuple, classes: int) -> nn.Module:
    module_name, _, attribute = name.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
    except Exception as error:  # whatever a user's module raises while it is imported
        raise KoopflowError(f"model {name} does not import: {type(error).__name__}: {error}") from error
    if not callable(factory):
        raise KoopflowError(f"model {name} is no function; a factory returning a torch.nn.Module is expected")
    offered = {"input_shape": input_shape, "classes": classes}
    try:
        parameters = inspect.signature(factory).parameters
        takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
        network = factory(**{key: value for key, value in offered.items() if takes_all or key in parameters}, **options)
    except Exception as error:  # whatever a user's factory raises
        raise KoopflowError(f"model {name} could not be built with {dict(options)}: {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise KoopflowError(f"model {name} returned {type(network).__name__}; a torch.nn.Module is expected")
    check_output(network, input_shape, classes, name)
    return network


def check_output(network: nn.Module, input_shape: tuple, classes: int, name: str) -> None:
    """Raise a KoopflowError unless `network` maps two images to two rows of `classes` outputs."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            shape = tuple(network(torch.zeros(2, *input_shape)).shape)
    except Exception as error:  # whatever a user's network raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise KoopflowError(f"model {name} does not accept images of {'×'.join(map(str, input_shape))}: {reason}") from error
    finally:
        network.train(training)
    if shape != (2, classes):
        raise KoopflowError(f"model {name} returns {shape} for 2 images; expected is (2, {classes}), one output per class")


def _nearest(name: object, known) -> str:
    match = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {match[0]!r}?)" if match else ""
