"""Series to forecast: `load` reads one from its source and puts it on a regular grid; `registry`
lists the sources.

>>> from koopflow.data.series import load
>>> load("spots", {"source": "sunspots"}).step
'step'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from koopflow.data.series.loading import load, prepared
    from koopflow.data.series.series import Series

__all__ = ["Series", "load", "prepared"]

_HOMES = {"Series": "series", "load": "loading", "prepared": "loading"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that listing the registry imports no NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
