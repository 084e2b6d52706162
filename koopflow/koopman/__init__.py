"""The Koopman engine: fit an operator to any trajectory, with residuals and intervals; compare
spectra. It knows no study.

``from koopflow.koopman.dmd import fit``; ``from koopflow.koopman.spectrum import distance,
matching, shuffle_control``.
"""

from koopflow.koopman.dmd import Koopman, fit

__all__ = ["Koopman", "fit"]
