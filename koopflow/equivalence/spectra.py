"""Tables of spectra: eigenvalues, distances between spectra, and the tests between set-ups."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.seeds import rng
from koopflow.equivalence.comparison import adjusted, compare, distance_matrix, verdict
from koopflow.io.columns import SETUP_DISTANCES, TESTS
from koopflow.koopman.dmd import Koopman, fit
from koopflow.koopman.spectrum import distance, shuffle_control

Spectra = Mapping[str, Mapping[int, np.ndarray]]
"""Eigenvalues by set-up and seed."""


def eigenvalue_rows(fitted: Koopman, **names) -> list[dict]:
    """Return one row per eigenpair: `names`, mode, real, imag, residual; by falling modulus."""
    return [
        {**names, "mode": mode, "real": value.real, "imag": value.imag, "residual": residual}
        for mode, (value, residual) in enumerate(zip(fitted.eigenvalues, fitted.residuals))
    ]


def optimizer_tables(
    runs: Mapping[str, np.ndarray], delays: int, shuffles: int, seed: int, draws: int = 200, level: float = 0.95
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of eigenvalues and of distances of the optimizer problem.

    The methods are deterministic; what varies is where they start. The interval of a distance is the percentile interval over `draws`
    bootstrap samples of the initial conditions, drawn for each method by itself (Efron and Tibshirani 1993, ch. 13).

    Parameters
    ----------
    runs : dict of (run, state, d) arrays
        Trajectories by algorithm; the pairs of all runs are pooled, and the fit keeps the full rank of the data.
    delays, shuffles, seed, draws : int
    level : float
        Of the intervals.
    """
    fits = {name: _pooled(trajectory, delays) for name, trajectory in runs.items()}
    rows = [row for name, fitted in fits.items() for row in eigenvalue_rows(fitted, algorithm=name)]
    redrawn = {
        name: _redrawn(trajectory, delays, draws, rng(seed, "equivalence", name, "draws")) for name, trajectory in runs.items()
    }
    distances = []
    for a, b in combinations(fits, 2):
        generator = rng(seed, "equivalence", "optimizers", a, b, "shuffles")
        found = _distance(fits[a].eigenvalues, fits[b].eigenvalues, generator, shuffles)
        drawn = [distance(x, y) for x, y in zip(redrawn[a], redrawn[b])]
        low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
        # A percentile interval need not hold the estimate of a quantity that resampling can only enlarge: it is widened to it.
        ends = {"ci_low": min(low, found["distance"]), "ci_high": max(high, found["distance"])}
        distances.append({"a": a, "b": b, **found, **ends, "n": min(len(runs[a]), len(runs[b]))})
    return pd.DataFrame(rows), pd.DataFrame(distances)


def _pooled(runs: np.ndarray, delays: int) -> Koopman:
    return fit(runs, delays=delays, svd_rank=-1, route="direct")


def _redrawn(runs: np.ndarray, delays: int, draws: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Return the eigenvalues of `draws` fits, each of as many runs as there are, drawn with replacement."""
    return [_pooled(runs[generator.integers(len(runs), size=len(runs))], delays).eigenvalues for _ in range(draws)]


def distance_table(
    spectra: Spectra,
    comparisons: Mapping[str, list[str]],
    shuffles: int,
    seed: int,
    excluded: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return the distances of each comparison: per seed between set-ups, and between all pairs of seeds within each set-up.

    `excluded` counts the replicas of each set-up that were left out as diverged; the columns excluded_a and excluded_b repeat it.
    """
    rows, gone = [], excluded or {}
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
    comparisons: Mapping[str, list[str]],
    significance: float,
    margin: float,
    seed: int,
    excluded: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return the tests of each comparison's pairs, p-values adjusted over the whole table.

    `excluded` counts the replicas of each set-up that were left out as diverged; it is repeated in the columns excluded_a and excluded_b.
    A pair of which a set-up has fewer than two spectra left stands in the table without numbers, inconclusive.
    """
    rows, found = [], []
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
            rows.append({"comparison": comparison, "a": a, "b": b, "between": result.between, "within": result.within, **left_out})
    p_adjusted = adjusted(np.array([result.p for result in found]))
    for row in rows:
        row.setdefault("verdict", "inconclusive")
    for row, result, p in zip([row for row in rows if "between" in row], found, p_adjusted):
        row |= {"p_permutation": result.p, "p_adjusted": p, "verdict": verdict(result, p, significance, margin)}
        row |= {"excess": result.excess, "ci_low": result.low, "ci_high": result.high, "n": result.seeds}
    return pd.DataFrame(rows, columns=TESTS)


def mean_distances(spectra: Spectra) -> pd.DataFrame:
    """Return the mean distance between spectra of every two set-ups (within one set-up: between its seeds), a square table."""
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


def without_spectra(spectra: Spectra, comparisons: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return by comparison the set-ups that have no spectrum, since training diverged in every seed."""
    absent = {comparison: [name for name in names if name not in spectra] for comparison, names in comparisons.items()}
    return {comparison: names for comparison, names in absent.items() if names}


def spectra_of(table: pd.DataFrame) -> dict[str, dict[int, np.ndarray]]:
    """Return the eigenvalues of the table of eigenvalues by set-up and seed.

    Raises
    ------
    KoopflowError
        The table is empty: all training diverged.
    """
    if table.empty:
        raise KoopflowError("equivalence.training: every replica of every set-up diverged; lower the learning rates")
    return {
        setting: {
            int(number): (rows["real"] + 1j * rows["imag"]).to_numpy(complex) for number, rows in group.groupby("seed", sort=True)
        }
        for setting, group in table.groupby("setting", sort=False)
    }


def _distance(a: np.ndarray, b: np.ndarray, generator: np.random.Generator, shuffles: int) -> dict[str, float]:
    """Return distance and shuffle p; spectra of unequal sizes have no matched pairs to swap, so their p is missing."""
    if len(a) != len(b):
        return {"distance": distance(a, b), "p_shuffle": float("nan")}
    control = shuffle_control(a, b, generator, shuffles)
    return {"distance": control.distance, "p_shuffle": control.p}
