"""Koopman modes of weights: their choice by eigenvalue, and their sum."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError

Choice = Literal["all", "nearest_one", "slow", "decaying", "growing", "oscillating"]


@dataclass(frozen=True)
class Modes:
    """Koopman modes of one network's weights over a window of training.

    They expand the weights as w(t0 + k) = sum_i b_i lambda_i^k v_i, up to the residual of the fit.

    Attributes
    ----------
    eigenvalues : complex ndarray, shape (mode,)
        lambda_i, per optimizer step.
    vectors : complex ndarray, shape (mode, parameter)
        v_i, of Euclidean norm 1.
    amplitudes : complex ndarray, shape (mode,)
        b_i, for the first state of the window.
    steps : int
        Steps from the first state of the window to its last, where the network is pruned.
    residuals : ndarray, shape (mode,), or None
        Residual of each eigenpair.
    present : complex ndarray, shape (mode,), or None
        c_i, with which sum_i c_i v_i approximates the last state; c_i = b_i lambda_i^steps for an
        exactly linear system.
    """

    eigenvalues: NDArray[Any]
    vectors: NDArray[Any]
    amplitudes: NDArray[Any]
    steps: int
    residuals: NDArray[np.float64] | None = None
    present: NDArray[Any] | None = None


def chosen_modes(
    eigenvalues: NDArray[Any], which: str, count: int | None = None, tolerance: float = 0.01
) -> NDArray[np.intp]:
    """Return the indices of a set of modes, nearest to eigenvalue 1 first.

    Every set holds the conjugates of its members, and `count` never splits a pair.

    Parameters
    ----------
    eigenvalues : complex ndarray, shape (mode,)
    which : {"all", "nearest_one", "slow", "decaying", "growing", "oscillating"}
        "nearest_one" takes the first `count` (one by default). "slow" means abs(lambda - 1) <=
        tolerance; "decaying", real and from 0 to 1 - tolerance; "growing", abs(lambda) > 1 +
        tolerance; "oscillating", abs(Im lambda) > tolerance or Re lambda < 0.
    count : int, optional
        At most this many modes, one more where it would split a pair.
    tolerance : float

    Raises
    ------
    KoopflowError
        For an unknown set, or a count below 1.
    """
    values = np.asarray(eigenvalues)
    conditions = {
        "all": np.ones(len(values), dtype=bool),
        "nearest_one": np.ones(len(values), dtype=bool),
        "slow": np.abs(values - 1) <= tolerance,
        "decaying": (np.abs(values.imag) <= tolerance) & (values.real < 1 - tolerance) & (values.real >= 0),
        "growing": np.abs(values) > 1 + tolerance,
        "oscillating": (np.abs(values.imag) > tolerance) | (values.real < 0),
    }
    if which not in conditions:
        raise KoopflowError(f"koopman_modes: which must be one of {', '.join(get_args(Choice))} (got {which!r})")
    if count is not None and count < 1:
        raise KoopflowError(f"koopman_modes: count must be at least 1 (got {count})")
    # Members of a pair are equally near 1 up to rounding; the imaginary part breaks the tie.
    order = np.lexsort((values.imag, np.round(np.abs(values - 1), 12)))
    chosen = order[conditions[which][order]]
    if which == "nearest_one" and count is None:
        count = 1
    if count is None or count >= len(chosen):
        return chosen
    last, following = values[chosen[count - 1]], values[chosen[count]]
    split = last.imag != 0 and np.isclose(following, last.conjugate(), rtol=1e-9, atol=1e-12)
    return chosen[: count + 1] if split else chosen[:count]


def superposition(
    modes: Modes, chosen: NDArray[np.intp], amplitudes: bool = True, at: int | None = None, step: bool = False
) -> NDArray[np.float64]:
    """Add up modes, one real number per weight.

    Parameters
    ----------
    modes : Modes
    chosen : int ndarray
        Indices of the modes to add.
    amplitudes : bool
        True: Re sum_i f_i b_i lambda_i^at v_i. False: the root of sum_i |f_i v_i|^2, since the
        phases of modes without amplitudes are arbitrary; for one mode that is |v_i|.
    at : int, optional
        Steps from the first state of the window; its last state by default.
    step : bool
        Whether f_i is lambda_i - 1, the change in one step; else it is 1.

    Returns
    -------
    ndarray, shape (parameter,)
    """
    eigenvalues, vectors = modes.eigenvalues[chosen], modes.vectors[chosen]
    factors = eigenvalues - 1 if step else np.ones(len(chosen), dtype=complex)
    if not amplitudes:
        norms = np.linalg.norm(vectors, axis=1)
        scaled = np.abs(vectors) * np.abs(factors / np.where(norms > 0, norms, 1))[:, None]
        return np.sqrt(np.sum(scaled**2, axis=0))
    coefficients = factors * modes.amplitudes[chosen] * eigenvalues ** (modes.steps if at is None else at)
    return (coefficients @ vectors).real
