"""Learn from past errors when to trust a recalled forecast and how to weight experts.

Both learners are online: each decision uses only truths already observed.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.forecast.options import GateSettings

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

# Candidate thresholds; stable spectra are at most 2 apart.
GRID = np.concatenate([[-1.0], np.geomspace(1e-4, 2.0, 40), [np.inf]])
# Sharpness of the last step: a forecast with a 5 % larger error keeps little weight.
GUARD = 60.0
# Learned weights must beat the plain experts by this share: on a random walk nothing can be
# learned, and equal errors do not justify the weights.
HANDICAP = 0.02
# A threshold is trusted once its mean saving exceeds this many standard errors.
DOUBT = 0.5


def identity(values: Floats) -> Floats:
    """Return `values` unchanged."""
    return values


class LearnedThreshold:
    """Largest distance at which a recalled forecast is trusted, learned for each step ahead.

    For every threshold in a fixed grid, the excess cost of "recall if nearer than this, else the
    sliding forecast" over the sliding forecast is summed. The current threshold has the lowest cost
    so far (follow the leader). A share of its standard error is added to each cost; otherwise the
    minimum of many noisy sums would look like a saving.

    Parameters
    ----------
    horizon : int
        Steps ahead.
    """

    def __init__(self, horizon: int) -> None:
        self._cost, self._squares = np.zeros((2, horizon, len(GRID)))
        # errors k steps ahead are correlated over k origins
        self._overlap = np.arange(1, horizon + 1)[:, None]

    def settle(self, steps: Integers, distances: Floats, recalled: Floats, ordinary: Floats) -> None:
        """Add the errors of earlier forecasts whose truth is now known.

        Parameters
        ----------
        steps : (n,) int
            Steps ahead of each forecast.
        distances : (n,)
            Distance to the nearest recalled window when the forecast was made.
        recalled, ordinary : (n,)
            Absolute errors of the recalled and the sliding forecasts.
        """
        near = distances[:, None] <= GRID[None, :]
        cost = np.where(near, (recalled - ordinary)[:, None], 0.0)
        self._cost[steps - 1] += cost
        self._squares[steps - 1] += cost**2

    def value(self) -> Floats:
        """Return the current thresholds (horizon,); initially -1, never recall."""
        return GRID[np.argmin(self._cost + DOUBT * np.sqrt(self._overlap * self._squares), axis=1)]


class Gate:
    """Weights of several experts, learned for each step ahead from their past errors.

    Forecasts are taken relative to the first expert (persistence). A prior favours experts with
    small recent errors and small errors in similar situations (exponential weights, Cesa-Bianchi
    and Lugosi 2006). A ridge regression of truths on forecasts, centred on the prior, corrects it
    as far as the evidence supports (stacking, Breiman 1996). Iterative reweighting, one step per
    sample, makes the regression minimize absolute errors instead of squares.

    Parameters
    ----------
    experts, horizon, channels : int
        Sizes of the forecasts (experts, horizon, channels).
    memory : float
        Number of forecasts after which the weight of evidence decays to 1/e.
    settings : GateSettings
    measure : callable, optional
        Maps forecasts to the units in which errors are compared, see `EpisodicKoopman`; the
        regression uses the values.

    Raises
    ------
    KoopflowError
        If `memory` is not positive.
    """

    def __init__(
        self,
        experts: int,
        horizon: int,
        channels: int,
        *,
        memory: float,
        settings: GateSettings = GateSettings(),  # noqa: B008 - it is frozen
        measure: Callable[[Floats], Floats] | None = None,
    ) -> None:
        if memory <= 0:
            raise KoopflowError(f"memory must be positive (got {memory})")
        self.experts, self.horizon, self.channels, self.settings = experts, horizon, channels, settings
        self.pooling = max(1, round(settings.pooling * horizon))
        self.measure = measure or identity
        self.decay = float(np.exp(-1.0 / memory))
        shape = (horizon, channels)
        self._gram = np.zeros((*shape, experts - 1, experts - 1))
        self._cross = np.zeros((*shape, experts - 1))
        self._loss = np.zeros((*shape, experts))
        self._count = np.zeros(shape)
        self._error = np.zeros(shape)
        self._stacked = np.zeros(shape)

    def settle(self, steps: Integers, forecasts: Floats, combined: Floats, truth: Floats) -> None:
        """Add one truth (channels,) and the earlier forecasts of it.

        Parameters
        ----------
        steps : (n,) int
            Steps ahead of each forecast, all different.
        forecasts : (n, experts, channels)
        combined : (n, channels)
            Their weighted forecasts when made, before `guarded`.
        truth : (channels,)
        """
        rows = steps - 1
        relative = (forecasts[:, 1:] - forecasts[:, :1]).transpose(0, 2, 1)
        target = truth[None, :] - forecasts[:, 0]
        error = np.abs(truth[None, :] - combined)
        self._count[rows] = self.decay * self._count[rows] + 1.0
        self._error[rows] = self.decay * self._error[rows] + error
        happened = self.measure(truth)
        self._stacked[rows] = self.decay * self._stacked[rows] + np.abs(happened - self.measure(combined))
        self._loss[rows] = self.decay * self._loss[rows] + np.abs(happened - self.measure(forecasts)).transpose(0, 2, 1)
        typical = self._error[rows] / self._count[rows]
        weight = typical / np.maximum(error, 0.3 * typical + 1e-300)
        evidence = weight[..., None, None] * relative[..., :, None] * relative[..., None, :]
        self._gram[rows] = self.decay * self._gram[rows] + evidence
        self._cross[rows] = self.decay * self._cross[rows] + (weight * target)[..., None] * relative

    def guarded(self, forecasts: Floats, stacked: Floats, guards: Sequence[int]) -> Floats:
        """Return `stacked`, moved towards a plain expert wherever its errors are smaller.

        Learned weights can do worse than even persistence; this step limits the loss (steep
        exponential weights).

        Parameters
        ----------
        forecasts : (experts, horizon, channels)
        stacked : (horizon, channels)
            The weighted forecast.
        guards : sequence of int
            Indices of the plain experts.

        Returns
        -------
        (horizon, channels)
        """
        everyone = np.concatenate([stacked[None], forecasts[list(guards)]])
        loss = np.concatenate(
            [(1.0 + HANDICAP) * self._stacked[None], self._loss[..., list(guards)].transpose(2, 0, 1)]
        )
        best = np.maximum(loss.min(axis=0), 1e-300)
        trust = np.exp(-np.minimum(GUARD * (loss / best - 1.0), 500.0))
        trust[1:] *= self._count > 0
        return (trust * everyone).sum(axis=0) / trust.sum(axis=0)

    def weights(self, like: Floats | None = None) -> Floats:
        """Return the weights (horizon, channels, experts), which sum to one; some may be negative.

        Parameters
        ----------
        like : (horizon, channels, experts), optional
            Mean absolute errors of each expert in similar situations; NaN where unknown.
        """
        settings = self.settings
        loss = self._loss / np.maximum(self._count, 1e-300)[..., None]
        if like is not None:
            loss = np.where(np.isfinite(like), loss + settings.situation * (like - loss), loss)
        best = np.maximum(loss.min(axis=-1, keepdims=True), 1e-300)
        preference = np.where(self._count[..., None] > 0, -settings.sharpness * (loss / best - 1.0), 0.0)
        prior = np.exp(np.maximum(preference, -500.0))
        prior /= prior.sum(axis=-1, keepdims=True)
        tail = prior[..., 1:]
        # Scaled by the mean evidence of one forecast, the ridge penalty does not depend on the
        # units of the series.
        gram, cross, count = (_pooled(array, self.pooling) for array in (self._gram, self._cross, self._count))
        size = np.trace(gram, axis1=-2, axis2=-1) / (self.experts - 1)
        ridge = settings.caution * size / np.maximum(count, 1.0)
        damped = gram + (ridge[..., None, None] + 1e-12 * size[..., None, None] + 1e-300) * np.eye(self.experts - 1)
        surplus = cross - (gram @ tail[..., None])[..., 0]
        tail = tail + np.linalg.solve(damped, surplus[..., None])[..., 0]
        return np.concatenate([1.0 - tail.sum(axis=-1, keepdims=True), tail], axis=-1)


def _pooled(array: Floats, reach: int) -> Floats:
    """Return averages over neighbouring steps ahead, with triangular weights that vanish at
    `reach`."""
    horizon = len(array)
    distance = np.abs(np.arange(horizon)[:, None] - np.arange(horizon)[None, :])
    weight = np.maximum(0.0, 1.0 - distance / reach)
    return np.tensordot(weight / weight.sum(axis=1, keepdims=True), array, axes=1)
