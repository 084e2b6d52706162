"""Eigenvalues in units of optimizer steps, so that spectra recorded at different intervals compare.

An eigenvalue λ fitted to states that are Δ steps apart belongs to Δ steps. Per step it is
λ^(1/Δ), and in continuous time log(λ) / Δ, both on the principal branch: the angle of λ lies in
(-π, π].

- A motion that turns by more than half a circle within Δ steps is aliased: its eigenvalue per step
  comes out slower than it is. Spectra of different intervals therefore agree only in motions slower
  than that within the longest interval.
- A negative real eigenvalue has angle π and becomes exp(iπ/Δ) |λ|^(1/Δ), without its conjugate.
  Half a circle within Δ steps is the limit of aliasing, and either sign of the angle fits the data.
- Zero stays zero; its growth rate is minus infinity and its frequency zero.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from koopflow.core.errors import KoopflowError
from koopflow.koopman.runs import Array, ComplexArray


def per_step(eigenvalues: ArrayLike, interval: float) -> ComplexArray:
    """Return the eigenvalues per optimizer step, λ^(1/Δ) on the principal branch, complex128 (r,).

    >>> per_step([0.81, -0.25, 0], 2).round(6)
    array([0.9+0.j , 0. +0.5j, 0. +0.j ])

    Parameters
    ----------
    eigenvalues : complex array (r,)
        Per recorded state.
    interval : float
        Steps between recorded states, Δ.

    Raises
    ------
    KoopflowError
        If `interval` is not a positive number.
    """
    values = np.asarray(eigenvalues, complex)
    if not (np.isfinite(interval) and interval > 0):
        raise KoopflowError(f"interval must be a positive number of steps (got {interval})")
    if interval == 1:
        return values
    return np.abs(values) ** (1 / interval) * np.exp(1j * _angle(values) / interval)


def rates(eigenvalues: ArrayLike, interval: float) -> tuple[Array, Array]:
    """Return growth rates and frequencies, log(λ) / Δ, each float64 (r,).

    >>> growth, frequency = rates(np.exp([-0.2 + 0.6j]), 2)
    >>> growth.round(6), frequency.round(6)
    (array([-0.1]), array([0.3]))

    Parameters
    ----------
    eigenvalues, interval
        As in `per_step`.

    Returns
    -------
    growth : float64 (r,)
        Per step; minus infinity for an eigenvalue of zero.
    frequency : float64 (r,)
        In radians per step.
    """
    values = per_step(eigenvalues, interval)
    with np.errstate(divide="ignore"):
        return np.log(np.abs(values)), _angle(np.asarray(eigenvalues, complex)) / interval


def step_columns(eigenvalues: ArrayLike, interval: float) -> dict[str, Array]:
    """Return the columns interval, step_real, step_imag, growth and frequency of a table of
    eigenvalues."""
    values = per_step(eigenvalues, interval)
    growth, frequency = rates(eigenvalues, interval)
    return {
        "interval": np.full(len(values), interval),
        "step_real": values.real,
        "step_imag": values.imag,
        "growth": growth,
        "frequency": frequency,
    }


def spectrum_of(table: pd.DataFrame) -> ComplexArray:
    """Return the eigenvalues per optimizer step in a table of eigenvalues, complex128 (row,); in a
    table without the columns of `step_columns`, as they stand."""
    real, imag = ("step_real", "step_imag") if "step_real" in table else ("real", "imag")
    return np.asarray(table[real].to_numpy(float) + 1j * table[imag].to_numpy(float))


def _angle(values: ComplexArray) -> Array:
    """Return angles in (-π, π]; a negative number with imaginary part -0 has angle π, not -π."""
    return np.angle(values.real + 1j * np.where(values.imag == 0, 0.0, values.imag))
