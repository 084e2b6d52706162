"""Image classification data for training, everything in memory.

``load({"source": "digits"})`` returns `Images`. `registry` lists the sources and transforms; each
is one function.

>>> from koopflow.data.images import load
>>> load("digits").shape
(1, 8, 8)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from koopflow.data.images.loading import load
    from koopflow.data.images.sets import Images, RawImages

__all__ = ["Images", "RawImages", "load"]

_HOMES = {"Images": "sets", "RawImages": "sets", "load": "loading"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that listing the registry imports no NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
