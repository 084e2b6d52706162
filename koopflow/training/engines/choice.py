"""Which engine trains a network: the fastest that computes it right."""

import torch
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.training.engines.contract import dense_chain_of

METHODS = ("auto", "matrix", "vmap", "sequential")


def choose_method(module: nn.Module, method: str, device: torch.device) -> str:
    """Return ``matrix``, ``vmap`` or ``sequential`` for `module`: `method` itself unless that is ``auto``.

    Raises
    ------
    KoopflowError
        If `method` is unknown, or ``matrix`` for a network that is no dense chain.
    """
    if method not in METHODS:
        raise KoopflowError(f"method must be one of {', '.join(METHODS)} (got {method!r})")
    dense = dense_chain_of(module) is not None
    if method == "matrix" and not dense:
        raise KoopflowError("method: matrix needs a network that declares a dense_chain, as mlp does; use auto, vmap or sequential")
    if method != "auto":
        return method
    if dense:
        return "matrix"
    kinds = (nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
    # Convolutions with each replica's own weights become grouped ones, which a CPU computes slower than one after another;
    # vmap refuses running statistics and dropout.
    unfit = kinds if device.type == "cpu" else kinds[1:]
    return "sequential" if any(isinstance(each, unfit) for each in module.modules()) else "vmap"
