"""Spectra of windows along one training: when do the dynamics change?

A window of N iterations that begins at iteration k holds the states k, ..., k + N - 1. One Koopman
operator is fitted to each window; the distances between their spectra show which stretches of a
training follow one dynamics (Redman et al., NeurIPS 2024, Fig. 4). Distances between seeds at one
window are the floor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.config.spectra import TrajectorySettings
from koopflow.core import progress
from koopflow.core.errors import KoopflowError, UnfitError
from koopflow.equivalence.spectra import Row, eigenvalue_rows
from koopflow.io.columns import WINDOW_DISTANCES, WINDOW_EIGENVALUES
from koopflow.koopman.dmd import Koopman
from koopflow.koopman.fitted_runs import FitOptions
from koopflow.koopman.rank import RankError
from koopflow.koopman.runs import ComplexArray
from koopflow.koopman.spectrum import distance
from koopflow.koopman.user_files import opened
from koopflow.trajectory import Trajectory


@dataclass(frozen=True)
class Run:
    """The replicas of one seed in an open trajectory: pooled into one fit per window."""

    seed: int
    trajectory: Trajectory
    replicas: tuple[int, ...]


def starts(steps: NDArray[np.integer], length: int) -> list[int]:
    """Return the first iterations of all whole windows.

    Parameters
    ----------
    steps : int (state,)
        Iterations at which states were recorded, equally spaced.
    length : int
        Iterations in a window.

    Raises
    ------
    KoopflowError
        If no whole window fits.
    """
    spacing = int(steps[1] - steps[0]) if len(steps) > 1 else 1
    covered = int(steps[-1] - steps[0]) + spacing
    if length > covered:
        raise KoopflowError(f"a window must be at most {covered} iterations long, as is the run (got {length})")
    return [int(steps[0]) + length * place for place in range(covered // length)]


def ends(steps: NDArray[np.integer], length: int) -> tuple[int, int]:
    """Return the first and last iteration of the first window."""
    return int(steps[0]), int(steps[0]) + length - 1


def window_eigenvalues(name: str, runs: Sequence[Run], length: int, options: FitOptions) -> pd.DataFrame:
    """Return the eigenvalues of every window of every seed, columns `WINDOW_EIGENVALUES`.

    A window of lower rank than requested is fitted at full rank; one whose values cannot be fitted,
    such as NaN, has no rows.

    Raises
    ------
    KoopflowError
        If a window is longer than a run, or too short for the delays.
    """
    rows: list[Row] = []
    for run in progress.bar(runs, f"fitting windows of {name}", "run"):
        for start in starts(run.trajectory.steps, length):
            window = run.trajectory.window(start, start + length - 1)
            try:
                fitted = _pooled(window, options, run.replicas)
            except UnfitError:
                continue
            rows += eigenvalue_rows(fitted, run=name, seed=run.seed, window=start)
    return pd.DataFrame(rows, columns=list(WINDOW_EIGENVALUES))


def _pooled(window: Trajectory, options: FitOptions, replicas: Sequence[int]) -> Koopman:
    try:
        return options.fit(window, replicas)
    except RankError:
        return replace(options, svd_rank=-1).fit(window, replicas)


def recorded_windows(name: str, settings: TrajectorySettings) -> pd.DataFrame:
    """Return the eigenvalues of the windows of ``trajectories.<name>``; an empty table if its
    settings ask for none.

    Raises
    ------
    KoopflowError
        As `window_eigenvalues`, or if a file cannot be read.
    """
    if settings.windows is None:
        return pd.DataFrame(columns=list(WINDOW_EIGENVALUES))
    with opened(name, settings) as files:
        assert not isinstance(settings.rank, str)  # refused by the settings
        options = FitOptions(files[0].columns(settings.parameters), settings.rank, settings.delays, settings.variant)
        return window_eigenvalues(name, runs_of(files), settings.windows, options)


def window_distances(eigenvalues: pd.DataFrame) -> pd.DataFrame:
    """Return the distances between windows of each seed, and between seeds at each window, columns
    `WINDOW_DISTANCES`.

    Rows between seeds have window_a = window_b and a seed of the form "i-j".
    """
    rows: list[tuple[str, str, int, int, float]] = []
    for name in eigenvalues["run"].unique():
        of = eigenvalues[eigenvalues["run"] == name]
        values = (of["real"] + 1j * of["imag"]).to_numpy(complex)
        places = sorted({(int(seed), int(window)) for seed, window in zip(of["seed"], of["window"])})
        spectra: Mapping[tuple[int, int], ComplexArray] = {
            (seed, window): values[((of["seed"] == seed) & (of["window"] == window)).to_numpy()]
            for seed, window in places
        }
        for (seed_a, window_a), (seed_b, window_b) in combinations(places, 2):
            if seed_a == seed_b or window_a == window_b:
                apart = distance(spectra[seed_a, window_a], spectra[seed_b, window_b])
                seed = str(seed_a) if seed_a == seed_b else f"{seed_a}-{seed_b}"
                rows.append((str(name), seed, window_a, window_b, apart))
    return pd.DataFrame(rows, columns=list(WINDOW_DISTANCES))


def runs_of(files: Sequence[Trajectory]) -> list[Run]:
    """Return every replica of every file as a run of its own, numbered across files."""
    places = [(file, replica) for file in files for replica in range(file.replicas)]
    return [Run(number, file, (replica,)) for number, (file, replica) in enumerate(places)]


def seeds_of(trajectory: Trajectory, copies: int, diverged: Sequence[str], names: Sequence[str]) -> list[Run]:
    """Return the seeds of an ensemble, without diverged replicas.

    Parameters
    ----------
    trajectory : Trajectory
        The copies of a seed are adjacent.
    copies : int
        Copies of each seed.
    diverged : sequence of str
        Replicas to leave out.
    names : sequence of str
        All replicas of the file, in order.
    """
    runs = []
    for seed in range(trajectory.replicas // copies):
        places = range(seed * copies, (seed + 1) * copies)
        kept = tuple(place for place in places if names[place] not in diverged)
        if kept:
            runs.append(Run(seed, trajectory, kept))
    return runs
