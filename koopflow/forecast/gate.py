"""Learning from remembered errors: when to trust a recollection, and how to weigh several forecasts by how each has done.

Everything here is told a truth only when it has happened and is asked for a decision before the next one: no look-ahead by
construction.
"""

from collections.abc import Callable, Sequence

import numpy as np

from koopflow.core.errors import KoopflowError

# Thresholds on the distance between spectra that are tried side by side; eigenvalues live in the unit disc, so these cover every
# case.
GRID = np.concatenate([[-1.0], np.geomspace(1e-4, 2.0, 40), [np.inf]])


# How steeply the last step turns away from what has erred more: 5 % more, and little is left of it. Learned weights must first make good
# a handicap against plain forecasters: where nothing can be learned (a random walk), equal records are no reason to trust them.
GUARD = 60.0
HANDICAP = 0.02
# A recollection must have saved this many standard errors of what it saved before it is trusted.
DOUBT = 0.5


class LearnedThreshold:
    """The largest distance at which a recalled forecast is trusted, one for each step ahead, learned from what trusting would
    have cost.

    For every threshold of a fixed grid it is kept what the policy "recall if nearer than this, else the ordinary forecast" has cost
    beside the ordinary forecast alone. The threshold in force is the one that has cost least so far (follow the leader), where
    costs count with a share of their standard error: the least of many sums of noise would look like a saving.

    Parameters
    ----------
    horizon : int
        Steps ahead.
    """

    def __init__(self, horizon: int):
        self._cost, self._squares = np.zeros((2, horizon, len(GRID)))
        # Errors of forecasts k steps ahead are alike over k origins.
        self._overlap = np.arange(1, horizon + 1)[:, None]

    def settle(self, steps: np.ndarray, distances: np.ndarray, recalled: np.ndarray, ordinary: np.ndarray) -> None:
        """Take in the absolute errors (n,) of both forecasts made `steps` (n,) ahead, when the recollection was `distances` (n,)
        away."""
        near = distances[:, None] <= GRID[None, :]
        cost = np.where(near, (recalled - ordinary)[:, None], 0.0)
        self._cost[steps - 1] += cost
        self._squares[steps - 1] += cost**2

    def value(self) -> np.ndarray:
        """Return the thresholds (horizon,) in force; before anything is learned, -1: never recall."""
        return GRID[np.argmin(self._cost + DOUBT * np.sqrt(self._overlap * self._squares), axis=1)]


class Gate:
    """Weights of several forecasters, learned by each step ahead from their remembered errors.

    Forecasts are expressed relative to the first forecaster (persistence). A prior favours whoever has erred least lately and in
    like situations (exponential weights, Cesa-Bianchi and Lugosi 2006); a ridge regression of the truths on the forecasts, with
    the prior as its centre, then corrects the prior as far as evidence goes (stacking, Breiman 1996). Errors are weighted so that
    absolute rather than squared ones are minimized (iteratively reweighted least squares, here one step per time).

    Parameters
    ----------
    experts, horizon, channels : int
        Sizes of the forecasts (experts, horizon, channels).
    memory : float
        Number of past forecasts after which evidence has faded to 1/e.
    caution : float
        How many forecasts' worth of evidence the prior counts for.
    sharpness : float
        How steeply the prior prefers the better forecaster; 0 weighs all alike.
    situation : float
        Share of the errors made in like situations in what the prior goes by; the rest are those made lately.
    pooling : float
        Steps ahead within this share of the horizon learn from one another.
    measure : callable, optional
        What errors are differences of, see `EpisodicKoopman`; the regression stays with the values themselves.
    """

    def __init__(
        self,
        experts: int,
        horizon: int,
        channels: int,
        *,
        memory: float,
        caution: float = 1000.0,
        sharpness: float = 8.0,
        situation: float = 0.15,
        pooling: float = 0.15,
        measure: Callable | None = None,
    ):
        if memory <= 0 or caution <= 0 or sharpness < 0 or not 0 <= situation <= 1:
            raise KoopflowError(
                f"gate: memory {memory} and caution {caution} must be positive, sharpness {sharpness} not negative, "
                f"situation {situation} between 0 and 1"
            )
        self.experts, self.horizon, self.channels = experts, horizon, channels
        self.pooling = max(1, round(pooling * horizon))
        self.measure = measure or (lambda values: values)
        self.decay, self.caution, self.sharpness, self.situation = float(np.exp(-1.0 / memory)), caution, sharpness, situation
        shape = (horizon, channels)
        self._gram = np.zeros((*shape, experts - 1, experts - 1))
        self._cross = np.zeros((*shape, experts - 1))
        self._loss = np.zeros((*shape, experts))
        self._count = np.zeros(shape)
        self._error = np.zeros(shape)
        self._stacked = np.zeros(shape)

    def settle(self, steps: np.ndarray, forecasts: np.ndarray, combined: np.ndarray, truth: np.ndarray) -> None:
        """Take in one truth (channels,) that several earlier forecasts were for.

        Parameters
        ----------
        steps : (n,) int
            How many steps ahead each of the earlier forecasts was made; no two alike.
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
        self._gram[rows] = self.decay * self._gram[rows] + weight[..., None, None] * relative[..., :, None] * relative[..., None, :]
        self._cross[rows] = self.decay * self._cross[rows] + (weight * target)[..., None] * relative

    def guarded(self, forecasts: np.ndarray, stacked: np.ndarray, guards: Sequence[int]) -> np.ndarray:
        """Return `stacked` (horizon, channels), drawn towards a plain forecaster wherever that one has erred less.

        Learned weights may lose to a forecaster as plain as persistence; this last step makes that loss small (exponential weights
        again, but steep).

        Parameters
        ----------
        forecasts : (experts, horizon, channels)
        stacked : (horizon, channels)
        guards : sequence of int
            Which of the forecasters are the plain ones.
        """
        everyone = np.concatenate([stacked[None], forecasts[list(guards)]])
        loss = np.concatenate([(1.0 + HANDICAP) * self._stacked[None], self._loss[..., list(guards)].transpose(2, 0, 1)])
        best = np.maximum(loss.min(axis=0), 1e-300)
        trust = np.exp(-np.minimum(GUARD * (loss / best - 1.0), 500.0))
        trust[1:] *= self._count > 0
        return (trust * everyone).sum(axis=0) / trust.sum(axis=0)

    def weights(self, like: np.ndarray | None = None) -> np.ndarray:
        """Return the weights (horizon, channels, experts) in force; they sum to one but need not be positive.

        Parameters
        ----------
        like : (horizon, channels, experts), optional
            Mean absolute errors of each forecaster in like situations, where NaN says that nothing is known.
        """
        loss = self._loss / np.maximum(self._count, 1e-300)[..., None]
        if like is not None:
            loss = np.where(np.isfinite(like), loss + self.situation * (like - loss), loss)
        best = np.maximum(loss.min(axis=-1, keepdims=True), 1e-300)
        preference = np.where(self._count[..., None] > 0, -self.sharpness * (loss / best - 1.0), 0.0)
        prior = np.exp(np.maximum(preference, -500.0))
        prior /= prior.sum(axis=-1, keepdims=True)
        tail = prior[..., 1:]
        # Ridge strength in units of the mean evidence that one forecast brings, so that it does not depend on the series' units.
        gram, cross, count = (_pooled(array, self.pooling) for array in (self._gram, self._cross, self._count))
        size = np.trace(gram, axis1=-2, axis2=-1) / (self.experts - 1)
        ridge = self.caution * size / np.maximum(count, 1.0)
        damped = gram + (ridge[..., None, None] + 1e-12 * size[..., None, None] + 1e-300) * np.eye(self.experts - 1)
        surplus = cross - (gram @ tail[..., None])[..., 0]
        tail = tail + np.linalg.solve(damped, surplus[..., None])[..., 0]
        return np.concatenate([1.0 - tail.sum(axis=-1, keepdims=True), tail], axis=-1)


def _pooled(array: np.ndarray, reach: int) -> np.ndarray:
    """Return `array` (horizon, ...) averaged over neighbouring steps ahead with triangular weights that vanish at `reach`."""
    horizon = len(array)
    distance = np.abs(np.arange(horizon)[:, None] - np.arange(horizon)[None, :])
    weight = np.maximum(0.0, 1.0 - distance / reach)
    return np.tensordot(weight / weight.sum(axis=1, keepdims=True), array, axes=1)
