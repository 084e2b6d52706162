"""Tables of spectra: eigenvalues, distances between spectra, and the tests between set-ups."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.seeds import rng
from koopflow.equivalence.comparison import Comparison, adjusted, compare, distance_matrix, verdict
from koopflow.io.columns import SETUP_DISTANCES, TESTS
from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.spectrum import distance, shuffle_control
from koopflow.koopman.steps import spectrum_of, step_columns

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
        found = _distance(spectra[a], spectra[b], generator, shuffles)
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


def distance_table(
    spectra: Spectra,
    comparisons: Mapping[str, Sequence[str]],
    shuffles: int,
    seed: int,
    excluded: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return the distances of each comparison: between set-ups per seed, and within set-ups between
    all seeds.

    Parameters
    ----------
    spectra : Spectra
    comparisons : dict of str to list of str
        Names of the set-ups in each comparison; every pair is compared.
    shuffles, seed : int
        Draws and seed of the shuffle control.
    excluded : dict of str to int, optional
        Number of diverged replicas of each set-up.

    Returns
    -------
    DataFrame
        Columns `SETUP_DISTANCES`, excluded_a and excluded_b.
    """
    rows: list[Row] = []
    gone = excluded or {}
    for comparison, names in comparisons.items():
        for a, b in combinations([name for name in names if name in spectra], 2):
            for number in sorted(set(spectra[a]) & set(spectra[b])):
                generator = rng(seed, "equivalence", comparison, a, b, number, "shuffles")
                found = _distance(spectra[a][number], spectra[b][number], generator, shuffles)
                rows.append({"comparison": comparison, "a": a, "b": b, "seed": str(number), **found})
        for name in names:
            for i, j in combinations(sorted(spectra.get(name, {})), 2):
                generator = rng(seed, "equivalence", comparison, name, f"{i}-{j}", "shuffles")
                found = _distance(spectra[name][i], spectra[name][j], generator, shuffles)
                rows.append({"comparison": comparison, "a": name, "b": name, "seed": f"{i}-{j}", **found})
    table = pd.DataFrame(rows, columns=SETUP_DISTANCES)
    return table.assign(**{f"excluded_{side}": [gone.get(name, 0) for name in table[side]] for side in ("a", "b")})


def comparison_table(
    spectra: Spectra,
    comparisons: Mapping[str, Sequence[str]],
    significance: float,
    margin: float,
    seed: int,
    excluded: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return the tests of all pairs in each comparison, with p-values adjusted over the whole
    table.

    Parameters
    ----------
    spectra, comparisons, excluded
        As in `distance_table`.
    significance, margin : float
        See `koopflow.equivalence.comparison.verdict`.
    seed : int
        Seed of relabellings and bootstrap.

    Returns
    -------
    DataFrame
        Columns `TESTS`. A pair with fewer than two spectra on a side has no statistics and is
        inconclusive.
    """
    rows: list[Row] = []
    found: list[Comparison] = []
    for comparison, names in comparisons.items():
        for a, b in combinations(names, 2):
            first, second = (list(spectra.get(name, {}).values()) for name in (a, b))
            left_out = {f"excluded_{side}": (excluded or {}).get(name, 0) for side, name in (("a", a), ("b", b))}
            if min(len(first), len(second)) < 2:
                rows.append({"comparison": comparison, "a": a, "b": b, "n": min(len(first), len(second)), **left_out})
                continue
            generator = rng(seed, "equivalence", comparison, a, b, "test")
            result = compare(distance_matrix([*first, *second]), len(first), generator)
            found.append(result)
            rows.append(
                {
                    "comparison": comparison,
                    "a": a,
                    "b": b,
                    "between": result.between,
                    "within": result.within,
                    **left_out,
                }
            )
    p_adjusted = adjusted(np.array([result.p for result in found]))
    for row in rows:
        row.setdefault("verdict", "inconclusive")
    for row, result, p in zip([row for row in rows if "between" in row], found, p_adjusted):
        row |= {"p_permutation": result.p, "p_adjusted": p, "verdict": verdict(result, p, significance, margin)}
        row |= {"excess": result.excess, "ci_low": result.low, "ci_high": result.high, "n": result.seeds}
    return pd.DataFrame(rows, columns=TESTS)


def mean_distances(spectra: Spectra) -> pd.DataFrame:
    """Return the square table of mean distances between spectra: between set-ups, and between seeds
    on the diagonal.
    """
    names = list(spectra)
    table = pd.DataFrame(np.nan, index=names, columns=names)
    for i, a in enumerate(names):
        for b in names[i:]:
            if a == b:
                values = [distance(x, y) for x, y in combinations(spectra[a].values(), 2)]
            else:
                values = [distance(x, y) for x in spectra[a].values() for y in spectra[b].values()]
            table.loc[a, b] = table.loc[b, a] = np.mean(values) if values else np.nan
    return table


def without_spectra(spectra: Spectra, comparisons: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return, by comparison, the set-ups without spectra, in which every seed diverged."""
    absent = {comparison: [name for name in names if name not in spectra] for comparison, names in comparisons.items()}
    return {comparison: names for comparison, names in absent.items() if names}


def spectra_of(table: pd.DataFrame) -> dict[str, dict[int, ComplexArray]]:
    """Return eigenvalues per optimizer step by set-up and seed, from a table with the columns
    `SETUP_EIGENVALUES`; without those per step, as they stand.

    Raises
    ------
    KoopflowError
        If the table is empty because all training diverged.
    """
    if table.empty:
        raise KoopflowError("equivalence.training: every replica of every set-up diverged; lower the learning rates")
    spectra: dict[str, dict[int, ComplexArray]] = {}
    for setting in table["setting"].unique():
        group = table[table["setting"] == setting]
        values = spectrum_of(group)
        spectra[setting] = {int(seed): values[(group["seed"] == seed).to_numpy()] for seed in np.unique(group["seed"])}
    return spectra


def _distance(a: ComplexArray, b: ComplexArray, generator: np.random.Generator, shuffles: int) -> dict[str, float]:
    """Return the distance and the shuffle control's p; p is NaN for unequal sizes, which allow no
    matching.
    """
    if len(a) != len(b):
        return {"distance": distance(a, b), "p_shuffle": float("nan")}
    control = shuffle_control(a, b, generator, shuffles)
    return {"distance": control.distance, "p_shuffle": control.p}
