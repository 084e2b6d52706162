"""Optimized and bagged DMD through PyDMD, in the engine's reduced coordinates."""

import warnings

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.koopman.operator import eigenpairs, operator
from koopflow.koopman.runs import Array

PEER_VARIANTS = ("optimized", "bagged")
BAGS = 100
"""Number of trials of bagged DMD."""


def optimized_operator(runs: list[Array], variant: str, seed: int = 0) -> Array:
    """Return the operator of optimized DMD (Askham and Kutz 2018) or bagged optimized DMD
    (Sashidhar and Kutz 2022).

    Parameters
    ----------
    runs : list of float64 (r, windows)
        A single run, in the coordinates of its leading directions; the cost does not depend on the
        number of parameters.
    variant : {"optimized", "bagged"}
    seed : int
        For the `BAGS` trials of bagged DMD.

    Returns
    -------
    float64 or complex128 (r, r)

    Raises
    ------
    KoopflowError
        For several runs, since these methods fit a single time series.
    """
    if len(runs) != 1:
        raise KoopflowError(
            f"variant {variant} needs exactly one run (got {len(runs)}); select one run or another variant"
        )
    from pydmd import BOPDMD

    states = runs[0]
    start = eigenpairs(operator(states[:, :-1], states[:, 1:]))[0].astype(complex)
    trials = BAGS if variant == "bagged" else 0
    state = np.random.get_state()  # noqa: NPY002 - PyDMD draws from the global generator
    np.random.seed(seed)  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = BOPDMD(svd_rank=len(states), num_trials=trials, init_alpha=np.log(start + 1e-300))
            peer.fit(states, np.arange(states.shape[1], dtype=float))
    finally:
        np.random.set_state(state)  # noqa: NPY002
    modes = peer.modes
    return (modes * np.exp(peer.eigs)) @ np.linalg.pinv(modes)
