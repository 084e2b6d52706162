"""Bootstrap intervals of eigenvalues: refits to resampled runs, in the coordinates of the fit."""

from typing import NamedTuple

import numpy as np

from koopflow.koopman.dmd import Koopman
from koopflow.koopman.operator import eigenpairs, operator
from koopflow.koopman.runs import Array
from koopflow.koopman.spectrum import matching

FEWEST = 4
"""Minimum number of runs, or of blocks of a single run, to resample."""

Ends = tuple[Array, Array]
"""Lower and upper ends, each float64 (r,)."""


class Interval(NamedTuple):
    """Percentile intervals of the real part, imaginary part, modulus and angle of every eigenvalue.

    `draws` is the number of bootstrap samples and `resampled` names the resampled units. With fewer
    than `FEWEST` units, `resampled` says so, `draws` is 0 and all ends are NaN.
    """

    real: Ends
    imag: Ends
    modulus: Ends
    angle: Ends
    draws: int
    resampled: str


def eigenvalue_intervals(
    fitted: Koopman, generator: np.random.Generator, *, draws: int = 200, level: float = 0.95
) -> Interval:
    """Return bootstrap intervals of the eigenvalues of `fitted`.

    Several runs are resampled whole, with replacement (Efron and Tibshirani 1993, ch. 8). A single
    run is resampled in blocks of n^(1/3) successive pairs out of n (Kuensch 1989); this captures
    its noise, but not the spread between runs. The singular directions are kept from the fit to all
    data. Bootstrap eigenvalues are matched one to one to the fitted ones.

    Parameters
    ----------
    fitted : Koopman
    generator : numpy Generator
    draws : int
        Number of bootstrap samples.
    level : float
        Confidence level.

    Raises
    ------
    KoopflowError
        For the variants "optimized" and "bagged", which are not fitted to pairs of states.
    """
    pieces = [np.stack([states[:, :-1], states[:, 1:]]) for states in fitted.reduced.states]
    resampled, needed = "runs", len(pieces)
    if needed == 1:
        count = pieces[0].shape[2]
        length = max(2, round(count ** (1 / 3)))
        pieces = [pieces[0][:, :, start : start + length] for start in range(0, count - length + 1)]
        resampled, needed = "blocks of pairs", max(1, round(count / length))
    if needed < FEWEST:
        return no_intervals(fitted.rank, f"too few {resampled}")
    drawn = np.empty((draws, fitted.rank), complex)
    for draw in range(draws):
        before, after = np.concatenate([pieces[at] for at in generator.integers(len(pieces), size=needed)], axis=2)
        values = eigenpairs(operator(before, after, fitted.variant))[0]
        i, j = matching(fitted.eigenvalues, values)
        drawn[draw, i] = values[j]
    turned = np.angle(drawn * np.exp(-1j * np.angle(fitted.eigenvalues))) + np.angle(fitted.eigenvalues)
    real, imag, modulus, angle = (_ends(part, level) for part in (drawn.real, drawn.imag, np.abs(drawn), turned))
    return Interval(real, imag, modulus, angle, draws, resampled)


def no_intervals(rank: int, why: str) -> Interval:
    """Return NaN intervals for `rank` eigenvalues; `why` gives the reason."""
    nothing = np.full(rank, np.nan)
    ends = nothing, nothing
    return Interval(ends, ends, ends, ends, 0, why)


def _ends(part: Array, level: float) -> Ends:
    low, high = np.percentile(part, (50 * (1 - level), 50 * (1 + level)), axis=0)
    return low, high
