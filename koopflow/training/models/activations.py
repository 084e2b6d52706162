"""The activations that the networks share."""

from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import nearest

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "linear": nn.Identity}


def activation_of(model: str, name: str) -> type[nn.Module]:
    """Return the activation called `name`; raise a KoopflowError that names `model` for an unknown
    one."""
    if name not in ACTIVATIONS:
        raise KoopflowError(
            f"model {model}: activation: no activation named {name!r}{nearest(name, ACTIVATIONS)}; "
            f"available: {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]
