"""Fitted operators on disk: arrays in an .npz file, no pickles."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koopflow.io import npz
from koopflow.koopman.dmd import Koopman
from koopflow.koopman.reduce import Reduced
from koopflow.koopman.runs import Array, ComplexArray, Runs, shifted

KIND, FORMAT = "koopman operator", 1
NUMBERS = ("eigenvalues", "residuals", "amplitudes", "singular_values", "operator", "right", "left")
NEEDED = (*NUMBERS, "modes", "energy", "states", "lengths", "sizes", "words", "parameters", "complete")


@dataclass(frozen=True)
class Saved:
    """Contents of a file: the operator, its modes and directions (parameter, r) for the newest
    state, its p-values (r,) against random walks, the requested parameters, and whether the
    trajectory files were complete.
    """

    fitted: Koopman
    modes: ComplexArray
    directions: NDArray[np.floating]
    p_random_walk: Array
    parameters: Sequence[str]
    complete: bool


def save(path: str | os.PathLike[str], saved: Saved) -> None:
    """Write an operator to `path`, without the trajectory it was fitted to."""
    fitted = saved.fitted
    arrays = {name: np.asarray(getattr(fitted, name)) for name in NUMBERS}
    arrays["modes"], arrays["directions"] = saved.modes, saved.directions
    arrays["p_random_walk"] = saved.p_random_walk
    arrays["energy"] = np.asarray(fitted.reduced.energy)
    arrays["states"] = np.concatenate(fitted.reduced.states, axis=1)
    arrays["lengths"], arrays["sizes"] = (
        np.asarray(fitted.runs.lengths),
        np.asarray([fitted.runs.width, fitted.delays, fitted.runs.exponent]),
    )
    arrays["words"], arrays["parameters"] = (
        np.asarray([fitted.variant, fitted.route]),
        np.asarray(saved.parameters, np.str_),
    )
    arrays["complete"], arrays["interval"] = np.asarray(saved.complete), np.asarray(fitted.interval)
    npz.save(path, KIND, FORMAT, arrays)


def load(path: str | os.PathLike[str]) -> Saved:
    """Return the operator saved at `path`, with its stored modes; it can forecast and compute
    intervals.

    Raises
    ------
    KoopflowError
        If the file is missing, damaged or of another kind.
    """
    arrays = npz.load(path, KIND, FORMAT, NEEDED)
    width, delays, *exponent = (int(size) for size in arrays["sizes"])
    variant, route = (str(word) for word in arrays["words"])
    runs = Runs([int(length) for length in arrays["lengths"]], width, delays)
    runs.exponent = exponent[0] if exponent else 0
    runs.interval = int(arrays.get("interval", 1))
    states = np.split(arrays["states"], np.cumsum(runs.windows)[:-1], axis=1)
    reduced = Reduced(
        shifted(arrays["singular_values"], -runs.exponent), states, None, None, route, float(arrays["energy"])
    )
    values, residuals, amplitudes, singular, matrix, right, left = (arrays[name] for name in NUMBERS)
    fitted = Koopman(values, residuals, amplitudes, singular, matrix, right, left, reduced, runs, variant)
    modes = arrays["modes"]
    # files of koopflow 0.2 hold modes only
    p_random_walk = arrays.get("p_random_walk", np.full(len(values), np.nan))
    directions = arrays["directions"] if "directions" in arrays else (modes @ np.linalg.pinv(right)).real
    return Saved(
        fitted, modes, directions, p_random_walk, [str(word) for word in arrays["parameters"]], bool(arrays["complete"])
    )
