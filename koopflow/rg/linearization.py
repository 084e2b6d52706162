"""Linearization of the flow about its fixed point, M(n+1) − M* = A (M(n) − M*), and exponents from
the eigenvalues of A.
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
        In order of decreasing modulus.
    exponents, ci_low, ci_high : float64 (group − 1,)
        log|λ| / log b, with intervals.
    fixed_point : float64 (group,)
        Shares of magnitude at the fixed point of the map.
    r2 : float
        Share of the couplings' variance from round to round explained by the map.
    """

    eigenvalues: ComplexArray
    exponents: Array
    ci_low: Array
    ci_high: Array
    fixed_point: Array
    r2: float


def linearize(
    couplings: Array, log_scale_factor: float, confidence: float = 0.95, condition: float = 1e6
) -> Linearization:
    """Return the affine map from the couplings of one round to the next, fitted over all seeds.

    Parameters
    ----------
    couplings : float64 (seed, round, group)
        Shares of magnitude. They sum to one, so the map leaves out the redundant last group.
    log_scale_factor : float
        log b per round, equal in all rounds.
    confidence : float
        Confidence level of the intervals (Student's over jackknifed seeds); NaN with fewer than
        three seeds.
    condition : float
        Largest condition number allowed in the regression.

    Raises
    ------
    KoopflowError
        If the data do not determine the map: too few transitions, or couplings confined to too few
        directions.
    """
    seeds, rounds, groups = couplings.shape
    dimension, transitions = groups - 1, seeds * (rounds - 1)
    if dimension < 1 or transitions < 2 * (dimension + 1):
        raise KoopflowError(
            f"linearization: a map of {dimension} couplings needs at least {2 * (dimension + 1)} "
            "transitions between rounds "
            f"(got {transitions})"
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
    return Linearization(
        eigenvalues, exponents, exponents - half, exponents + half, np.append(rest, 1 - rest.sum()), r2
    )


def _affine(states: Array, condition: float) -> tuple[Array, Array, float]:
    """Return matrix, constant and R² of the regression of each round's state (seed, round,
    dimension) on the previous one.
    """
    before, after = states[:, :-1].reshape(-1, states.shape[2]), states[:, 1:].reshape(-1, states.shape[2])
    centred = before - before.mean(axis=0)
    spread = np.linalg.svd(centred, compute_uv=False)
    if not spread[-1] > spread[0] / condition:
        raise KoopflowError(
            "linearization: the couplings vary in too few directions to determine a map; add rounds or seeds"
        )
    a = np.linalg.lstsq(centred, after - after.mean(axis=0), rcond=None)[0].T
    constant = after.mean(axis=0) - a @ before.mean(axis=0)
    steps = after - before
    left = after - before @ a.T - constant
    return a, constant, float(1 - (left**2).sum() / (steps**2).sum())


def _ordered(eigenvalues: NDArray[Any]) -> NDArray[Any]:
    """Return eigenvalues sorted by modulus, real and imaginary part, largest first, so that the
    order is reproducible.
    """
    return eigenvalues[np.lexsort((-eigenvalues.imag, -eigenvalues.real, -np.abs(eigenvalues)))]
