"""One set-up's spectra: a Koopman operator per seed, pooled over the copies that share its batches."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.equivalence.spectra import eigenvalue_rows
from koopflow.io.columns import SETUP_EIGENVALUES, SETUP_LOSSES
from koopflow.koopman.dmd import fit
from koopflow.trajectory import Trajectory

CURVE_POINTS = 200
"""A loss curve is averaged over bins of steps, about this many."""


def fit_part(
    path: str, setting: str, seeds: Sequence[int], copies: int, diverged: Sequence[str], delays: int, rank: float
) -> pd.DataFrame:
    """Return the eigenvalues of each seed in one trajectory file.

    Parameters
    ----------
    path : str
        Trajectory of ``len(seeds) * copies`` replicas, the copies of a seed side by side.
    setting : str
        Name of the set-up.
    seeds, copies
        Which seeds the file holds, and how many perturbed copies of each.
    diverged : sequence of str
        Names (``seed/copy``) of replicas to leave out; a seed of which nothing is left has no rows. The column `excluded` counts
        the copies that were left out of a seed's fit.
    delays, rank
        As in `koopflow.koopman.fit`.
    """
    rows: list[dict] = []
    with Trajectory(path) as trajectory:
        if trajectory.replicas != len(seeds) * copies:
            raise KoopflowError(f"{path}: {trajectory.replicas} replicas, expected {len(seeds)} seeds of {copies} copies")
        for place, seed in enumerate(seeds):
            kept = [place * copies + copy for copy in range(copies) if replica_name(seed, copy, copies) not in diverged]
            if kept:
                try:
                    fitted = fit(trajectory, delays=delays, svd_rank=rank, replicas=kept)
                except KoopflowError as error:
                    raise KoopflowError(f"set-up {setting}, seed {seed}: {error}") from None
                rows += [row | {"excluded": copies - len(kept)} for row in eigenvalue_rows(fitted, setting=setting, seed=seed)]
    return pd.DataFrame(rows, columns=[*SETUP_EIGENVALUES, "excluded"])


def loss_curve(setting: str, losses: Mapping[int, np.ndarray], steps: np.ndarray, excluded: int = 0) -> pd.DataFrame:
    """Return the loss curve of a set-up: the mean over seeds, the smallest and the largest seed, averaged over bins of steps.

    Parameters
    ----------
    losses : dict of seed to float (step,)
        Mean loss over the copies of a seed.
    steps : int (step,)
    excluded : int
        How many replicas of the set-up were left out as diverged.
    """
    if not losses:
        return pd.DataFrame(columns=[*SETUP_LOSSES, "excluded"])
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
        }
    )


def seed_losses(path: str, seeds: Sequence[int], copies: int, diverged: Sequence[str]) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Return the loss of each seed, averaged over its copies that did not diverge, and the steps."""
    with Trajectory(path) as trajectory:
        loss, steps = trajectory.loss, trajectory.steps
    curves = {}
    for place, seed in enumerate(seeds):
        kept = [place * copies + copy for copy in range(copies) if replica_name(seed, copy, copies) not in diverged]
        if kept:
            curves[seed] = loss[kept].mean(axis=0)
    return curves, steps


def replica_name(seed: int, copy: int, copies: int) -> str:
    """Return the trainer's name of a replica: the seed, and the copy where there are several."""
    return str(seed) if copies == 1 else f"{seed}/{copy}"


def exclusions(setting: str, replicas: pd.DataFrame) -> pd.DataFrame:
    """Return the replicas of a set-up that were left out, by name, with the step at which they diverged."""
    gone = replicas[replicas["diverged_at"].notna()]
    return pd.DataFrame(
        {"setting": setting, "replica": gone["replica"].astype(str), "diverged_at": gone["diverged_at"].astype(int)}
    )
