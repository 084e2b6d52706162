"""Spectra of trajectories as tables: one row for each eigenvalue, one for each pair of trajectories."""

from itertools import combinations

import numpy as np
import pandas as pd

from koopflow.core.seeds import rng
from koopflow.io.columns import SETUP_EIGENVALUES, TRAJECTORY_DISTANCES, TRAJECTORY_EIGENVALUES
from koopflow.koopman.bootstrap import eigenvalue_intervals
from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.rank import RankError
from koopflow.koopman.spectrum import distance, shuffle_control
from koopflow.koopman.user_files import opened
from koopflow.trajectory import Trajectory


def trajectory_spectrum(
    name: str, spec: dict, seed: int, draws: int, level: float, largest_residual: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the spectrum of one trajectory, `TRAJECTORY_EIGENVALUES`, one row for each eigenvalue, and that of each run (`run_spectra`).

    Parameters
    ----------
    name : str
    spec : dict
        path (a trajectory file, or a folder of checkpoints or arrays; several in a list are pooled), parameters (name patterns),
        delays, rank, variant.
    seed, draws, level : int, int, float
        Of the bootstrap intervals.
    largest_residual : float
        Eigenpairs above it are marked as not to be believed.

    Raises KoopflowError when the file is not what it should be.
    """
    with opened(name, spec) as files:
        columns = files[0].columns(spec["parameters"])
        options = {"svd_rank": spec["rank"], "delays": spec["delays"], "variant": spec.get("variant", "standard")}
        fitted = fit(files if len(files) > 1 else files[0], columns=columns, **options)
        runs = run_spectra(name, fitted, files, columns, options)
        about = {
            "runs": len(fitted.runs.lengths),
            "steps": max(fitted.runs.lengths),
            "complete": all(file.complete for file in files),
        }
    interval = eigenvalue_intervals(fitted, rng(seed, "spectra", name), draws=draws, level=level)
    spectrum = pd.DataFrame(
        {
            "trajectory": name,
            "mode": np.arange(fitted.rank),
            "real": fitted.eigenvalues.real,
            "imag": fitted.eigenvalues.imag,
            "residual": fitted.residuals,
            "amplitude": np.sqrt(np.mean(np.abs(fitted.amplitudes) ** 2, axis=0)),
            "believed": fitted.believable(largest_residual),
            "real_low": interval.real[0],
            "real_high": interval.real[1],
            "imag_low": interval.imag[0],
            "imag_high": interval.imag[1],
            "resampled": interval.resampled,
            "rank": fitted.rank,
            "delays": fitted.delays,
            "dimension": fitted.runs.dimension,
            "route": fitted.route,
            **about,
        }
    )[list(TRAJECTORY_EIGENVALUES)]
    return spectrum, runs


def run_spectra(name: str, fitted: Koopman, files: list[Trajectory], columns: list[tuple[int, int]], options: dict) -> pd.DataFrame:
    """Return the eigenvalues of every run fitted by itself: `SETUP_EIGENVALUES`; of a single run, those of `fitted`.

    `setting` is the trajectory and `seed` the run, as in the table that the tests of equivalence read. A run that has less than the
    whole rank asked for is fitted in all directions it has.
    """
    fits = [fitted]
    if len(fitted.runs.lengths) > 1:
        fits = [_alone(file, replica, columns, options) for file in files for replica in range(file.replicas)]
    parts = []
    for run, alone in enumerate(fits):
        values = {"real": alone.eigenvalues.real, "imag": alone.eigenvalues.imag, "residual": alone.residuals}
        parts.append(pd.DataFrame({"setting": name, "seed": run, "mode": np.arange(alone.rank), **values}))
    return pd.concat(parts, ignore_index=True)[list(SETUP_EIGENVALUES)]


def _alone(file: Trajectory, replica: int, columns: list[tuple[int, int]], options: dict) -> Koopman:
    try:
        return fit(file, columns=columns, replicas=[replica], **options)
    except RankError:
        return fit(file, columns=columns, replicas=[replica], **{**options, "svd_rank": -1})


def spectrum_distances(spectra: pd.DataFrame, seed: int, shuffles: int = 100) -> pd.DataFrame:
    """Return `TRAJECTORY_DISTANCES` for each pair of trajectories in `spectra`; p_shuffle is missing where sizes differ."""
    groups = {name: group for name, group in spectra.groupby("trajectory", sort=True)}
    rows = []
    for a, b in combinations(groups, 2):
        (values_a, weights_a), (values_b, weights_b) = (
            ((groups[name]["real"] + 1j * groups[name]["imag"]).to_numpy(), groups[name]["amplitude"].to_numpy()) for name in (a, b)
        )
        p = np.nan
        if len(values_a) == len(values_b):
            p = shuffle_control(values_a, values_b, rng(seed, "spectra", a, b), shuffles).p
        weighted = distance(values_a, values_b, weights_a=weights_a, weights_b=weights_b)
        rows.append((a, b, distance(values_a, values_b), weighted, p))
    return pd.DataFrame(rows, columns=TRAJECTORY_DISTANCES)
