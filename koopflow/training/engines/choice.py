"""Chooses the engine that trains a network: the fastest that gives correct gradients."""

import logging
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.training.device import own_random_numbers
from koopflow.training.engines.contract import dense_chain_of
from koopflow.training.engines.vmapped import VmapEngine
from koopflow.training.layout import Layout, Stack

logger = logging.getLogger("koopflow")

NOISE = 0.02
"""Relative difference allowed between two computations of a gradient."""

METHODS = ("auto", "matrix", "vmap", "sequential")


def choose_method(
    module: nn.Module, method: str, device: torch.device, input_shape: Sequence[int], classes: int
) -> str:
    """Return ``matrix``, ``vmap`` or ``sequential`` for `module`: `method` itself unless that is
    ``auto``.

    ``auto`` takes vmap only if one training step through it gives the gradients of the module
    itself.

    Raises
    ------
    KoopflowError
        If `method` is unknown, or is ``matrix`` and the network is not a dense chain.
    """
    if method not in METHODS:
        raise KoopflowError(f"method must be one of {', '.join(METHODS)} (got {method!r})")
    dense = dense_chain_of(module) is not None
    if method == "matrix" and not dense:
        raise KoopflowError(
            "method: matrix needs a network that declares a dense_chain, as mlp does; use auto, vmap or sequential"
        )
    if method != "auto":
        return method
    if dense:
        return "matrix"
    kinds = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
    # Convolutions with each replica's own weights become grouped ones, which a CPU computes slower
    # than one after another; vmap refuses running statistics and dropout.
    unfit = kinds if device.type == "cpu" else kinds[1:]
    if any(isinstance(each, unfit) for each in module.modules()):
        return "sequential"
    if device.type == "cpu" and getattr(module, "sequential_on_cpu", False):
        return "sequential"
    reason = why_not_vmap(module, device, input_shape, classes)
    if reason:
        logger.info("vmap cannot batch this network (%s); its replicas are trained one after another", reason)
    return "sequential" if reason else "vmap"


def why_not_vmap(module: nn.Module, device: torch.device, input_shape: Sequence[int], classes: int) -> str:
    """Return the reason why vmap cannot train `module`, empty if it can; one step is compared with
    plain autograd."""
    layout, states = Layout.of(module.named_parameters()), dict(module.named_buffers())
    floating = Layout.of((name, buffer) for name, buffer in states.items() if buffer.is_floating_point())
    weights, gradients, buffers = Stack(layout, 2, device), Stack(layout, 2, device), Stack(floating, 2, device)
    named = dict(module.named_parameters())
    for stack, tensors in ((weights, named), (buffers, states)):
        for name, view in stack.views.items():
            view.copy_(tensors[name].detach().expand_as(view))
    kept, training = {name: buffer.clone() for name, buffer in states.items()}, module.training
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 2, *input_shape, generator=generator).to(device)
    y = torch.tensor([[0, classes - 1]], device=device)
    try:
        with own_random_numbers():
            engine = VmapEngine(module, weights, gradients, buffers, 1, 2)
            engine.logits(x[0])
            engine.gradient(x, y, 0)
            trainable = {name: value for name, value in named.items() if value.requires_grad}
            loss = F.cross_entropy(module(x[0]), y[0])
            plain = torch.autograd.grad(loss, list(trainable.values()), allow_unused=True)
        changed = any(not torch.equal(buffer, kept[name]) for name, buffer in states.items())
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # vmap raises many kinds for what it cannot batch
        return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
    finally:
        module.train(training)
        with torch.no_grad():
            for name, buffer in states.items():
                buffer.copy_(kept[name])
    for name, found in zip(trainable, plain):
        ours = gradients.views[name]
        expected = torch.zeros_like(ours[0]) if found is None else found
        if float((ours - expected).norm()) > NOISE * float(expected.norm()) + 1e-6:
            return f"the gradient of {name} differs"
    return "its buffers change in training" if changed else ""
