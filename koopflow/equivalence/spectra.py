"""Tables of eigenvalues, and the spectra of the optimizer problem with their distances."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from koopflow.core.seeds import rng
from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.spectrum import distance, shuffle_control
from koopflow.koopman.steps import step_columns

Spectra = Mapping[str, Mapping[int, ComplexArray]]
"""Eigenvalues per optimizer step, by set-up and seed."""
Row = dict[str, object]
"""One table row: values by column."""


def eigenvalue_rows(fitted: Koopman, **names: str | int) -> list[Row]:
    """Return one row per eigenpair, by decreasing modulus: `names`, then mode, real, imag,
    residual."""
    times = step_columns(fitted.eigenvalues, fitted.interval)
    return [
        {
            **names,
            "mode": mode,
            "real": value.real,
            "imag": value.imag,
            "residual": residual,
            **{name: values[mode] for name, values in times.items()},
        }
        for mode, (value, residual) in enumerate(zip(fitted.eigenvalues, fitted.residuals))
    ]


def optimizer_tables(
    runs: Mapping[str, Array], delays: int, shuffles: int, seed: int, draws: int = 200, level: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of eigenvalues and distances of the optimizer problem.

    The methods are deterministic: runs differ only in their initial conditions. The interval of a
    distance is the percentile interval over bootstrap samples of initial conditions, drawn
    independently for each method (Efron and Tibshirani 1993, ch. 13).

    Parameters
    ----------
    runs : dict of str to float64 (run, state, d)
        Trajectories by method. The pairs of all runs are pooled; the fit keeps the full rank of the
        data. Directions of the observables that the data do not span count as eigenvalues 0 in
        distances, so that all spectra have the same size, d * (delays + 1).
    delays, shuffles, seed, draws : int
        Time delays of the fit, draws of the shuffle control, random seed, and bootstrap draws.
    level : float
        Confidence level.

    Returns
    -------
    eigenvalues, distances : DataFrame
        Columns `OPTIMIZER_EIGENVALUES` and `OPTIMIZER_DISTANCES`.
    """
    fits = {name: _pooled(trajectory, delays) for name, trajectory in runs.items()}
    rows = [row for name, fitted in fits.items() for row in eigenvalue_rows(fitted, algorithm=name)]
    spectra = {name: _padded(fitted) for name, fitted in fits.items()}
    redrawn = {
        name: _redrawn(trajectory, delays, draws, rng(seed, "equivalence", name, "draws"))
        for name, trajectory in runs.items()
    }
    distances = []
    for a, b in combinations(fits, 2):
        generator = rng(seed, "equivalence", "optimizers", a, b, "shuffles")
        found = distance_row(spectra[a], spectra[b], generator, shuffles)
        drawn = [distance(x, y) for x, y in zip(redrawn[a], redrawn[b])]
        low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
        # Resampling only increases a distance, so the percentile interval may exclude the estimate:
        # widen it to include it.
        ends = {"ci_low": min(low, found["distance"]), "ci_high": max(high, found["distance"])}
        distances.append({"a": a, "b": b, **found, **ends, "n": min(len(runs[a]), len(runs[b]))})
    return pd.DataFrame(rows), pd.DataFrame(distances)


def _pooled(runs: Array, delays: int) -> Koopman:
    return fit(runs, delays=delays, svd_rank=-1, route="direct")


def _redrawn(runs: Array, delays: int, draws: int, generator: np.random.Generator) -> list[ComplexArray]:
    """Return the eigenvalues of `draws` fits to bootstrap samples of the runs."""
    return [_padded(_pooled(runs[generator.integers(len(runs), size=len(runs))], delays)) for _ in range(draws)]


def _padded(fitted: Koopman) -> ComplexArray:
    """Return all eigenvalues of a full-rank operator on its observables: zeros outside the span of
    the data."""
    found = fitted.eigenvalues
    return np.concatenate([found, np.zeros(fitted.runs.dimension - len(found))])


def distance_row(a: ComplexArray, b: ComplexArray, generator: np.random.Generator, shuffles: int) -> dict[str, float]:
    """Return the distance and the shuffle control's p; p is NaN for unequal sizes, which allow no
    matching.
    """
    if len(a) != len(b):
        return {"distance": distance(a, b), "p_shuffle": float("nan")}
    control = shuffle_control(a, b, generator, shuffles)
    return {"distance": control.distance, "p_shuffle": control.p}
