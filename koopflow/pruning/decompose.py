"""Koopman modes of one network's weights over a window of training, for several lengths and ranks.

A fit needs the states only through their inner products. So one reading of the states gives the
products, every fit works on the same states in a few coordinates, and a second reading sums the
modes. Weights are recorded in float32: products in float64 keep every direction above the rounding
of the weights.
"""

import time

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.gram import time_gram
from koopflow.koopman.rank import numerical_rank
from koopflow.koopman.runs import shifted
from koopflow.koopman.source import as_runs
from koopflow.pruning.modes import Modes
from koopflow.trajectory import Trajectory


class Window:
    """The states of one network at successive optimizer steps.

    Parameters
    ----------
    states : array (step, parameter) or Trajectory
    replica : int
        Which network of a trajectory.

    Attributes
    ----------
    seconds : float
        Time that reading, inner products, fits and modes have taken so far.

    Raises
    ------
    KoopflowError
        If states hold NaN or skip steps.
    """

    def __init__(self, states: NDArray[np.generic] | Trajectory, replica: int = 0):
        begun = time.perf_counter()
        self._runs = as_runs(states, replicas=[replica])
        products = time_gram(self._runs)
        values, vectors = eigh(products)
        above = values > len(values) * np.finfo(float).eps * values[-1]
        self._coordinates = shifted(vectors[:, above] * np.sqrt(values[above]), self._runs.exponent)
        self.seconds = time.perf_counter() - begun

    def fit(self, steps: int, rank: float) -> Koopman:
        """Return the operator fitted to the last `steps` steps.

        `rank` is a number of modes, a share of the energy, or -1 for all. Late in training the
        weights hardly change, so the fit may have fewer modes than requested.
        """
        begun = time.perf_counter()
        states = self._coordinates[len(self._coordinates) - steps - 1 :]
        if rank > 1:
            available = numerical_rank(np.linalg.svd(states[:-1], compute_uv=False), states.shape[1], steps)
            rank = min(rank, available)
        fitted = fit(states, svd_rank=rank)
        self.seconds += time.perf_counter() - begun
        return fitted

    def modes(self, fitted: Koopman) -> Modes:
        """Return the exact modes of a fit, over all weights, of Euclidean norm 1."""
        begun = time.perf_counter()
        own = fitted.combination(exact=True)
        coefficients = np.zeros((len(self._coordinates), own.shape[1]), complex)
        coefficients[len(coefficients) - len(own) :] = own
        vectors = self._runs.combine(coefficients).T
        norms = np.linalg.norm(vectors, axis=1)
        vectors = vectors / np.where(norms > 0, norms, 1)[:, None]
        states = fitted.reduced.states[0]
        present, steps = fitted.weights(states[:, -1:])[:, 0], states.shape[1] - 1
        modes = Modes(
            fitted.eigenvalues, vectors, fitted.amplitudes[0] * norms, steps, fitted.residuals, present * norms
        )
        self.seconds += time.perf_counter() - begun
        return modes


def prediction_error(fitted: Koopman) -> float:
    """Return the RMS error of one-step predictions over that of predicting no change."""
    states = fitted.reduced.states[0]
    before, after = states[:, :-1], states[:, 1:]
    change = np.linalg.norm(after - before)
    return float(np.linalg.norm(after - fitted.operator @ before) / change) if change > 0 else 0.0
