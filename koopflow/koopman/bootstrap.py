"""Intervals of eigenvalues: refit on resampled runs, in the coordinates already found."""

from typing import NamedTuple

import numpy as np

from koopflow.koopman.dmd import Koopman
from koopflow.koopman.operator import eigenpairs, operator
from koopflow.koopman.spectrum import matching

FEWEST = 4
"""Runs, or blocks of a single run, below which drawing some of them says nothing and no interval is given."""


class Interval(NamedTuple):
    """Percentile intervals, each float64 (r,), of real and imaginary parts, modulus and angle of every eigenvalue.

    `resampled` says what was drawn; of fewer than `FEWEST` of them it says so, and the intervals are missing (NaN).
    """

    real: tuple
    imag: tuple
    modulus: tuple
    angle: tuple
    draws: int
    resampled: str


def eigenvalue_intervals(fitted: Koopman, generator: np.random.Generator, *, draws: int = 200, level: float = 0.95) -> Interval:
    """Return bootstrap intervals of the eigenvalues of `fitted`.

    Whole runs are drawn with replacement (Efron and Tibshirani 1993, ch. 8); a single run is drawn in blocks of successive pairs
    (about the cube root of their number, Kuensch 1989), which sees its noise but not the spread between runs. The singular
    directions stay those of all data. Drawn eigenvalues are matched one to one to the fitted ones.
    """
    pieces = [np.stack([states[:, :-1], states[:, 1:]]) for states in fitted.reduced.states]
    resampled, needed = "runs", len(pieces)
    if needed == 1:
        count = pieces[0].shape[2]
        length = max(2, round(count ** (1 / 3)))
        pieces = [pieces[0][:, :, start : start + length] for start in range(0, count - length + 1)]
        resampled, needed = "blocks of pairs", max(1, round(count / length))
    if needed < FEWEST:
        nothing = np.full(fitted.rank, np.nan)
        return Interval(*((nothing, nothing) for _ in range(4)), 0, f"too few {resampled}")
    drawn = np.empty((draws, fitted.rank), complex)
    for draw in range(draws):
        before, after = np.concatenate([pieces[at] for at in generator.integers(len(pieces), size=needed)], axis=2)
        values = eigenpairs(operator(before, after, fitted.variant))[0]
        i, j = matching(fitted.eigenvalues, values)
        drawn[draw, i] = values[j]
    ends = 50 * (1 - level), 50 * (1 + level)
    turned = np.angle(drawn * np.exp(-1j * np.angle(fitted.eigenvalues))) + np.angle(fitted.eigenvalues)
    parts = (drawn.real, drawn.imag, np.abs(drawn), turned)
    return Interval(*(tuple(np.percentile(part, ends, axis=0)) for part in parts), draws, resampled)
