"""The tables of one chain: rounds and controls, composition, fixed points, linearization."""

from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.overlap import jaccard
from koopflow.io.columns import (
    TICKET_COMPOSITION,
    TICKET_FIXED_POINT,
    TICKET_LINEARIZATION,
    TICKET_RATIOS,
    TICKET_ROUNDS,
)
from koopflow.rg.couplings import floor_of_vanished
from koopflow.rg.flows import composition_ratio, fixed_point_distance, matched_rounds
from koopflow.rg.linearization import linearize
from koopflow.tickets.chain import Chain
from koopflow.tickets.flow import couplings_of

__all__ = [
    "composition_tables",
    "couplings_of",
    "fixed_point_table",
    "linearization_table",
    "rounds_table",
    "unit_couplings",
]

ControlAccuracies = dict[str, tuple[list[int], NDArray[np.float64]]]
"""For each control, its rounds and its accuracies (round, seed)."""


def unit_couplings(chain: Chain, grouping: str) -> NDArray[np.float64]:
    """Return shares of single units (seed, round, unit); an empty one counts half a weight."""
    survivors = chain.sums("layer")[1][1].sum(axis=-1)
    return floor_of_vanished(chain.flow(grouping).couplings("share"), survivors)


def rounds_table(chain: Chain, task: str, model: str, controls: ControlAccuracies) -> pd.DataFrame:
    """Return the accuracy of the ticket and of each control, by round and seed."""
    densities = chain.densities()
    rows = [
        (task, model, "ticket", seed, number, densities[number], chain.accuracy[number][seed])
        for number in range(chain.rounds)
        for seed in chain.seeds
    ]
    for control, (numbers, accuracies) in controls.items():
        for number, values in zip(numbers, accuracies):
            rows += [
                (task, model, control, seed, number, densities[number], value)
                for seed, value in zip(chain.seeds, values)
            ]
    return pd.DataFrame(rows, columns=list(TICKET_ROUNDS))


def composition_tables(
    small: Chain, large: Chain, rerun: Chain, task: str, model: str, kind: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare small pruning steps with large ones, and with themselves under other batches.

    Returns
    -------
    rows : DataFrame
        One row per comparison ("composition" or "rerun"), seed, density and layer; a is the chain
        of small steps.
    ratio : DataFrame
        One row: the change from composing over the change from other batches (mean absolute
        differences of log couplings).
    """
    pairs = [pair for pair in matched_rounds(small.densities(), large.densities()) if pair[0] > 0]
    again = [(i, i) for i, _ in pairs if i < rerun.rounds]
    composed, composed_rows = _compared(small, large, pairs, kind)
    repeated, rerun_rows = _compared(small, rerun, again, kind)
    rows = [(task, model, *row, "composition") for row in composed_rows]
    rows += [(task, model, *row, "rerun") for row in rerun_rows]
    ratio = {"task": task, "model": model} | asdict(composition_ratio(composed, repeated))
    return pd.DataFrame(rows, columns=list(TICKET_COMPOSITION)), pd.DataFrame([ratio])[list(TICKET_RATIOS)]


def _compared(
    small: Chain, other: Chain, matched: list[tuple[int, int]], kind: str
) -> tuple[NDArray[np.float64], list[tuple[int, float, str, float, float, float]]]:
    """Compare two chains at matched rounds.

    Returns differences of log couplings (seed, round, layer), and rows of a table.
    """
    seeds = sorted(set(small.seeds) & set(other.seeds))
    groups, sums = small.sums("layer")
    a, b = couplings_of(sums, kind), couplings_of(other.sums("layer")[1], kind)
    found, rows = np.full((len(seeds), len(matched), len(groups)), np.nan), []
    densities = small.densities()
    for row, seed in enumerate(seeds):
        for column, (i, j) in enumerate(matched):
            for k, group in enumerate(groups):
                value_a, value_b = a[small.seeds.index(seed), i, k], b[other.seeds.index(seed), j, k]
                overlap = float(jaccard(small.masks[i][group][seed], other.masks[j][group][seed]))
                rows.append((seed, densities[i], group, value_a, value_b, overlap))
                found[row, column, k] = np.log(value_a / value_b)
    return found, rows


def fixed_point_table(chain: Chain, task: str, model: str, grouping: str) -> pd.DataFrame:
    """Return how fast the shares of each seed change in each round."""
    flow = chain.flow(grouping)
    distances = fixed_point_distance(flow.couplings("share"), flow.scale)
    rows = [
        (task, model, seed, number, chain.densities()[number], distances[i, number])
        for i, seed in enumerate(chain.seeds)
        for number in range(chain.rounds - 1)
    ]
    return pd.DataFrame(rows, columns=list(TICKET_FIXED_POINT))


def linearization_table(chain: Chain, task: str, model: str, grouping: str) -> pd.DataFrame:
    """Return the eigenvalues of the flow's linear map, or a row that notes what is missing."""
    shares = chain.flow(grouping).couplings("share")
    try:
        found = linearize(shares, chain.step)
    except KoopflowError as error:
        return pd.DataFrame([(task, model, -1, *[np.nan] * 6, str(error))], columns=list(TICKET_LINEARIZATION))
    rows = [
        (
            task,
            model,
            mode,
            value.real,
            value.imag,
            found.exponents[mode],
            found.ci_low[mode],
            found.ci_high[mode],
            found.r2,
            "",
        )
        for mode, value in enumerate(found.eigenvalues)
    ]
    return pd.DataFrame(rows, columns=list(TICKET_LINEARIZATION))
