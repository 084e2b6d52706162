"""The published quantities, computed from the tables of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from koopflow.claims.estimate import Undecided
from koopflow.claims.tables import Tables
from koopflow.core.intervals import FRACTION, student
from koopflow.papers.improvement import MEMORY
from koopflow.papers.parts import Part

NAN = float("nan")


@dataclass(frozen=True)
class Ours:
    """A quantity of this run.

    Attributes
    ----------
    value : float
    low, high : float
        Ends of its 95 % interval; NaN where a run gives none.
    spread : float
        Standard deviation over its units; NaN where there is none.
    n : int
        Number of units.
    """

    value: float
    low: float = NAN
    high: float = NAN
    spread: float = NAN
    n: int = 0


Pair = tuple[str, str]
Samples = dict[Pair, np.ndarray]
Measure = Callable[[Tables, Part, tuple[str, ...]], Ours]
MEASURES: dict[str, Measure] = {}
"""Measures by the name in the inventory. A measure takes the tables, the part and the names that
the inventory gives; it raises `Undecided` where the tables lack what it needs."""


def _named(function: Measure) -> Measure:
    MEASURES[function.__name__] = function
    return function


@_named
def optimizer_distance(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the distance of two optimizers' spectra, with its interval over initial conditions."""
    row = _optimizers(tables, of)
    return Ours(float(row["distance"]), float(row["ci_low"]), float(row["ci_high"]), n=int(row["n"]))


@_named
def optimizer_shuffle(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the shuffle control's p for two optimizers."""
    row = _optimizers(tables, of)
    return Ours(float(row["p_shuffle"]), n=int(row["n"]))


@_named
def width_distance(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the mean distance between two widths at one seed, with Student's interval over
    seeds."""
    values = between(tables.read("equivalence/training/distances.csv"), part, of[0], of[1])
    return Ours(*student(values), spread=float(values.std(ddof=1)), n=len(values))


@_named
def width_seeds(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the mean distance between seeds of one width. Its interval is a jackknife over seeds,
    since pairs that share a seed are dependent."""
    table = tables.read("equivalence/training/distances.csv")
    name = _name(part, of[0])
    rows = table[(table["comparison"] == part.within) & (table["a"] == name) & (table["b"] == name)]
    return _over_pairs(rows, "seeds")


@_named
def width_test(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the p-value of the two-sample test between the distances of two pairs of widths."""
    table = tables.read("equivalence/training/distances.csv")
    first, second = (between(table, part, *pair) for pair in (of[:2], of[2:]))
    return Ours(two_sample(first, second), n=len(first))


@_named
def width_shuffle(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the mean p of the shuffle control for two widths at one seed, with Student's interval
    over seeds."""
    values = _at_one_seed(tables.read("equivalence/training/distances.csv"), part, of[0], of[1])["p_shuffle"].dropna()
    if len(values) < 2:
        raise Undecided("fewer than two seeds have a shuffle control")
    return Ours(*student(values, within=FRACTION), n=len(values))


@_named
def grokking_accuracy(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the mean accuracy after a step over the networks of one setting, with Student's
    interval; `of` names setting, column and step."""
    name, column, step = of
    table = tables.read("grokking/curves.csv")
    rows = table[(table["setting"] == part.names[name]) & (table["step"] == int(step))]
    values = rows[column].dropna().to_numpy(float)
    if len(values) < 2:
        raise Undecided(f"fewer than two networks were measured after step {step}")
    return Ours(*student(values, within=FRACTION), spread=float(values.std(ddof=1)), n=len(values))


@_named
def grokking_growth(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the mean modulus minus 1 of the six largest eigenvalues of a network, which tells how
    fast its copies part, averaged over networks, with Student's interval."""
    table = tables.read("grokking/eigenvalues.csv")
    rows = table[table["setting"] == part.names[of[0]]]
    moduli = rows.assign(modulus=np.hypot(rows["real"], rows["imag"])).groupby("seed")["modulus"]
    values = np.array([each.nlargest(6).mean() - 1 for _, each in moduli])
    if len(values) < 2:
        raise Undecided("fewer than two networks")
    return Ours(*student(values), spread=float(values.std(ddof=1)), n=len(values))


@_named
def grokking_distance(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the mean distance between networks of two settings with one number, as published, with
    Student's interval over networks."""
    table = tables.read("grokking/distances.csv")
    rows = table[
        table["a"].isin([part.names[name] for name in of]) & table["b"].isin([part.names[name] for name in of])
    ]
    rows = rows[(rows["a"] != rows["b"])]
    if rows.empty:
        raise Undecided("no network of one of the settings has a spectrum")
    seeds = rows["seed"].astype(str).str.split("-", expand=True)
    values = rows.loc[seeds[0] == seeds[1], "distance"].to_numpy(float)
    if len(values) < 2:
        raise Undecided("fewer than two networks of each setting")
    return Ours(*student(values), spread=float(values.std(ddof=1)), n=len(values))


@_named
def grokking_within(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the mean distance between networks of one setting, with a jackknife interval over
    networks."""
    table, name = tables.read("grokking/distances.csv"), part.names[of[0]]
    return _over_pairs(table[(table["a"] == name) & (table["b"] == name)], "networks")


@_named
def largest_improvement(tables: Tables, part: Part, of: tuple[str, ...]) -> Ours:
    """Return the largest improvement of either forecaster with episodic memory over sliding without
    memory, in percent of the error with memory: (e_sliding - e_memory) / e_memory = s / (1 - s) of the skill s."""
    table = tables.read("forecast/skill.csv")
    rows = table[table["method"].isin(MEMORY) & table["series"].isin(list(part.names))]
    if rows.empty:
        raise Undecided("this run forecast no synthetic series with episodic memory")
    best = rows.sort_values("skill_vs_sliding").iloc[-1]
    value, low, high = (100 * best[key] / (1 - best[key]) for key in ("skill_vs_sliding", "ci_low", "ci_high"))
    return Ours(float(value), float(low), float(high), n=int(best["n"]))


def _over_pairs(rows: pd.DataFrame, units: str) -> Ours:
    """Return the mean distance over pairs "i-j" of units, with its jackknife interval over units."""
    values, pairs = rows["distance"].to_numpy(float), rows["seed"].astype(str).str.split("-", expand=True)
    seeds = sorted(set(pairs.to_numpy().ravel()))
    if len(seeds) < 3:
        raise Undecided(f"a jackknife over {units} needs three of them")
    left_out = np.array([values[~(pairs == seed).any(axis=1).to_numpy()].mean() for seed in seeds])
    # Jackknife of a mean over pairs (Efron and Tibshirani 1993, ch. 11).
    error = np.sqrt((len(seeds) - 1) / len(seeds) * np.sum((left_out - left_out.mean()) ** 2))
    mean = float(values.mean())
    return Ours(mean, max(mean - 2 * error, 0.0), mean + 2 * error, spread=float(values.std(ddof=1)), n=len(seeds))


def two_sample(first: np.ndarray, second: np.ndarray) -> float:
    """Return the exact p-value of the two-sided Kolmogorov-Smirnov test of two samples."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(first, second).pvalue)


def between(table: pd.DataFrame, part: Part, a: str, b: str) -> np.ndarray:
    """Return the distances between two widths at one seed, as published: one per seed."""
    rows = _at_one_seed(table, part, a, b)
    if len(rows) < 2:
        raise Undecided(f"fewer than two seeds compare h = {a} and h = {b}")
    return rows["distance"].to_numpy(float)


def _at_one_seed(table: pd.DataFrame, part: Part, a: str, b: str) -> pd.DataFrame:
    """Return the rows that compare two widths at one seed."""
    names = {_name(part, a), _name(part, b)}
    rows = table[(table["comparison"] == part.within) & table["a"].isin(names) & table["b"].isin(names)]
    return rows[(rows["a"] != rows["b"]) & ~rows["seed"].astype(str).str.contains("-")]


def samples_of(table: pd.DataFrame, part: Part) -> tuple[Samples, dict[tuple[Pair, Pair], float]]:
    """Return the distances of every pair of widths, and the p-value of `two_sample` for every two
    pairs."""
    samples = {pair: between(table, part, *pair) for pair in combinations(part.names, 2)}
    return samples, {(a, b): two_sample(samples[a], samples[b]) for a, b in combinations(samples, 2)}


def _name(part: Part, published: str) -> str:
    if published not in part.names:
        raise Undecided(f"this run has no set-up for {published}")
    return part.names[published]


def _optimizers(tables: Tables, of: tuple[str, ...]) -> pd.Series:
    table = tables.read("equivalence/optimizers/distances.csv")
    rows = table[(table["a"] == of[0]) & (table["b"] == of[1])]
    if rows.empty:
        raise Undecided(f"no distance of {of[0]} and {of[1]}")
    return rows.iloc[0]
