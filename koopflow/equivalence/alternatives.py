"""Other distances between the operators of seeds, beside that between their spectra.

wasserstein
    Between eigenvalues, each counted alike (`koopflow.koopman.spectrum.distance`).
reliability
    The same, each difference divided by the scatter of its two eigenvalues over seeds of their own
    set-up, so that eigenvalues which seeds share count most.
dsa
    Between operators after the best rotation (`koopflow.koopman.similarity`).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.equivalence.comparison import ROUNDING, distance_matrix
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.similarity import operator_distances
from koopflow.koopman.spectrum import assignment

DISTANCES = ("wasserstein", "reliability", "dsa")


def matrix_of(
    kind: str,
    spectra: Mapping[str, Sequence[ComplexArray]],
    operators: Mapping[str, Sequence[Array]],
    wanted: NDArray[np.bool_] | None = None,
) -> Array:
    """Return the distances between all seeds, float64 (seed, seed), in the order of the set-ups.

    Parameters
    ----------
    kind : str
        One of `DISTANCES`.
    spectra : dict of str to list of complex128 (r,)
        Eigenvalues per optimizer step of each seed, by set-up.
    operators : dict of str to list of float64 (r, r)
        Operators of the same seeds; read for "dsa" only.
    wanted : bool (seed, seed), optional
        Distances to compute; the others are NaN.

    Raises
    ------
    KoopflowError
        For another kind, or spectra of unequal sizes for "reliability".
    """
    if kind not in DISTANCES:
        raise KoopflowError(f"distance must be one of {', '.join(DISTANCES)} (got {kind!r})")
    if kind == "dsa":
        return operator_distances([one for own in operators.values() for one in own], wanted)
    listed = [one for own in spectra.values() for one in own]
    if kind == "wasserstein":
        return distance_matrix(listed, wanted)
    if len({len(one) for one in listed}) > 1:
        raise KoopflowError('distance "reliability" needs spectra of equal sizes; give a rank that every run has')
    scatter = np.concatenate([scatter_of(own) for own in spectra.values()])
    matrix = np.zeros((len(listed), len(listed)))
    for i, j in combinations(range(len(listed)), 2):
        if wanted is not None and not wanted[i, j]:
            matrix[i, j] = matrix[j, i] = np.nan
            continue
        apart = np.abs(listed[i][:, None] - listed[j][None, :]) / (scatter[i][:, None] + scatter[j][None, :])
        matrix[i, j] = matrix[j, i] = apart[assignment(apart)].mean()
    return matrix


def scatter_of(spectra: Sequence[ComplexArray]) -> Array:
    """Return the mean distance of each eigenvalue to those matched with it in the other seeds of
    its set-up, float64 (seed, r).
    """
    total = np.zeros((len(spectra), len(spectra[0])))
    for i, j in combinations(range(len(spectra)), 2):
        apart = np.abs(spectra[i][:, None] - spectra[j][None, :])
        rows, columns = assignment(apart)
        total[i, rows] += apart[rows, columns]
        total[j, columns] += apart[rows, columns]
    return np.maximum(total / max(len(spectra) - 1, 1), ROUNDING)
