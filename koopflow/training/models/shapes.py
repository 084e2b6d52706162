"""Checks that images are large enough for a network."""

from collections.abc import Sequence

from koopflow.core.errors import KoopflowError


def require_size(enough: bool, model: str, input_shape: Sequence[int], what: str) -> None:
    """Raise a KoopflowError unless images are large `enough` for `what` in the network `model`."""
    if not enough:
        raise KoopflowError(f"model {model}: images of {'×'.join(map(str, input_shape))} are too small for {what}")
