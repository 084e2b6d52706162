"""Koopman modes of weights: choosing them by eigenvalue, and adding them up."""

from dataclasses import dataclass

import numpy as np

from koopflow.core.errors import KoopflowError

CHOICES = ("all", "nearest_one", "slow", "decaying", "growing", "oscillating")


@dataclass(frozen=True)
class Modes:
    """Koopman mode decomposition of one network's weights over a window: w(t0 + k) is about sum_i b_i lambda_i^k v_i.

    Attributes
    ----------
    eigenvalues : complex ndarray, shape (mode,)
        lambda_i, per optimizer step.
    vectors : complex ndarray, shape (mode, parameter)
        v_i, of Euclidean norm 1.
    amplitudes : complex ndarray, shape (mode,)
        b_i, for the first state of the window.
    steps : int
        Optimizer steps from the first state of the window to its last, the moment of pruning.
    residuals : ndarray, shape (mode,), or None
        How far each pair is from an exact one.
    present : complex ndarray, shape (mode,), or None
        c_i, so that the last state is about sum_i c_i v_i; for an exactly linear system c_i = b_i lambda_i^steps.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    amplitudes: np.ndarray
    steps: int
    residuals: np.ndarray | None = None
    present: np.ndarray | None = None


def chosen_modes(eigenvalues: np.ndarray, which: str, count: int | None = None, tolerance: float = 0.01) -> np.ndarray:
    """Return the indices of a set of modes, nearest to eigenvalue 1 first.

    which : "all"; "nearest_one", by `count` alone; "slow", abs(lambda - 1) <= tolerance; "decaying", real, positive and below
    1 - tolerance; "growing", abs(lambda) > 1 + tolerance; "oscillating", abs(Im lambda) > tolerance, or negative. Every set
    contains the conjugate of each of its members; `count` never splits a pair.
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
        raise KoopflowError(f"koopman_modes: which: {which!r} found; accepted are {', '.join(CHOICES)}")
    if count is not None and count < 1:
        raise KoopflowError(f"koopman_modes: count: {count} found; accepted is a whole number of at least 1")
    # Rounding decides between the members of a pair unless ties are broken by something exact.
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
    modes: Modes, chosen: np.ndarray, amplitudes: bool = True, at: int | None = None, step: bool = False
) -> np.ndarray:
    """Add up the `chosen` modes, one real number per weight, shape (parameter,).

    With amplitudes, Re sum_i f_i b_i lambda_i^at v_i, `at` counted from the first state of the window (its last by default) and
    f_i = lambda_i - 1 with `step`, else 1. Without amplitudes a sum would depend on the arbitrary phases of the modes, so it is the
    root of sum_i |f_i v_i|^2 over modes of norm 1; for one mode that is |v_i|.
    """
    eigenvalues, vectors = modes.eigenvalues[chosen], modes.vectors[chosen]
    factors = eigenvalues - 1 if step else np.ones(len(chosen), dtype=complex)
    if not amplitudes:
        norms = np.linalg.norm(vectors, axis=1)
        scaled = np.abs(vectors) * np.abs(factors / np.where(norms > 0, norms, 1))[:, None]
        return np.sqrt(np.sum(scaled**2, axis=0))
    weights = factors * modes.amplitudes[chosen] * eigenvalues ** (modes.steps if at is None else at)
    return (weights @ vectors).real
