"""The rank of the operators: chosen by the stability of eigenvalues over seeds, and its neighbours.

The leading r x r block of an operator in the coordinates of its singular directions is the operator
of rank r, so one fit gives all smaller ranks.

The rule sees seeds of one set-up only, never two set-ups, so it is blind to the outcome of their
comparison. Per set-up and rank, the *scatter* is the mean distance between the spectra of two
seeds, and the *spacing* the mean distance of an eigenvalue to the nearest other one of its
spectrum. Where the scatter is a large share of the spacing, eigenvalues cannot be told apart over
seeds, and a distance between spectra is mostly their noise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from koopflow.equivalence.spectra import Row
from koopflow.equivalence.tables import Distances, all_distances, refuse_empty
from koopflow.io.columns import STABILITY
from koopflow.koopman.dmd import Koopman
from koopflow.koopman.fitted_runs import truncated
from koopflow.koopman.operator import eigenpairs, residuals
from koopflow.koopman.rank import RankError
from koopflow.koopman.runs import Array
from koopflow.koopman.spectrum import distance
from koopflow.koopman.steps import spectrum_of, step_columns

STABLE = "stable"
AS_GIVEN = 0
"""Label of fits whose rank is not a whole number of modes; they have no neighbouring ranks."""
NEIGHBOURS = (-1, 1)


def is_whole(rank: float | str) -> bool:
    """Return whether `rank` names a number of modes, which has neighbours."""
    return not isinstance(rank, str) and rank >= 1


def fitted_rank(rank: float | str, largest: int) -> float:
    """Return the rank to fit, so that its leading blocks hold all ranks that are needed."""
    if isinstance(rank, str):
        return float(largest)
    return rank + 1 if is_whole(rank) else rank


def ranked_fit(fit: Callable[[float], Koopman], rank: float | str, largest: int) -> Koopman:
    """Return the fit of the largest rank that is needed, or of the data's rank if that is smaller
    and a neighbour, or `STABLE`, was asked for.

    Parameters
    ----------
    fit : function of svd_rank
    rank : float or str
        The rank that was asked for.
    largest : int
        Largest rank for `STABLE`.
    """
    try:
        return fit(fitted_rank(rank, largest))
    except RankError:
        return fit(-1 if isinstance(rank, str) else rank)


def rank_rows(fitted: Koopman, rank: float | str, **names: str | int) -> list[Row]:
    """Return the eigenvalues of a fit at every rank that is needed: all for `STABLE`, the
    neighbours of a whole number, and otherwise the fit as it is.

    Returns
    -------
    list of Row
        `names`, mode, real, imag, residual, the columns of `step_columns`, and rank.
    """
    before = np.concatenate([states[:, :-1] for states in fitted.reduced.states], axis=1)
    after = np.concatenate([states[:, 1:] for states in fitted.reduced.states], axis=1)
    rows: list[Row] = []
    for label, size in _sizes(fitted.rank, rank).items():
        values, _, left = eigenpairs(_block(fitted, size))
        found = {"real": values.real, "imag": values.imag}
        found["residual"] = residuals(values, left, before[:size], after[:size])
        found |= step_columns(values, fitted.interval)
        rows += [
            {**names, "mode": mode, **{name: column[mode] for name, column in found.items()}, "rank": label}
            for mode in range(size)
        ]
    return rows


def _block(fitted: Koopman, size: int) -> Array:
    """Return the operator of rank `size`. Fits that correct for noise are made again at this rank."""
    corrected = fitted.variant in ("total_least_squares", "forward_backward") and size < fitted.rank
    return truncated(fitted, size).operator if corrected else fitted.operator[:size, :size]


def _sizes(fitted: int, rank: float | str) -> dict[int, int]:
    """Return the sizes of the leading blocks to decompose, by the ranks that they stand for. A run
    of lower rank than asked for stands for that rank as it is.
    """
    if isinstance(rank, str):
        return {size: size for size in range(1, fitted + 1)}
    if not is_whole(rank):
        return {AS_GIVEN: fitted}
    whole = int(rank)
    sizes = {label: min(label, fitted) for label in (whole - 1, whole) if label}
    return sizes | {whole + 1: whole + 1} if fitted > whole else sizes


@dataclass(frozen=True)
class RankedSpectra:
    """The spectra of all set-ups at every rank that was fitted.

    Attributes
    ----------
    table : DataFrame
        Columns `SETUP_EIGENVALUES` and rank.
    ranks : dict of str to float or str
        The configured rank of each set-up.
    stability : DataFrame
        Columns `STABILITY`; empty unless a set-up has the rank `STABLE`.
    stable : int
        The rank that the rule chose; `AS_GIVEN` if no set-up asks for it.
    kind : str
        One of `koopflow.equivalence.alternatives.DISTANCES`.
    operators : dict of str to dict of int to float64 (r, r)
        Operators of the largest rank by set-up and seed; read for the distance "dsa" only.
    """

    table: pd.DataFrame
    ranks: Mapping[str, float | str]
    stability: pd.DataFrame
    stable: int
    kind: str = "wasserstein"
    operators: Mapping[str, Mapping[int, Array]] = field(default_factory=dict)
    _known: dict[tuple[int, str, frozenset[str]], Distances] = field(default_factory=dict, repr=False)

    def distances(
        self, offset: int = 0, comparisons: Mapping[str, Sequence[str]] | None = None, kind: str | None = None
    ) -> Distances:
        """Return the distances between all spectra at every set-up's rank, moved by `offset`; with
        `comparisons`, at least between those that are compared. `kind` replaces that of these spectra.
        Distances of `comparisons` are computed once, as those of operators take long.
        """
        kind = kind or self.kind
        key, every_pair = (offset, kind, frozenset(comparisons or ())), (offset, kind, frozenset[str]())
        if every_pair in self._known:
            return self._known[every_pair]
        if key not in self._known:
            self._known[key] = self._distances(offset, comparisons, kind)
        return self._known[key]

    def _distances(self, offset: int, comparisons: Mapping[str, Sequence[str]] | None, kind: str) -> Distances:
        spectra = self.spectra(offset)
        blocks = {
            name: [self.operators[name][seed][: len(values), : len(values)] for seed, values in sorted(seeds.items())]
            for name, seeds in spectra.items()
            if self.operators
        }
        return all_distances(spectra, comparisons, kind, blocks)

    def label(self, setting: str, offset: int = 0) -> int:
        """Return the rank of a set-up, moved by `offset` unless it is no whole number."""
        rank = self.ranks[setting]
        if not isinstance(rank, str) and not is_whole(rank):
            return AS_GIVEN
        return (self.stable if isinstance(rank, str) else int(rank)) + offset

    def rows(self, offset: int = 0) -> pd.DataFrame:
        """Return the rows of every set-up's rank, moved by `offset`."""
        wanted = self.table["setting"].map(lambda name: self.label(name, offset)).to_numpy()
        return self.table[self.table["rank"].to_numpy() == wanted]

    def spectra(self, offset: int = 0) -> dict[str, dict[int, np.ndarray]]:
        """Return the spectra at every set-up's rank, moved by `offset`, by set-up and seed."""
        rows = self.rows(offset)
        found: dict[str, dict[int, np.ndarray]] = {}
        for _, group in rows.groupby(["setting", "seed"], sort=False):
            setting, seed = str(group["setting"].iloc[0]), int(group["seed"].iloc[0])
            found.setdefault(setting, {})[seed] = spectrum_of(group)
        return found

    def offsets(self, names: Sequence[str]) -> list[int]:
        """Return the offsets at which all of the set-ups `names` have spectra; 0 alone if none has
        a whole number as its rank.
        """
        present = self.table[["setting", "rank"]].drop_duplicates()
        held = {name: set(present.loc[present["setting"] == name, "rank"]) for name in names}
        held = {name: ranks for name, ranks in held.items() if ranks}
        if all(self.label(name) == AS_GIVEN for name in held):
            return [0]
        reach = range(-max(self.table["rank"]), max(self.table["rank"]) + 1)
        return [move for move in reach if all(self.label(name, move) in ranks for name, ranks in held.items())]


def ranked(
    table: pd.DataFrame,
    ranks: Mapping[str, float | str],
    share: float,
    kind: str = "wasserstein",
    operators: Mapping[str, Mapping[int, Array]] | None = None,
) -> RankedSpectra:
    """Return the spectra in `table` with the rank chosen for set-ups that ask for `STABLE`.

    Parameters
    ----------
    table : DataFrame
        As `rank_rows` makes it.
    ranks : dict of str to float or str
        The configured rank of each set-up.
    share : float
        Largest ratio of scatter to spacing, averaged over the set-ups.
    kind, operators
        See `RankedSpectra`.

    Raises
    ------
    KoopflowError
        If the table is empty because all training diverged.
    """
    refuse_empty(table)
    asking = [name for name, rank in ranks.items() if isinstance(rank, str)]
    own = table[table["setting"].isin(asking)]
    # A rank that some seed lacks would leave that seed out of the comparison.
    common = own.groupby(["setting", "seed"])["rank"].max().min()
    stability = stability_table(own[own["rank"] <= common])
    chosen = stable_rank(stability, share) if asking else AS_GIVEN
    chosen_rows = stability.assign(chosen=stability["rank"] == chosen)
    return RankedSpectra(table, ranks, chosen_rows, chosen, kind, operators or {})


def stability_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return scatter and spacing of each set-up and rank, columns `STABILITY`, from two modes on."""
    rows: list[Row] = []
    for _, group in table.groupby(["setting", "rank"], sort=False):
        setting, rank = str(group["setting"].iloc[0]), int(group["rank"].iloc[0])
        if rank >= 2:
            spectra = [spectrum_of(part) for _, part in group.groupby("seed")]
            scatter = np.mean([distance(a, b) for a, b in combinations(spectra, 2)]) if len(spectra) > 1 else np.nan
            spacing = float(np.mean([_spacing(values) for values in spectra]))
            ratio = scatter / spacing if spacing > 0 else np.inf
            rows.append({"setting": setting, "rank": rank, "scatter": scatter, "spacing": spacing, "ratio": ratio})
    return pd.DataFrame(rows, columns=[name for name in STABILITY if name != "chosen"])


def stable_rank(stability: pd.DataFrame, share: float) -> int:
    """Return the largest rank up to which the ratio of scatter to spacing, averaged over set-ups,
    is at most `share`; 1 if that of rank 2 is larger, or unknown.
    """
    chosen = 1
    for rank in sorted({int(rank) for rank in stability["rank"]}):
        if not stability.loc[stability["rank"] == rank, "ratio"].mean() <= share:
            break
        chosen = rank
    return chosen


def _spacing(values: np.ndarray) -> float:
    """Return the mean distance of an eigenvalue to the nearest other one."""
    apart = np.abs(values[:, None] - values[None, :])
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(axis=1).mean())
