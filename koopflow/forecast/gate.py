"""Learning from past errors when to trust a recollection and how to weigh forecasts.

Both learners are online: they are told a truth only once it has happened, and asked for a decision
before the next one.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.forecast.options import GateSettings

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

# Thresholds tried side by side; spectra that are stable are at most 2 apart.
GRID = np.concatenate([[-1.0], np.geomspace(1e-4, 2.0, 40), [np.inf]])
# How steeply the last step turns away from a forecast that has erred more: an excess of 5 % leaves
# little of it.
GUARD = 60.0
# Learned weights must beat plain forecasters by this share: on a random walk nothing can be
# learned, and equal errors are no reason to trust the weights.
HANDICAP = 0.02
# A recollection is trusted once it has saved more than this many standard errors of what it saved.
DOUBT = 0.5


def identity(values: Floats) -> Floats:
    """Return `values` unchanged."""
    return values


class LearnedThreshold:
    """The largest distance at which a recalled forecast is trusted, learned for each step ahead.

    For every threshold of a fixed grid, the cost of "recall if nearer than this, else the sliding
    forecast" relative to the sliding forecast alone is summed. The threshold in force has the least
    cost so far (follow the leader). Each cost counts with a share of its standard error; otherwise
    the least of many sums of noise would look like a saving.

    Parameters
    ----------
    horizon : int
        Steps ahead.
    """

    def __init__(self, horizon: int) -> None:
        self._cost, self._squares = np.zeros((2, horizon, len(GRID)))
        # Errors k steps ahead are correlated over k origins.
        self._overlap = np.arange(1, horizon + 1)[:, None]

    def settle(self, steps: Integers, distances: Floats, recalled: Floats, ordinary: Floats) -> None:
        """Add the errors of earlier forecasts whose truth is now known.

        Parameters
        ----------
        steps : (n,) int
            How many steps ahead each was made.
        distances : (n,)
            Distance to the nearest recalled window at that time.
        recalled, ordinary : (n,)
            Absolute errors of the recalled and of the sliding forecast.
        """
        near = distances[:, None] <= GRID[None, :]
        cost = np.where(near, (recalled - ordinary)[:, None], 0.0)
        self._cost[steps - 1] += cost
        self._squares[steps - 1] += cost**2

    def value(self) -> Floats:
        """Return the thresholds (horizon,) in force; -1, never recall, at the start."""
        return GRID[np.argmin(self._cost + DOUBT * np.sqrt(self._overlap * self._squares), axis=1)]


class Gate:
    """Weights of several experts, learned for each step ahead from their past errors.

    Forecasts are taken relative to the first expert (persistence). A prior prefers the expert with
    the smallest recent errors and errors in similar situations (exponential weights, Cesa-Bianchi
    and Lugosi 2006). A ridge regression of truths on forecasts, centred on the prior, corrects it
    as far as the evidence goes (stacking, Breiman 1996). Iterative reweighting, one step per
    sample, makes the regression minimize absolute errors instead of squares.

    Parameters
    ----------
    experts, horizon, channels : int
        Sizes of the forecasts (experts, horizon, channels).
    memory : float
        Number of past forecasts after which evidence has faded to 1/e.
    settings : GateSettings
    measure : callable, optional
        Maps forecasts to the units in which errors are compared, see `EpisodicKoopman`; the
        regression stays with the values.

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
            raise KoopflowError(f"memory of the gate must be positive (got {memory})")
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
        """Add one truth (channels,) that several earlier forecasts were made for.

        Parameters
        ----------
        steps : (n,) int
            How many steps ahead each was made; no two alike.
        forecasts : (n, experts, channels)
        combined : (n, channels)
            What the weights made of them at that time, before `guarded`.
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
        """Return `stacked`, drawn towards a plain expert wherever that one has erred less.

        Learned weights can lose to an expert as plain as persistence; this step keeps the loss
        small (exponential weights, but steep).

        Parameters
        ----------
        forecasts : (experts, horizon, channels)
        stacked : (horizon, channels)
            The weighted forecast.
        guards : sequence of int
            Which experts are the plain ones.

        Returns
        -------
        (horizon, channels)
        """
        everyone = np.concatenate([stacked[None], forecasts[list(guards)]])
        loss = np.concatenate([(1.0 + HANDICAP) * self._stacked[None], self._loss[..., list(guards)].transpose(2, 0, 1)])
        best = np.maximum(loss.min(axis=0), 1e-300)
        trust = np.exp(-np.minimum(GUARD * (loss / best - 1.0), 500.0))
        trust[1:] *= self._count > 0
        return (trust * everyone).sum(axis=0) / trust.sum(axis=0)

    def weights(self, like: Floats | None = None) -> Floats:
        """Return the weights (horizon, channels, experts); they sum to one, some may be negative.

        Parameters
        ----------
        like : (horizon, channels, experts), optional
            Mean absolute errors of each expert in similar situations; NaN where nothing is known.
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
        # In units of the mean evidence of one forecast, the strength of the ridge does not depend
        # on those of the series.
        gram, cross, count = (_pooled(array, self.pooling) for array in (self._gram, self._cross, self._count))
        size = np.trace(gram, axis1=-2, axis2=-1) / (self.experts - 1)
        ridge = settings.caution * size / np.maximum(count, 1.0)
        damped = gram + (ridge[..., None, None] + 1e-12 * size[..., None, None] + 1e-300) * np.eye(self.experts - 1)
        surplus = cross - (gram @ tail[..., None])[..., 0]
        tail = tail + np.linalg.solve(damped, surplus[..., None])[..., 0]
        return np.concatenate([1.0 - tail.sum(axis=-1, keepdims=True), tail], axis=-1)


def _pooled(array: Floats, reach: int) -> Floats:
    """Average over neighbouring steps ahead, with triangular weights that vanish at `reach`."""
    horizon = len(array)
    distance = np.abs(np.arange(horizon)[:, None] - np.arange(horizon)[None, :])
    weight = np.maximum(0.0, 1.0 - distance / reach)
    return np.tensordot(weight / weight.sum(axis=1, keepdims=True), array, axes=1)
