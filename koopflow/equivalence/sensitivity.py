"""How verdicts on set-ups depend on the rank of the operators."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from koopflow.config.setups import FEWEST
from koopflow.equivalence.comparison import DIFFERENT, EQUIVALENT, INCONCLUSIVE, excess, verdict
from koopflow.equivalence.ranks import NEIGHBOURS, RankedSpectra
from koopflow.equivalence.spectra import Row
from koopflow.equivalence.tables import distance_table
from koopflow.io.columns import RANK_DISTANCES, RANK_TESTS

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
    for move in sorted({move for own in moves.values() for move in own}):
        concerned = {name: comparisons[name] for name, own in moves.items() if move in own}
        distances = found.distances(move, concerned)
        for comparison, names in concerned.items():
            for a, b in combinations([name for name in names if name in distances.places], 2):
                groups = [distances.group(a), distances.group(b)]
                if min(len(group) for group in groups) >= FEWEST:
                    one = excess(distances.matrix, groups, [(0, 1)])
                    rows.append(
                        {
                            "comparison": comparison,
                            "a": a,
                            "b": b,
                            "rank": found.label(a, move),
                            "excess": one.value,
                            "ci_low": one.low,
                            "ci_high": one.high,
                            "verdict": verdict(one.low, one.high, margin),
                            "chosen": move == 0,
                            "offset": move,
                        }
                    )
    return pd.DataFrame(rows, columns=[*RANK_TESTS, "offset"])


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
    """Return the tests with the rank behind them and the verdicts at the ranks below and above. A
    verdict that is the opposite there is inconclusive.

    Parameters
    ----------
    tests : DataFrame
        Columns `TESTS`.
    by_rank : DataFrame
        As `rank_tests` returns it.
    """
    ranks, verdicts, sensitivities = [], [], []
    for a, b, comparison, word in zip(tests["a"], tests["b"], tests["comparison"], tests["verdict"]):
        same = (by_rank["comparison"] == comparison) & (by_rank["a"] == a) & (by_rank["b"] == b)
        own = by_rank[same]
        beside = own[own["offset"].isin(NEIGHBOURS)]
        rank = own.loc[own["offset"] == 0, "rank"].max()
        words = [f"{other} at rank {there}" for other, there in zip(beside["verdict"], beside["rank"])]
        if OPPOSITE.get(str(word)) in set(beside["verdict"]):
            words.insert(0, f"{DEPENDS}: {word} at rank {rank}")
            word = INCONCLUSIVE
        ranks.append(rank)
        verdicts.append(word)
        sensitivities.append("; ".join(words))
    return tests.assign(verdict=verdicts, rank=ranks, sensitivity=sensitivities)
