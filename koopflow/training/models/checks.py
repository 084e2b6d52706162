"""Checks that a user's network maps images to one real output per class, and can be trained for one
step."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.training.device import own_random_numbers


def check_network(network: nn.Module, input_shape: Sequence[int], classes: int, name: str) -> None:
    """Raise a KoopflowError unless `network` can be trained; its parameters, buffers and mode stay
    as they are.

    One real training step is taken: a loss on two images, forward and backward, in training mode.
    """
    _check_output(network, input_shape, classes, name)
    _check_parameters(network, name)
    _check_step(network, input_shape, classes, name)


def _check_output(network: nn.Module, input_shape: Sequence[int], classes: int, name: str) -> None:
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            outputs = _tried(lambda: network(torch.zeros(2, *input_shape)), name, input_shape)
    finally:
        network.train(training)
    _check_outputs(outputs, classes, name)


def _check_parameters(network: nn.Module, name: str) -> None:
    if not any(True for _ in network.parameters()):
        raise KoopflowError(f"model {name} has no parameters to train")
    for parameter, values in network.named_parameters():
        if not values.is_floating_point():
            kind = str(values.dtype).removeprefix("torch.")
            raise KoopflowError(
                f"model {name}: the parameter {parameter} must hold real numbers (got {kind}); hold real and "
                "imaginary parts as two"
            )
    if not any(values.requires_grad for values in network.parameters()):
        raise KoopflowError(
            f"model {name}: all parameters are frozen (requires_grad is False); there is nothing to train"
        )


def _check_step(network: nn.Module, input_shape: Sequence[int], classes: int, name: str) -> None:
    training, kept = network.training, {key: buffer.clone() for key, buffer in network.named_buffers()}
    images = torch.linspace(-1, 1, steps=2 * int(torch.tensor(input_shape).prod())).view(2, *input_shape)
    network.train()
    try:
        with own_random_numbers(), torch.enable_grad():
            outputs = _check_outputs(
                _tried(lambda: network(images), name, input_shape, " in training"), classes, name, " in training"
            )
            _tried(
                lambda: F.cross_entropy(outputs, torch.tensor([0, classes - 1])).backward(),
                name,
                input_shape,
                " in training",
            )
    finally:
        network.train(training)
        network.zero_grad(set_to_none=True)
        with torch.no_grad():
            for key, buffer in network.named_buffers():
                if key in kept:
                    buffer.copy_(kept[key])


def _check_outputs(outputs: object, classes: int, name: str, when: str = "") -> torch.Tensor:
    if not isinstance(outputs, torch.Tensor):
        raise KoopflowError(f"model {name} must return one tensor{when} (got {type(outputs).__name__})")
    if tuple(outputs.shape) != (2, classes):
        raise KoopflowError(
            f"model {name} must return one output per class{when}, (2, {classes}) for 2 images (got "
            f"{tuple(outputs.shape)})"
        )
    if not outputs.is_floating_point():
        raise KoopflowError(
            f"model {name} must return real numbers{when} (got {str(outputs.dtype).removeprefix('torch.')})"
        )
    return outputs


def _tried(step: Callable[[], object], name: str, input_shape: Sequence[int], when: str = "") -> object:
    """Return the result of `step`; raise a KoopflowError if it raises anything."""
    try:
        return step()
    except Exception as error:  # a user's network may raise anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        images = "×".join(map(str, input_shape))
        raise KoopflowError(f"model {name} does not accept images of {images}{when}: {reason}") from error
