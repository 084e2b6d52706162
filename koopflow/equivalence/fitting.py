"""The spectra of one set-up: one Koopman operator per seed, fitted to the copies trained on its
batches.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.equivalence.ranks import rank_rows, ranked_fit
from koopflow.equivalence.spectra import Row
from koopflow.io import npz
from koopflow.io.columns import SETUP_EIGENVALUES, SETUP_LOSSES
from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.runs import Array
from koopflow.trajectory import Trajectory

OPERATORS = "operators of seeds"
CURVE_POINTS = 200
"""Number of bins of steps in a loss curve."""


def fit_part(
    path: str,
    setting: str,
    seeds: Sequence[int],
    copies: int,
    diverged: Sequence[str],
    delays: int,
    rank: float | str,
    largest: int = 12,
) -> tuple[pd.DataFrame, dict[int, Array]]:
    """Return the eigenvalues of each seed in one trajectory file, columns `SETUP_EIGENVALUES`, rank
    and excluded; and the operator (r, r) of the largest rank by seed.

    Parameters
    ----------
    path : str
        Trajectory file with ``len(seeds) * copies`` replicas; the copies of a seed are adjacent.
    setting : str
        Name of the set-up.
    seeds : sequence of int
        The seeds in the file.
    copies : int
        Number of perturbed copies of each seed.
    diverged : sequence of str
        Names (``seed/copy``) of replicas to leave out; column `excluded` counts them per seed. A
        seed without remaining replicas has no rows.
    delays, rank
        As in `koopflow.koopman.fit`; or `koopflow.equivalence.ranks.STABLE`. The neighbours of a
        whole number, and all ranks of `STABLE`, have rows as well.
    largest : int
        Largest rank for `STABLE`.

    Raises
    ------
    KoopflowError
        If the file has the wrong number of replicas, or a seed cannot be fitted.
    """
    rows: list[Row] = []
    operators: dict[int, Array] = {}
    with Trajectory(path) as trajectory:
        if trajectory.replicas != len(seeds) * copies:
            raise KoopflowError(
                f"{path}: must hold {len(seeds)} seeds of {copies} copies (got {trajectory.replicas} replicas)"
            )
        for place, seed in enumerate(seeds):
            kept = [place * copies + copy for copy in range(copies) if replica_name(seed, copy, copies) not in diverged]
            if kept:
                try:
                    fitted = ranked_fit(partial(_fit, trajectory, delays, kept), rank, largest)
                except KoopflowError as error:
                    raise KoopflowError(f"set-up {setting}, seed {seed}: {error}") from None
                operators[seed] = fitted.operator
                rows += [
                    row | {"excluded": copies - len(kept)}
                    for row in rank_rows(fitted, rank, setting=setting, seed=seed)
                ]
    return pd.DataFrame(rows, columns=[*SETUP_EIGENVALUES, "rank", "excluded"]), operators


def write_operators(operators: Mapping[int, Array], path: str) -> None:
    """Write the operators (r, r) of the seeds of a set-up."""
    npz.save(path, OPERATORS, 1, {str(seed): operator for seed, operator in operators.items()})


def read_operators(path: str) -> dict[int, Array]:
    """Return the operators (r, r) of the seeds of a set-up."""
    return {int(seed): operator for seed, operator in npz.load(path, OPERATORS, 1).items() if seed.isdecimal()}


def _fit(trajectory: Trajectory, delays: int, replicas: Sequence[int], rank: float) -> Koopman:
    return fit(trajectory, delays=delays, svd_rank=rank, replicas=replicas)


def loss_curve(
    setting: str, losses: Mapping[int, Array], steps: NDArray[np.integer], excluded: int = 0
) -> pd.DataFrame:
    """Return the loss curve of a set-up: mean, minimum, maximum and standard deviation (`spread`)
    over seeds, averaged over bins of steps.

    Parameters
    ----------
    losses : dict of int to float64 (step,)
        Mean loss over the copies of each seed.
    steps : int (step,)
    excluded : int
        Number of diverged replicas of the set-up.

    Returns
    -------
    DataFrame
        Columns `SETUP_LOSSES`, excluded and spread; empty without losses.
    """
    if not losses:
        return pd.DataFrame(columns=[*SETUP_LOSSES, "excluded", "spread"])
    curves = np.stack(list(losses.values()))
    bins = np.array_split(np.arange(len(steps)), min(CURVE_POINTS, len(steps)))
    binned = np.stack([curves[:, chosen].mean(axis=1) for chosen in bins], axis=1)
    return pd.DataFrame(
        {
            "setting": setting,
            "step": [float(steps[chosen].mean()) for chosen in bins],
            "loss": binned.mean(axis=0),
            "low": binned.min(axis=0),
            "high": binned.max(axis=0),
            "n": len(curves),
            "excluded": excluded,
            "spread": binned.std(axis=0, ddof=1) if len(curves) > 1 else 0.0,
        }
    )


def seed_losses(
    path: str, seeds: Sequence[int], copies: int, diverged: Sequence[str]
) -> tuple[dict[int, Array], NDArray[np.int64]]:
    """Return the loss of each seed (step,), averaged over the copies that did not diverge, and the
    steps.
    """
    with Trajectory(path) as trajectory:
        loss, steps = trajectory.loss, trajectory.steps
    curves = {}
    for place, seed in enumerate(seeds):
        kept = [place * copies + copy for copy in range(copies) if replica_name(seed, copy, copies) not in diverged]
        if kept:
            curves[seed] = loss[kept].mean(axis=0)
    return curves, steps


def replica_name(seed: int, copy: int, copies: int) -> str:
    """Return a replica's name in the trainer: the seed, or ``seed/copy`` if there are several
    copies."""
    return str(seed) if copies == 1 else f"{seed}/{copy}"


def exclusions(setting: str, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the diverged replicas of a set-up with the step at which they diverged, columns
    `SETUP_EXCLUSIONS`.
    """
    gone = replicas[replicas["diverged_at"].notna()]
    return pd.DataFrame(
        {"setting": setting, "replica": gone["replica"].astype(str), "diverged_at": gone["diverged_at"].astype(int)}
    )
