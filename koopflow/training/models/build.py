"""From a few lines of config to a ``torch.nn.Module``."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from koopflow.config.training import ModelSettings
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options, check_options
from koopflow.training.models.registry import MODELS

ModelSpec = ModelSettings | Mapping[str, Any] | str
"""A network's settings, as a model or as YAML holds them, or its name."""


def model_settings(spec: ModelSpec) -> ModelSettings:
    """Return the settings of a network; options without a key of their own may stand beside the name.

    Raises
    ------
    KoopflowError
        If a value is wrong.
    """
    if isinstance(spec, ModelSettings):
        return spec
    given: dict[str, Any] = {"name": spec} if isinstance(spec, str) else dict(spec)
    others = {key: given.pop(key) for key in [*given] if key not in ModelSettings.model_fields}
    return ModelSettings.load({**given, "arguments": {**given.get("arguments", {}), **others}} if others else given, "model")


def build(spec: ModelSpec, input_shape: Sequence[int], classes: int) -> nn.Module:
    """Return the network that `spec` describes, initialized from PyTorch's current random state.

    Parameters
    ----------
    spec : ModelSettings, mapping or str
        ``{"name": NAME, **options}``, with further options under ``arguments``, or NAME alone. NAME is registered in
        `koopflow.training.models.registry`, or ``package.module:factory``, which is called with the options, and with
        input_shape and classes if it takes them.
    input_shape : sequence of int
        Channels, height and width of an image.
    classes : int
        Number of classes.

    Raises
    ------
    KoopflowError
        The name or an option is unknown, a factory cannot be imported or does not return a Module, or the images are too
        small for the network.
    """
    settings = model_settings(spec)
    name, options = settings.name, settings.options()
    shape = tuple(int(size) for size in input_shape)
    factory = MODELS.load(name, "model")
    if name not in MODELS:
        return _from_user(name, factory, options, shape, classes)
    network: nn.Module = factory(shape, classes, **check_options(factory, options, f"model {name}", first=2))
    return network


def last_layer(module: nn.Module) -> tuple[str, ...]:
    """Return the parameter names of the network's classifier: the last module that has weights of its own."""
    names = [name for name, _ in module.named_parameters()]
    owner = names[-1].rpartition(".")[0]
    return tuple(name for name in names if name.rpartition(".")[0] == owner)


def check_output(network: nn.Module, input_shape: Sequence[int], classes: int, name: str) -> None:
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
        raise KoopflowError(f"model {name} must return one output per class, (2, {classes}) for 2 images (got {shape})")


def _from_user(name: str, factory: Callable[..., object], options: Options, input_shape: Sequence[int], classes: int) -> nn.Module:
    """Return the network that a user's factory makes, once it is known to map images to classes."""
    offered = {"input_shape": input_shape, "classes": classes}
    try:
        parameters = inspect.signature(factory).parameters
        takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
        network = factory(**{key: value for key, value in offered.items() if takes_all or key in parameters}, **options)
    except Exception as error:  # whatever a user's factory raises
        raise KoopflowError(f"model {name} cannot be built with {dict(options)}: {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise KoopflowError(f"model {name} must return a torch.nn.Module (got {type(network).__name__})")
    check_output(network, input_shape, classes, name)
    return network
