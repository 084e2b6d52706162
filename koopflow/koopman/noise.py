"""Which noise a trajectory has: in the steps of the dynamics, or in the recorded states.

Noise in the steps, such as that of minibatches, leaves least squares consistent, and corrections of
noise only add error. Noise in the records, such as rounding or averaging over few samples, pulls the
eigenvalues of least squares inwards, and total least squares and forward-backward DMD correct for
it. One-step residuals tell the two apart: noise of steps leaves them uncorrelated in time, while
noise η of a record enters two of them, as η after its step and -A η before the next, so that
successive residuals are negatively correlated (a moving average of order 1).
"""

import numpy as np
from scipy import special

from koopflow.koopman.dmd import Koopman
from koopflow.koopman.operator import operator
from koopflow.koopman.runs import Array


def measurement_noise_p(fitted: Koopman) -> float:
    """Return the p-value of no noise in the recorded states; a small one speaks for a variant that
    corrects for it.

    The statistic is the sum over time of the products of successive residuals of least squares, in
    coordinates in which they are white, over the root of the sum of its squares. Runs are added up
    at each time first, since they may share their noise, and the sum of squares allows noise whose
    size changes. Against noise in the steps the test is calibrated at 5 % by simulation, for 100
    pairs and more (`tests/koopman/test_noise.py`).

    Returns
    -------
    float
        NaN with delays, whose residuals overlap, and for fewer than 20 pairs per eigenvalue.
    """
    states = fitted.reduced.states
    if fitted.delays or fitted.runs.pairs < 20 * fitted.rank:
        return float("nan")
    before = np.concatenate([part[:, :-1] for part in states], axis=1)
    after = np.concatenate([part[:, 1:] for part in states], axis=1)
    errors = after - operator(before, after) @ before
    directions, sizes, _ = np.linalg.svd(errors, full_matrices=False)
    held = sizes > 1e-8 * np.linalg.norm(after)
    white = (directions[:, held] / sizes[held]).T @ errors
    if not held.any():
        return float("nan")
    moments = np.zeros(max(fitted.runs.windows))
    place = 0
    for windows in fitted.runs.windows:
        products = _successive(white[:, place : place + windows - 1])
        moments[: len(products)] += products
        place += windows - 1
    spread = float(np.sqrt(np.sum(moments**2)))
    return float(special.ndtr(moments.sum() / spread)) if spread > 0 else float("nan")


def _successive(white: Array) -> Array:
    return np.asarray(np.sum(white[:, 1:] * white[:, :-1], axis=0))
