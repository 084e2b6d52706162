"""Tables of the equivalence of set-ups: distances between all spectra, and the tests of every pair
of set-ups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.seeds import rng
from koopflow.equivalence.alternatives import matrix_of
from koopflow.equivalence.comparison import INCONCLUSIVE, Comparison, adjusted, compare, verdict
from koopflow.equivalence.spectra import Row, Spectra
from koopflow.io.columns import SETUP_DISTANCES, TESTS
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.spectrum import shuffle_control
from koopflow.koopman.steps import spectrum_of


@dataclass(frozen=True)
class Distances:
    """The distances between the spectra of all set-ups and seeds.

    Attributes
    ----------
    matrix : float64 (spectrum, spectrum)
    places : dict of str to dict of int to int
        Row of each spectrum, by set-up and seed.
    spectra : Spectra
    """

    matrix: Array
    places: Mapping[str, Mapping[int, int]]
    spectra: Spectra

    def group(self, name: str) -> NDArray[np.intp]:
        """Return the rows of a set-up, int (seed,)."""
        return np.array(list(self.places.get(name, {}).values()), np.intp)

    def block(self, a: str, b: str) -> Array:
        """Return the distances between the spectra of two set-ups, float64 (seed, seed)."""
        return self.matrix[np.ix_(self.group(a), self.group(b))]


def all_distances(
    spectra: Spectra,
    comparisons: Mapping[str, Sequence[str]] | None = None,
    kind: str = "wasserstein",
    operators: Mapping[str, Sequence[Array]] | None = None,
) -> Distances:
    """Return the distances of one `kind` between all `spectra`; with `comparisons`, only between
    those that are compared, and NaN between the others.

    See `koopflow.equivalence.alternatives.matrix_of`; the operators of a set-up are in the order of
    its seeds.
    """
    places: dict[str, dict[int, int]] = {}
    ordered: dict[str, list[ComplexArray]] = {}
    count = 0
    for name, seeds in spectra.items():
        places[name] = {seed: count + place for place, seed in enumerate(sorted(seeds))}
        ordered[name] = [seeds[seed] for seed in sorted(seeds)]
        count += len(seeds)
    if comparisons is None:
        return Distances(matrix_of(kind, ordered, operators or {}), places, spectra)
    owners = [name for name, seeds in places.items() for _ in seeds]
    together = {frozenset(pair) for names in comparisons.values() for pair in combinations(names, 2)}
    together |= {frozenset([name]) for names in comparisons.values() for name in names}
    wanted = np.array([[frozenset([a, b]) in together for b in owners] for a in owners], bool)
    return Distances(matrix_of(kind, ordered, operators or {}, wanted), places, spectra)


def distance_table(
    distances: Distances,
    comparisons: Mapping[str, Sequence[str]],
    shuffles: int,
    seed: int,
    excluded: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Return the distances of each comparison: between all seeds of two set-ups, and between all
    seeds of one.

    Parameters
    ----------
    distances : Distances
    comparisons : dict of str to list of str
        Names of the set-ups in each comparison; every pair is compared.
    shuffles, seed : int
        Draws and seed of the shuffle control. Only seeds of equal number in two set-ups have one,
        and none without draws.
    excluded : dict of str to int, optional
        Number of diverged replicas of each set-up.

    Returns
    -------
    DataFrame
        Columns `SETUP_DISTANCES`, excluded_a and excluded_b.
    """
    rows: list[Row] = []
    spectra = distances.spectra
    for comparison, names in comparisons.items():
        for a, b in combinations([name for name in names if name in spectra], 2):
            for i, one in distances.places[a].items():
                for j, other in distances.places[b].items():
                    row = {"seed": str(i) if i == j else f"{i}-{j}", "distance": distances.matrix[one, other]}
                    if shuffles and i == j and len(spectra[a][i]) == len(spectra[b][j]):
                        generator = rng(seed, "equivalence", comparison, a, b, i, "shuffles")
                        row["p_shuffle"] = shuffle_control(spectra[a][i], spectra[b][j], generator, shuffles).p
                    rows.append({"comparison": comparison, "a": a, "b": b, **row})
        for name in names:
            for (i, one), (j, other) in combinations(distances.places.get(name, {}).items(), 2):
                row = {"seed": f"{i}-{j}", "distance": distances.matrix[one, other]}
                rows.append({"comparison": comparison, "a": name, "b": name, **row})
    table = pd.DataFrame(rows, columns=SETUP_DISTANCES)
    gone = excluded or {}
    return table.assign(**{f"excluded_{side}": [gone.get(name, 0) for name in table[side]] for side in ("a", "b")})


def comparison_table(
    distances: Distances,
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
    distances : Distances
    comparisons, excluded
        As in `distance_table`.
    significance : float
        Level of the adjusted permutation tests in the column `significant`, which decides nothing.
    margin : float
        See `koopflow.equivalence.comparison.verdict`.
    seed : int
        Seed of the relabellings.

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
            first, second = distances.group(a), distances.group(b)
            row: Row = {"comparison": comparison, "a": a, "b": b, "n": min(len(first), len(second))}
            row |= {f"excluded_{side}": (excluded or {}).get(name, 0) for side, name in (("a", a), ("b", b))}
            row["verdict"] = INCONCLUSIVE
            if min(len(first), len(second)) >= 2:
                both = np.concatenate([first, second])
                generator = rng(seed, "equivalence", comparison, a, b, "test")
                result = compare(distances.matrix[np.ix_(both, both)], len(first), generator)
                found.append(result)
                row |= {"between": result.between, "within": result.within, "p_permutation": result.p}
                row |= {"excess": result.excess, "ci_low": result.low, "ci_high": result.high}
                row["verdict"] = verdict(result.low, result.high, margin)
            rows.append(row)
    p_adjusted = adjusted(np.array([result.p for result in found]))
    for row, p in zip([row for row in rows if "between" in row], p_adjusted):
        row |= {"p_adjusted": p, "significant": bool(p < significance)}
    return pd.DataFrame(rows, columns=TESTS)


def mean_distances(distances: Distances) -> pd.DataFrame:
    """Return the square table of mean distances between spectra: between set-ups, and between seeds
    on the diagonal.
    """
    names = list(distances.places)
    table = pd.DataFrame(np.nan, index=names, columns=names)
    for i, a in enumerate(names):
        for b in names[i:]:
            block = distances.block(a, b)
            values = block[np.triu_indices(len(block), 1)] if a == b else block
            table.loc[a, b] = table.loc[b, a] = values.mean() if values.size else np.nan
    return table


def without_spectra(spectra: Spectra, comparisons: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return, by comparison, the set-ups without spectra, in which every seed diverged."""
    absent = {comparison: [name for name in names if name not in spectra] for comparison, names in comparisons.items()}
    return {comparison: names for comparison, names in absent.items() if names}


def refuse_empty(table: pd.DataFrame) -> None:
    """Raise `KoopflowError` if a table of eigenvalues is empty because all training diverged."""
    if table.empty:
        raise KoopflowError("equivalence.training: every replica of every set-up diverged; lower the learning rates")


def spectra_of(table: pd.DataFrame) -> dict[str, dict[int, ComplexArray]]:
    """Return eigenvalues per optimizer step by set-up and seed, from a table with the columns
    `SETUP_EIGENVALUES`; without those per step, as they stand.

    Raises
    ------
    KoopflowError
        If the table is empty because all training diverged.
    """
    refuse_empty(table)
    spectra: dict[str, dict[int, ComplexArray]] = {}
    for setting in table["setting"].unique():
        group = table[table["setting"] == setting]
        values = spectrum_of(group)
        spectra[setting] = {int(seed): values[(group["seed"] == seed).to_numpy()] for seed in np.unique(group["seed"])}
    return spectra
