"""How verdicts on set-ups depend on the rank of the operators, and on the distance."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import pandas as pd

from koopflow.config.equivalence import FEWEST
from koopflow.equivalence.alternatives import DISTANCES
from koopflow.equivalence.comparison import DIFFERENT, EQUIVALENT, INCONCLUSIVE, excess, verdict
from koopflow.equivalence.ranks import NEIGHBOURS, RankedSpectra
from koopflow.equivalence.spectra import Row
from koopflow.equivalence.tables import Distances, distance_table
from koopflow.io.columns import DISTANCE_TESTS, RANK_DISTANCES, RANK_TESTS

OPPOSITE = {DIFFERENT: EQUIVALENT, EQUIVALENT: DIFFERENT}
DEPENDS = "depends on the rank"


def rank_tests(found: RankedSpectra, comparisons: Mapping[str, Sequence[str]], margin: float) -> pd.DataFrame:
    """Return the excess of every pair of set-ups at every rank at which all set-ups of its
    comparison were fitted.

    Returns
    -------
    DataFrame
        Columns `RANK_TESTS` and offset. Rank is that of the first set-up; offset is its distance
        from the chosen rank.
    """
    rows: list[Row] = []
    moves = {name: found.offsets(names) for name, names in comparisons.items()}
    if found.kind == "dsa":  # takes long; the neighbouring ranks alone can change a verdict
        moves = {name: [move for move in own if move in (0, *NEIGHBOURS)] for name, own in moves.items()}
    for move in sorted({move for own in moves.values() for move in own}):
        concerned = {name: comparisons[name] for name, own in moves.items() if move in own}
        distances = found.distances(move, concerned)
        for row in _tests(distances, concerned, margin):
            rows.append({**row, "rank": found.label(str(row["a"]), move), "chosen": move == 0, "offset": move})
    return pd.DataFrame(rows, columns=[*RANK_TESTS, "offset"])


def distance_tests(found: RankedSpectra, comparisons: Mapping[str, Sequence[str]], margin: float) -> pd.DataFrame:
    """Return the excess of every pair of set-ups under every distance that these spectra allow, at
    the chosen rank, columns `DISTANCE_TESTS`: reliability needs spectra of equal sizes, DSA
    operators.
    """
    rows: list[Row] = []
    sizes = {len(values) for seeds in found.spectra().values() for values in seeds.values()}
    able = {"wasserstein": True, "reliability": len(sizes) == 1, "dsa": bool(found.operators)}
    for kind in (kind for kind in DISTANCES if able[kind]):
        for row in _tests(found.distances(0, comparisons, kind), comparisons, margin):
            rows.append({**row, "distance": kind, "chosen": kind == found.kind})
    return pd.DataFrame(rows, columns=list(DISTANCE_TESTS))


def _tests(distances: Distances, comparisons: Mapping[str, Sequence[str]], margin: float) -> Iterator[Row]:
    """Yield the excess and verdict of every pair of set-ups with enough seeds."""
    for comparison, names in comparisons.items():
        for a, b in combinations([name for name in names if name in distances.places], 2):
            groups = [distances.group(a), distances.group(b)]
            if min(len(group) for group in groups) >= FEWEST:
                one = excess(distances.matrix, groups, [(0, 1)])
                row: Row = {"comparison": comparison, "a": a, "b": b, "excess": one.value, "ci_low": one.low}
                yield {**row, "ci_high": one.high, "verdict": verdict(one.low, one.high, margin)}


def rank_distances(found: RankedSpectra, comparisons: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the distances of each comparison at the ranks below and above the chosen one, columns
    `RANK_DISTANCES`; for claims, which judge there as well.
    """
    parts = [pd.DataFrame(columns=list(RANK_DISTANCES))]
    for move in NEIGHBOURS:
        concerned = {name: names for name, names in comparisons.items() if move in found.offsets(names)}
        if concerned:
            distances = found.distances(move, concerned)
            table = distance_table(distances, concerned, 0, 0)
            labels = [found.label(name, move) for name in table["a"]]
            parts.append(table.assign(rank=labels, offset=move)[list(RANK_DISTANCES)])
    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True) if full else parts[0]


def with_sensitivity(tests: pd.DataFrame, by_rank: pd.DataFrame) -> pd.DataFrame:
    """Return the tests with the rank behind them and the verdicts at the ranks below and above, or
    why there is no verdict. A verdict that is the opposite there is inconclusive.

    Parameters
    ----------
    tests : DataFrame
        Columns `TESTS`.
    by_rank : DataFrame
        As `rank_tests` returns it.
    """
    ranks, verdicts, sensitivities = [], [], []
    columns = (tests[name] for name in ("a", "b", "comparison", "verdict", "n"))
    for a, b, comparison, word, seeds in zip(*columns):
        same = (by_rank["comparison"] == comparison) & (by_rank["a"] == a) & (by_rank["b"] == b)
        own = by_rank[same]
        beside = own[own["offset"].isin(NEIGHBOURS)]
        rank = own.loc[own["offset"] == 0, "rank"].max()
        words = [f"{other} at rank {there}" for other, there in zip(beside["verdict"], beside["rank"])]
        if OPPOSITE.get(str(word)) in set(beside["verdict"]):
            words.insert(0, f"{DEPENDS}: {word} at rank {rank}")
            word = INCONCLUSIVE
        if seeds < FEWEST:
            words = [f"n = {seeds}; {FEWEST} seeds or runs on each side are the least that can decide"]
        ranks.append(rank)
        verdicts.append(word)
        sensitivities.append("; ".join(words))
    return tests.assign(verdict=verdicts, rank=ranks, sensitivity=sensitivities)


def with_alternatives(tests: pd.DataFrame, by_distance: pd.DataFrame) -> pd.DataFrame:
    """Return the tests with the verdicts under the other distances (`alternatives`), which decide
    nothing.

    Parameters
    ----------
    tests : DataFrame
        Columns `TESTS`.
    by_distance : DataFrame
        As `distance_tests` returns it.
    """
    others = by_distance[~by_distance["chosen"].astype(bool)]
    words = {
        key: "; ".join(f"{word} by {kind}" for word, kind in zip(own["verdict"], own["distance"]))
        for key, own in others.groupby(["comparison", "a", "b"])
    }
    keys = zip(tests["comparison"], tests["a"], tests["b"])
    return tests.assign(alternatives=[words.get(key, "") for key in keys])
