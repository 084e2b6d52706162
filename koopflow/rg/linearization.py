"""The flow linearized about its fixed point, M(n+1) − M* = A (M(n) − M*), and the exponents of A's
eigenvalues.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import jackknife
from koopflow.koopman.runs import Array, ComplexArray


@dataclass(frozen=True)
class Linearization:
    """The linear map between rounds.

    Attributes
    ----------
    eigenvalues : complex128 (group − 1,)
        By falling modulus.
    exponents, ci_low, ci_high : float64 (group − 1,)
        log|λ| / log b with intervals.
    fixed_point : float64 (group,)
        Shares of magnitude that the map leaves unchanged.
    r2 : float
        Share of the couplings' change from round to round that the map explains.
    """

    eigenvalues: ComplexArray
    exponents: Array
    ci_low: Array
    ci_high: Array
    fixed_point: Array
    r2: float


def linearize(couplings: Array, log_scale_factor: float, confidence: float = 0.95, condition: float = 1e6) -> Linearization:
    """Fit the affine map that takes the couplings of one round to those of the next, over all
    seeds.

    Parameters
    ----------
    couplings : float64 (seed, round, group)
        Shares of magnitude; they sum to one, so the last group is redundant and left out of the
        map.
    log_scale_factor : float
        log b of one round, the same in all.
    confidence : float
        Of the intervals, Student's over jackknifed seeds; NaN with fewer than three seeds.
    condition : float
        Greatest condition number of the regression.

    Raises
    ------
    KoopflowError
        When the data do not determine the map: too few transitions, or couplings that move along
        too few directions.
    """
    seeds, rounds, groups = couplings.shape
    dimension, transitions = groups - 1, seeds * (rounds - 1)
    if dimension < 1 or transitions < 2 * (dimension + 1):
        raise KoopflowError(
            f"linearization: {transitions} transitions between rounds do not determine a map of {dimension} couplings; "
            f"at least {2 * (dimension + 1)} are needed"
        )
    a, constant, r2 = _affine(couplings[..., :-1], condition)
    eigenvalues = _ordered(np.linalg.eigvals(a))
    rest = np.linalg.lstsq(np.eye(dimension) - a, constant, rcond=None)[0]
    exponents = np.log(np.abs(eigenvalues)) / log_scale_factor
    half = np.full(dimension, np.nan)
    if seeds > 2:
        left_out = np.stack(
            [
                np.log(np.abs(_ordered(np.linalg.eigvals(_affine(np.delete(couplings, seed, 0)[..., :-1], np.inf)[0]))))
                for seed in range(seeds)
            ]
        )
        half = jackknife(left_out, confidence) / log_scale_factor
    return Linearization(eigenvalues, exponents, exponents - half, exponents + half, np.append(rest, 1 - rest.sum()), r2)


def _affine(states: Array, condition: float) -> tuple[Array, Array, float]:
    """Regress the state of each round (seed, round, dimension) on the previous one; return matrix,
    constant and R².
    """
    before, after = states[:, :-1].reshape(-1, states.shape[2]), states[:, 1:].reshape(-1, states.shape[2])
    centred = before - before.mean(axis=0)
    spread = np.linalg.svd(centred, compute_uv=False)
    if not spread[-1] > spread[0] / condition:
        raise KoopflowError(
            "linearization: the couplings move along too few directions to determine a map; more rounds or seeds are needed"
        )
    a = np.linalg.lstsq(centred, after - after.mean(axis=0), rcond=None)[0].T
    constant = after.mean(axis=0) - a @ before.mean(axis=0)
    steps = after - before
    left = after - before @ a.T - constant
    return a, constant, float(1 - (left**2).sum() / (steps**2).sum())


def _ordered(eigenvalues: NDArray[Any]) -> NDArray[Any]:
    """Sort by modulus, then real, then imaginary part, largest first, so that equal spectra have
    equal order.
    """
    return eigenvalues[np.lexsort((-eigenvalues.imag, -eigenvalues.real, -np.abs(eigenvalues)))]
