"""The Koopman engine: fit an operator to any trajectory, with residuals and intervals; compare
spectra.

``from koopflow.koopman.dmd import fit``; ``from koopflow.koopman.spectrum import distance,
matching, shuffle_control``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from koopflow.koopman.dmd import Koopman, fit

__all__ = ["Koopman", "fit"]


def __getattr__(name: str) -> Any:
    """Import `fit` and `Koopman` on first use, so that forecasts and tickets never import h5py."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from koopflow.koopman import dmd

    return getattr(dmd, name)
