"""Optimized and bagged DMD through PyDMD, fitted in the few coordinates that the engine finds, with the engine's result."""

import warnings

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.operator import eigenpairs, residuals

BAGS = 100  # trials of bagged DMD through `fit`


def fit_optimized(data, *, svd_rank=0, trials: int = 0, seed: int = 0, **options) -> Koopman:
    """Fit optimized DMD (Askham and Kutz 2018), or with `trials` > 0 bagged optimized DMD (Sashidhar and Kutz 2022), to one run.

    The run is first reduced to its leading directions as in `fit` (same options), so that its number of parameters costs nothing here.

    Raises KoopflowError for several runs: these methods fit one sequence of times.
    """
    first = fit(data, svd_rank=svd_rank, **options)
    if len(first.runs.lengths) != 1:
        raise KoopflowError(f"optimized DMD fits one run, found {len(first.runs.lengths)}; choose one, or another variant")
    from pydmd import BOPDMD

    states = first.reduced.states[0]
    state = np.random.get_state()  # noqa: NPY002 - PyDMD draws from the global generator
    np.random.seed(seed)  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = BOPDMD(svd_rank=first.rank, num_trials=trials, init_alpha=np.log(first.eigenvalues.astype(complex) + 1e-300))
            peer.fit(states, np.arange(states.shape[1], dtype=float))
    finally:
        np.random.set_state(state)  # noqa: NPY002
    modes = peer.modes
    matrix = (modes * np.exp(peer.eigs)) @ np.linalg.pinv(modes)
    values, right, left = eigenpairs(matrix)
    before, after = states[:, :-1], states[:, 1:]
    return Koopman(
        values,
        residuals(values, left, before, after),
        (left @ states[:, 0])[None],
        first.singular_values,
        matrix,
        right,
        left,
        first.reduced,
        first.runs,
        "bagged" if trials else "optimized",
    )
