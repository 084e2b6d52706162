"""Spectra of trajectories as tables: one row per eigenvalue, one per pair of trajectories."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.seeds import rng
from koopflow.io.columns import TRAJECTORY_DISTANCES, TRAJECTORY_EIGENVALUES
from koopflow.koopman.dmd import Koopman
from koopflow.koopman.intervals import Interval
from koopflow.koopman.runs import Array
from koopflow.koopman.spectrum import distance, shuffle_control
from koopflow.koopman.steps import spectrum_of, step_columns


@dataclass(frozen=True)
class Belief:
    """When an eigenpair is believed: its residual is at most `largest_residual`, and at most a share
    `level` of random walks matches it, by the p-values `p` (r,) of `walk_p_values`. Where these are
    missing, the residual decides alone.
    """

    p: Array
    largest_residual: float
    level: float

    def holds(self, residuals: Array) -> NDArray[np.bool_]:
        """Return which eigenpairs with these residuals (r,) are believed."""
        return (residuals <= self.largest_residual) & (np.isnan(self.p) | (self.p <= self.level))


def spectrum_table(
    name: str, fitted: Koopman, interval: Interval, belief: Belief, complete: bool = True
) -> pd.DataFrame:
    """Return the eigenvalues of one fit with their intervals, columns `TRAJECTORY_EIGENVALUES`."""
    columns = {
        "trajectory": name,
        "mode": np.arange(fitted.rank),
        "real": fitted.eigenvalues.real,
        "imag": fitted.eigenvalues.imag,
        "residual": fitted.residuals,
        "amplitude": np.sqrt(np.mean(np.abs(fitted.amplitudes) ** 2, axis=0)),
        "believed": belief.holds(fitted.residuals),
        "real_low": interval.real[0],
        "real_high": interval.real[1],
        "imag_low": interval.imag[0],
        "imag_high": interval.imag[1],
        "resampled": interval.resampled,
        "rank": fitted.rank,
        "delays": fitted.delays,
        "runs": len(fitted.runs.lengths),
        "steps": max(fitted.runs.lengths),
        "dimension": fitted.runs.dimension,
        "route": fitted.route,
        "complete": complete,
        **step_columns(fitted.eigenvalues, fitted.interval),
        "p_random_walk": belief.p,
    }
    return pd.DataFrame(columns)[list(TRAJECTORY_EIGENVALUES)]


def spectrum_distances(spectra: pd.DataFrame, seed: int, shuffles: int = 100) -> pd.DataFrame:
    """Return the distance of each pair of trajectories, columns `TRAJECTORY_DISTANCES`.

    Eigenvalues are compared per optimizer step, so trajectories may be recorded at different
    intervals.

    Parameters
    ----------
    spectra : DataFrame
        Columns `TRAJECTORY_EIGENVALUES`.
    seed, shuffles : int
        Seed and number of draws of the shuffle control; p_shuffle is missing for spectra of unequal
        sizes.
    """
    groups = {str(name): group for name, group in spectra.groupby("trajectory", sort=True)}
    rows = []
    for a, b in combinations(groups, 2):
        (values_a, weights_a), (values_b, weights_b) = (
            (spectrum_of(groups[name]), groups[name]["amplitude"].to_numpy()) for name in (a, b)
        )
        p = np.nan
        if len(values_a) == len(values_b):
            p = shuffle_control(values_a, values_b, rng(seed, "spectra", a, b), shuffles).p
        # a run that starts at exactly zero has no amplitudes to use as weights
        weighable = weights_a.any() and weights_b.any()
        weighted = distance(values_a, values_b, weights_a=weights_a, weights_b=weights_b) if weighable else np.nan
        rows.append((a, b, distance(values_a, values_b), weighted, p))
    return pd.DataFrame(rows, columns=list(TRAJECTORY_DISTANCES))
