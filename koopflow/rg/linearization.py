"""The flow linearized about its fixed point: M(n+1) − M* = A (M(n) − M*), and the exponents of A's eigenvalues."""

from dataclasses import dataclass

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.core.intervals import jackknife


@dataclass(frozen=True)
class Linearization:
    """`eigenvalues` complex (group − 1,), largest modulus first; `exponents` log|λ| / log b with intervals; `fixed_point` (group,).

    `r2` is the share of the couplings' change from round to round that the linear map explains.
    """

    eigenvalues: np.ndarray
    exponents: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    fixed_point: np.ndarray
    r2: float


def linearize(couplings: np.ndarray, log_scale_factor: float, confidence: float = 0.95, condition: float = 1e6) -> Linearization:
    """Fit the affine map that takes one round's couplings to the next, over all seeds, and read its eigenvalues.

    Parameters
    ----------
    couplings : array (seed, round, group)
        Shares of magnitude; they sum to one, so the last group is redundant and left out of the map.
    log_scale_factor : float
        log b of one round, the same in all.
    confidence : float
        Of the intervals, Student's over jackknifed seeds; NaN for one seed.
    condition : float
        Greatest condition number of the regression; beyond it the rounds do not suffice.

    Returns
    -------
    Linearization

    Raises
    ------
    KoopflowError
        When there are too few transitions, or they hardly leave a line: then A is not determined by the data.
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


def _affine(states: np.ndarray, condition: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Regress each round's state (seed, round, dimension) on the one before; return matrix, constant and R² of the steps."""
    before, after = states[:, :-1].reshape(-1, states.shape[2]), states[:, 1:].reshape(-1, states.shape[2])
    centred = before - before.mean(axis=0)
    spread = np.linalg.svd(centred, compute_uv=False)
    if not spread[-1] > spread[0] / condition:
        raise KoopflowError(
            "linearization: the couplings move along fewer directions than there are; more rounds or seeds are needed"
        )
    a = np.linalg.lstsq(centred, after - after.mean(axis=0), rcond=None)[0].T
    constant = after.mean(axis=0) - a @ before.mean(axis=0)
    steps = after - before
    left = after - before @ a.T - constant
    return a, constant, float(1 - (left**2).sum() / (steps**2).sum())


def _ordered(eigenvalues: np.ndarray) -> np.ndarray:
    """Sort by modulus, then real, then imaginary part, largest first, so that equal spectra come in equal order."""
    return eigenvalues[np.lexsort((-eigenvalues.imag, -eigenvalues.real, -np.abs(eigenvalues)))]
