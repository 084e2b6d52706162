"""Koopman mode decomposition of one network's weights over a window, by the small (time by time) Gram matrix.

The window has far fewer steps than the network has weights, so exact dynamic mode decomposition (Tu et al. 2014) needs only the
inner products of states: one pass over the weights in blocks for the Gram matrix in float64, and a second for the modes that are
asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopflow.errors import KoopflowError
from koopflow.pruning.modes import Modes

BLOCK = 1 << 16  # weights per block: 65,536 weights of 500 steps are 256 MB in float64


@dataclass(frozen=True)
class Fit:
    """What the Gram matrix gives: everything but the modes themselves.

    Attributes
    ----------
    eigenvalues, amplitudes : complex ndarray, shape (mode,)
        Per optimizer step; amplitudes belong to modes of norm 1 and minimize the squared error over the whole window
        (Jovanovic et al. 2014), which noise disturbs less than the first state alone does.
    combination : complex ndarray, shape (step - 1, mode)
        Modes = states[1:].T @ combination.
    steps : int
        Optimizer steps from the first state to the last.
    prediction_error : float
        RMS error of the one-step prediction over the window, divided by that of "no change"; below 1 the operator knows something.
    """

    eigenvalues: np.ndarray
    amplitudes: np.ndarray
    combination: np.ndarray
    steps: int
    prediction_error: float


def gram(states: np.ndarray, block: int = BLOCK) -> np.ndarray:
    """Return the inner products of `states`, shape (step, parameter), in float64, read in column blocks."""
    result = np.zeros((len(states), len(states)))
    for start in range(0, states.shape[1], block):
        part = np.asarray(states[:, start : start + block], dtype=np.float64)
        result += part @ part.T
    return result


def fit(products: np.ndarray, rank: int | float = -1) -> Fit:
    """Fit the operator from the Gram matrix of consecutive states, shape (step, step).

    rank : a whole number of at least 1, so many singular values; -1, all of them above rounding; a number between 0 and 1, the
    smallest rank with that share of the energy.

    Raises
    ------
    KoopflowError
        For NaN among the states, fewer than three of them, or an impossible rank.
    """
    count = len(products)
    if count < 3:
        raise KoopflowError(f"window: {count - 1} steps found; accepted are at least 2 (a Koopman fit needs three states)")
    if not np.isfinite(products).all():
        raise KoopflowError("window: NaN or infinite weights among the recorded states; finite numbers are accepted")
    past, cross, future = products[:-1, :-1], products[:-1, 1:], products[1:, 1:]
    squares, v = np.linalg.eigh(past)
    squares, v = squares[::-1], v[:, ::-1]
    used = _rank(np.clip(squares, 0, None), rank)
    s, v = np.sqrt(squares[:used]), v[:, :used]
    whiten = v / s
    reduced = whiten.T @ cross @ whiten
    eigenvalues, small = np.linalg.eig(reduced)
    combination = whiten @ small
    norms = np.sqrt(np.einsum("im,ij,jm->m", combination.conj(), future, combination).real)
    combination = combination / np.where(norms > 0, norms, 1)
    # Amplitudes: least squares of states on modes * eigenvalue^k over the window, all through inner products.
    powers = eigenvalues[:, None] ** np.arange(count)
    mode_products = combination.conj().T @ future @ combination
    with_states = combination.conj().T @ products[1:, :]
    amplitudes = np.linalg.lstsq(
        mode_products * (powers.conj() @ powers.T), np.sum(powers.conj() * with_states, axis=1), rcond=1e-13
    )[0]
    unexplained = np.trace(future) - np.trace(v.T @ future @ v)  # |Y - Y V V^T|^2, what the truncated operator leaves
    change = np.trace(future) - 2 * np.trace(cross) + np.trace(past)
    error = float(np.sqrt(max(unexplained, 0) / change)) if change > 0 else 0.0
    return Fit(eigenvalues.astype(complex), amplitudes.astype(complex), combination, count - 1, error)


def modes(states: np.ndarray, fitted: Fit, chosen: Sequence[int] | None = None, block: int = BLOCK) -> Modes:
    """Return the modes of `fitted` over `states`, shape (step, parameter); only the `chosen` ones where named."""
    chosen = np.arange(len(fitted.eigenvalues)) if chosen is None else np.asarray(chosen)
    vectors = np.empty((len(chosen), states.shape[1]), dtype=complex)
    for start in range(0, states.shape[1], block):
        part = np.asarray(states[1:, start : start + block], dtype=np.float64)
        vectors[:, start : start + block] = fitted.combination[:, chosen].T @ part
    return Modes(fitted.eigenvalues[chosen], vectors, fitted.amplitudes[chosen], fitted.steps)


def _rank(squares: np.ndarray, rank: int | float) -> int:
    most = max(1, int(np.count_nonzero(squares > squares[0] * len(squares) * np.finfo(float).eps)))
    if rank == -1:
        return most
    if 0 < rank < 1:
        return min(most, int(np.searchsorted(np.cumsum(squares) / np.sum(squares), rank) + 1))
    if rank >= 1 and rank == int(rank):
        return min(most, int(rank))
    raise KoopflowError(f"rank: {rank} found; accepted are -1, a share between 0 and 1, or a whole number of at least 1")
