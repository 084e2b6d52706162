"""One ridge regression over all past delay vectors, refitted as the memory grows.

A window's model describes one regime; this regression describes them all. For each step ahead k it
regresses z(t+k) - z(t) on the delay vector relative to its last sample: a direct estimate of the
k-th power of a Koopman operator restricted to delays (EDMD, Williams et al. 2015, with Tikhonov
regularization). The penalty in use is the one with the smallest error so far; each prediction is
scored before its truth enters the fit.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RIDGES = np.array([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])


class ConsolidatedMemory:
    """Direct forecasts for 1 ... horizon steps, learned from all known samples.

    Parameters
    ----------
    delays, horizon : int
        Samples per delay vector, and steps ahead.
    refresh : int
        The operator is refitted at every time divisible by this.
    """

    def __init__(self, delays: int, horizon: int, refresh: int) -> None:
        self.delays, self.horizon, self.refresh = delays, horizon, refresh
        self._gram: Floats | None = None
        self._cross: Floats | None = None
        self._known = delays - 1
        self._cost = np.zeros(len(RIDGES))
        self._operators: Floats | None = None

    def _rows(self, values: Floats, origins: NDArray[np.intp]) -> Floats:
        """Return the regressors: 1 and the delays relative to the last, (n, 1 + (delays - 1) x
        channels)."""
        lagged = values[origins[:, None] - np.arange(1, self.delays)[None, :]] - values[origins][:, None, :]
        return np.concatenate([np.ones((len(origins), 1)), lagged.reshape(len(origins), -1)], axis=1)

    def _learn(self, values: Floats, time: int) -> None:
        """Add the origins whose future is known at `time`, after scoring the operators on them."""
        origins = np.arange(self._known, time - self.horizon + 1)
        if len(origins) == 0:
            return
        self._known = time - self.horizon + 1
        rows = self._rows(values, origins)
        targets = values[origins[:, None] + np.arange(1, self.horizon + 1)[None, :]] - values[origins][:, None, :]
        targets = targets.reshape(len(origins), -1)
        if self._operators is not None:
            self._cost += [np.abs(rows @ operator - targets).sum() for operator in self._operators]
        if self._gram is None or self._cross is None:
            self._gram = np.zeros((rows.shape[1], rows.shape[1]))
            self._cross = np.zeros((rows.shape[1], targets.shape[1]))
        self._gram += rows.T @ rows
        self._cross += rows.T @ targets
        self._operators = _solved(self._gram, self._cross)

    def forecast(self, values: Floats, start: int, stop: int) -> Floats:
        """Return forecasts from origins start ... stop - 1, which must follow those of the last
        call.

        Returns
        -------
        (stop - start, horizon, channels)
            The last value before anything is learned.
        """
        channels = values.shape[1]
        result = np.repeat(values[start:stop, None, :], self.horizon, axis=1)
        time = start
        while time < stop:
            if time % self.refresh == 0:
                self._learn(values, time)
            end = min(stop, time - time % self.refresh + self.refresh)
            origins = np.arange(max(time, self.delays - 1), end)
            if self._operators is not None and len(origins):
                change = self._rows(values, origins) @ self._operators[int(np.argmin(self._cost))]
                result[origins - start] += change.reshape(len(origins), self.horizon, channels)
            time = end
        return result


def _solved(gram: Floats, cross: Floats) -> Floats:
    """Return the operators (ridges, regressors, targets), one for each penalty in RIDGES."""
    # Scale the constant's column to the size of the others, so that it is not penalized like a
    # coefficient.
    size = np.sqrt(np.maximum(np.diag(gram)[1:].mean() / gram[0, 0], 1e-300)) if len(gram) > 1 else 1.0
    scale = np.ones(len(gram))
    scale[0] = size
    squares, basis = np.linalg.eigh(gram * scale[:, None] * scale[None, :])
    squares = np.maximum(squares, 0.0)
    coordinates = basis.T @ (cross * scale[:, None])
    strength = RIDGES * max(squares.mean(), 1e-300)
    return np.stack([scale[:, None] * (basis @ (coordinates / (squares[:, None] + ridge))) for ridge in strength])
