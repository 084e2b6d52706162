"""Builds a ``torch.nn.Module`` from a few lines of configuration."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from koopflow.config.training import ModelSettings
from koopflow.core.errors import KoopflowError
from koopflow.core.registry import Options, check_options
from koopflow.training.device import own_random_numbers
from koopflow.training.models.checks import check_network
from koopflow.training.models.pretrained import load_weights
from koopflow.training.models.registry import MODELS

ModelSpec = ModelSettings | Mapping[str, Any] | str
"""A network's settings, as a model or as YAML holds them, or its name."""


def model_settings(spec: ModelSpec) -> ModelSettings:
    """Return the settings of a network; options without a key of their own may be given beside the
    name.

    Raises
    ------
    KoopflowError
        If a value is wrong.
    """
    if isinstance(spec, ModelSettings):
        return spec
    given: dict[str, Any] = {"name": spec} if isinstance(spec, str) else dict(spec)
    others = {key: given.pop(key) for key in [*given] if key not in ModelSettings.model_fields}
    return ModelSettings.load(
        {**given, "arguments": {**given.get("arguments", {}), **others}} if others else given, "model"
    )


def build(spec: ModelSpec, input_shape: Sequence[int], classes: int) -> nn.Module:
    """Return the network that `spec` describes, initialized from PyTorch's current random state, or
    with the weights of the checkpoint ``initial_weights``.

    Parameters
    ----------
    spec : ModelSettings, mapping or str
        ``{"name": NAME, **options}``, with further options under ``arguments``, or NAME alone. NAME
        is registered in `koopflow.training.models.registry`, or ``package.module:factory``, which
        is called with the options and with the shape and classes: parameters of these names, or its
        first required ones, in this order.
    input_shape : sequence of int
        Channels, height and width of an image.
    classes : int
        Number of classes.

    Raises
    ------
    KoopflowError
        If the name or an option is unknown, a factory cannot be imported or does not return a
        Module, or the images are too small for the network.
    """
    settings = model_settings(spec)
    name, options = settings.name, settings.options()
    shape = tuple(int(size) for size in input_shape)
    factory = MODELS.load(name, "model")
    network: nn.Module
    if name not in MODELS:
        network = _from_user(name, factory, options, shape, classes)
    else:
        network = factory(shape, classes, **check_options(factory, options, f"model {name}", first=2))
    if settings.initial_weights is not None:
        load_weights(network, settings.initial_weights, settings.initial_except)
    return network


def last_layer(module: nn.Module, input_shape: Sequence[int]) -> tuple[str, ...]:
    """Return the parameter names of the network's classifier: the last module with weights that an
    image passes.

    Modules may be declared in any order. If no module with weights of its own is called, it is the
    last one declared.
    """
    names = [name for name, _ in module.named_parameters()]
    called = _last_called(module, input_shape)
    owner = names[-1].rpartition(".")[0]
    if called is not None and any(name.startswith(f"{called}.") for name in names):
        return tuple(name for name in names if name.startswith(f"{called}."))
    return tuple(name for name in names if name.rpartition(".")[0] == owner)


def _last_called(module: nn.Module, input_shape: Sequence[int]) -> str | None:
    """Return the name of the last submodule with parameters of its own, or parametrized, that a
    forward pass calls."""
    order: list[str] = []
    owners = {name.rpartition(".")[0].partition(".parametrizations")[0] for name, _ in module.named_parameters()}
    hooks = [
        each.register_forward_hook(lambda *_, name=name: order.append(name))
        for name, each in module.named_modules()
        if name and name in owners
    ]
    training, device = module.training, next(module.parameters()).device
    module.eval()
    try:
        with torch.no_grad(), own_random_numbers():
            module(torch.zeros(1, *input_shape, device=device))
    except Exception:  # building the network reports what it cannot do
        return None
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    return order[-1] if order else None


def _offered(
    factory: Callable[..., object], offered: Sequence[tuple[str, object]], options: Options
) -> tuple[list[object], dict[str, object]]:
    """Return the arguments by position and by name with which a factory is called.

    Parameters called input_shape and classes get these; if there are none, the first required ones
    that are no options do.
    """
    parameters = inspect.signature(factory).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    given = {key: value for key, value in offered if takes_all or key in parameters}
    free = [
        name
        for name, each in parameters.items()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        and each.default is each.empty
        and name not in dict(offered)
        and name not in options
    ]
    left = [value for key, value in offered if key not in parameters]
    given |= dict(zip(free, left))
    first = [name for name, each in parameters.items() if each.kind is each.POSITIONAL_ONLY and name in given]
    return [given.pop(name) for name in first], given


def _from_user(
    name: str, factory: Callable[..., object], options: Options, input_shape: Sequence[int], classes: int
) -> nn.Module:
    """Return the network that a user's factory makes, after checking that it maps images to
    classes."""
    offered = (("input_shape", input_shape), ("classes", classes))
    try:
        places, names = _offered(factory, offered, options)
        network = factory(*places, **names, **options)
    except Exception as error:  # whatever a user's factory raises
        raise KoopflowError(
            f"model {name} cannot be built with {dict(options)}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(network, nn.Module):
        raise KoopflowError(f"model {name} must return a torch.nn.Module (got {type(network).__name__})")
    check_network(network, input_shape, classes, name)
    return network
