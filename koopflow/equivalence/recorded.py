"""Spectra of recorded trajectories at the ranks that a comparison needs: the one that was asked for
and its neighbours, or all from which `STABLE` chooses."""

from dataclasses import replace
from functools import partial

import pandas as pd

from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.core.errors import UnfitError
from koopflow.core.seeds import rng
from koopflow.equivalence.ranks import rank_rows, ranked_fit
from koopflow.equivalence.spectra import Row
from koopflow.io.columns import SETUP_EIGENVALUES, TRAJECTORY_EIGENVALUES, TRAJECTORY_EXCLUSIONS
from koopflow.koopman.dmd import Koopman
from koopflow.koopman.fitted_runs import FitOptions, FittedRuns, fit_alone, fit_runs, truncated
from koopflow.koopman.intervals import eigenvalue_intervals
from koopflow.koopman.tables import Belief, spectrum_table
from koopflow.koopman.user_files import opened
from koopflow.koopman.walks import walk_p_values
from koopflow.trajectory import Trajectory

Spectra = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def trajectory_spectrum(name: str, settings: TrajectorySettings, spectra: SpectraSettings, seed: int) -> Spectra:
    """Return the spectrum fitted to one trajectory, the spectra of its runs, and the runs left out.

    Parameters
    ----------
    name : str
        Name of the entry under ``trajectories``.
    settings : TrajectorySettings
    spectra : SpectraSettings
        Level of the intervals, what makes an eigenpair believable, and the largest rank.
    seed : int
        Seed of the random walks.

    Returns
    -------
    spectrum : DataFrame
        Columns `TRAJECTORY_EIGENVALUES`, at every rank if ``rank: stable`` is asked for.
    runs : DataFrame
        Columns `SETUP_EIGENVALUES` and rank: the rank that was asked for and its neighbours, or all.
        `setting` is the trajectory and `seed` the run, as the equivalence tests expect.
    exclusions : DataFrame
        Columns `TRAJECTORY_EXCLUSIONS`, one row per run left out.

    Raises
    ------
    UnfitError
        If no run can be fitted.
    KoopflowError
        If a file cannot be read, see `koopflow.koopman.user_files.opened`.
    """
    with opened(name, settings) as files:
        options = FitOptions(files[0].columns(settings.parameters), 0, settings.delays, settings.variant)
        found: list[FittedRuns] = []

        def fit(rank: float) -> Koopman:
            found.append(fit_runs(files, replace(options, svd_rank=rank)))
            return found[-1].fitted

        if isinstance(settings.rank, str):
            fitted = ranked_fit(fit, settings.rank, spectra.largest_rank)
            at = [truncated(fitted, size) for size in range(1, fitted.rank + 1)]
        else:
            at = [fit(settings.rank)]
        runs = _runs(name, found[-1], options, settings.rank, spectra.largest_rank)
        complete = all(file.complete for file in files)
        p = [walk_p_values(one, rng(seed, "spectra", name, "walks"), spectra.walks) for one in at]
    parts = [
        spectrum_table(
            name,
            one,
            eigenvalue_intervals(one, level=spectra.level),
            Belief(own, spectra.largest_residual, spectra.walk_level),
            complete,
        )
        for one, own in zip(at, p)
    ]
    left_out = [(name, run, reason) for run, reason in found[-1].left_out.items()]
    exclusions = pd.DataFrame(left_out, columns=list(TRAJECTORY_EXCLUSIONS))
    return pd.concat(parts, ignore_index=True), runs, exclusions


def recorded_spectra(name: str, settings: TrajectorySettings, spectra: SpectraSettings, seed: int) -> Spectra:
    """Return `trajectory_spectrum`; if no run can be fitted, empty spectra and an exclusion without
    a run."""
    try:
        return trajectory_spectrum(name, settings, spectra, seed)
    except UnfitError as error:
        exclusions = pd.DataFrame([(name, pd.NA, str(error))], columns=list(TRAJECTORY_EXCLUSIONS))
        empty = [pd.DataFrame(columns=list(names)) for names in (TRAJECTORY_EIGENVALUES, [*SETUP_EIGENVALUES, "rank"])]
        return empty[0], empty[1], exclusions


def _runs(name: str, found: FittedRuns, options: FitOptions, rank: float | str, largest: int) -> pd.DataFrame:
    """Return the eigenvalues of each run fitted separately; for a single run, those of the fit."""
    rows: list[Row] = []
    for run, (file, replica) in found.runs.items():
        if len(found.runs) == 1:
            alone = found.fitted
        else:
            alone = ranked_fit(partial(_alone, file, replica, options), rank, largest)
        rows += rank_rows(alone, rank, setting=name, seed=run)
    return pd.DataFrame(rows, columns=[*SETUP_EIGENVALUES, "rank"])


def _alone(file: Trajectory, replica: int, options: FitOptions, rank: float) -> Koopman:
    return fit_alone(file, replace(options, svd_rank=rank), replica)
