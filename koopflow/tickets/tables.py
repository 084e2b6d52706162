"""Chains turned into the tables of the house plan: rounds, flows, exponents, composition, fixed points, linearization."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.core.overlap import jaccard
from koopflow.io.columns import (
    TICKET_COMPOSITION,
    TICKET_EXPONENTS,
    TICKET_FIXED_POINT,
    TICKET_FLOW,
    TICKET_LINEARIZATION,
    TICKET_RATIOS,
    TICKET_ROUNDS,
)
from koopflow.rg.couplings import coupling_of, floor_of_vanished
from koopflow.rg.exponents import WindowRule, fit_exponents
from koopflow.rg.flows import composition_ratio, fixed_point_distance, matched_rounds, scale_of
from koopflow.rg.groups import Sums
from koopflow.rg.linearization import linearize
from koopflow.tickets.chain import Chain


def couplings_of(sums: np.ndarray, kind: str) -> np.ndarray:
    """Return couplings (seed, round, group) of sums (3, seed, round, group)."""
    _, seeds, rounds, groups = sums.shape
    flat = Sums(*sums.reshape(3, seeds * rounds, groups))
    return coupling_of(flat, kind, "tickets.coupling").reshape(seeds, rounds, groups)


def unit_couplings(chain: Chain, grouping: str) -> np.ndarray:
    """Return shares of magnitude of single units (seed, round, group); vanished units count half a weight."""
    _, sums = chain.sums(grouping)
    survivors = chain.sums("layer")[1][1].sum(axis=-1)
    return floor_of_vanished(couplings_of(sums, "share"), survivors)


def rounds_table(chain: Chain, task: str, model: str, controls: dict[str, tuple[list[int], np.ndarray]]) -> pd.DataFrame:
    """Accuracy at each density: of the ticket in every round, of each control (its rounds, and its accuracies (round, seed))."""
    densities = chain.densities()
    rows = [
        (task, model, "ticket", seed, number, densities[number], chain.accuracy[number][seed])
        for number in range(chain.rounds)
        for seed in chain.seeds
    ]
    for control, (numbers, accuracies) in controls.items():
        for number, values in zip(numbers, accuracies):
            rows += [(task, model, control, seed, number, densities[number], value) for seed, value in zip(chain.seeds, values)]
    return pd.DataFrame(rows, columns=TICKET_ROUNDS)


def flow_table(
    groups: list[str], sums: np.ndarray, densities: np.ndarray, seeds: list[int], task: str, model: str, kind: str
) -> pd.DataFrame:
    """One coupling per seed, round and layer, from sums (3, seed, round, group)."""
    values = couplings_of(sums, kind)
    rows = [
        (task, model, seed, number, group, densities[number], values[i, number, j])
        for i, seed in enumerate(seeds)
        for number in range(values.shape[1])
        for j, group in enumerate(groups)
    ]
    return pd.DataFrame(rows, columns=TICKET_FLOW)


def exponents_table(
    groups: list[str], sums: np.ndarray, densities: np.ndarray, task: str, model: str, kind: str, rule: WindowRule, margin: float
) -> pd.DataFrame:
    """Exponent, interval, fit, window and class of each layer."""
    fit = fit_exponents(couplings_of(sums, kind), scale_of(densities), groups, rule, margin=margin)
    columns = [fit.groups, fit.sigma, fit.ci_low, fit.ci_high, fit.r2, fit.first_round, fit.last_round, fit.classes]
    drifts = zip(fit.drift, fit.drift_low, fit.drift_high)
    rows = [(task, model, *values, sums.shape[1], fit.interval, *drift) for values, drift in zip(zip(*columns), drifts)]
    return pd.DataFrame(rows, columns=TICKET_EXPONENTS)


def composition_tables(
    small: Chain, large: Chain, rerun: Chain, task: str, model: str, kind: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Small steps against large ones at equal density, and against the same small steps run again with other batches.

    Returns
    -------
    rows : DataFrame
        ``comparison`` is "composition" or "rerun"; a is always the chain of small steps.
    ratio : DataFrame
        One row: what composing changes over what running again changes (mean absolute log coupling difference).
    """
    rows, differences = [], {}
    pairs = [pair for pair in matched_rounds(small.densities(), large.densities()) if pair[0] > 0]
    for comparison, other in (("composition", large), ("rerun", rerun)):
        matched = pairs if comparison == "composition" else [(i, i) for i, _ in pairs if i < rerun.rounds]
        seeds = sorted(set(small.seeds) & set(other.seeds))
        groups, sums_a = small.sums("layer")
        a, b = couplings_of(sums_a, kind), couplings_of(other.sums("layer")[1], kind)
        found = np.full((len(seeds), len(matched), len(groups)), np.nan)
        for row, seed in enumerate(seeds):
            for column, (i, j) in enumerate(matched):
                for k, group in enumerate(groups):
                    value_a, value_b = a[small.seeds.index(seed), i, k], b[other.seeds.index(seed), j, k]
                    overlap = float(jaccard(small.masks[i][group][seed], other.masks[j][group][seed]))
                    rows.append((task, model, seed, small.densities()[i], group, value_a, value_b, overlap, comparison))
                    found[row, column, k] = np.log(value_a / value_b)
        differences[comparison] = found
    ratio = composition_ratio(differences["composition"], differences["rerun"])
    return pd.DataFrame(rows, columns=TICKET_COMPOSITION), pd.DataFrame([{"task": task, "model": model} | asdict(ratio)])[
        list(TICKET_RATIOS)
    ]


def fixed_point_table(chain: Chain, task: str, model: str, grouping: str) -> pd.DataFrame:
    """How fast each seed's shares still move in each round."""
    distances = fixed_point_distance(couplings_of(chain.sums(grouping)[1], "share"), scale_of(chain.densities()))
    rows = [
        (task, model, seed, number, chain.densities()[number], distances[i, number])
        for i, seed in enumerate(chain.seeds)
        for number in range(chain.rounds - 1)
    ]
    return pd.DataFrame(rows, columns=TICKET_FIXED_POINT)


def linearization_table(chain: Chain, task: str, model: str, grouping: str) -> pd.DataFrame:
    """Eigenvalues of the flow's linear map, or one row whose note says why the rounds do not suffice."""
    shares = couplings_of(chain.sums(grouping)[1], "share")
    try:
        found = linearize(shares, -np.log(1 - chain.study["fraction"]))
    except KoopflowError as error:
        return pd.DataFrame([(task, model, -1, *[np.nan] * 6, str(error))], columns=TICKET_LINEARIZATION)
    rows = [
        (task, model, mode, value.real, value.imag, found.exponents[mode], found.ci_low[mode], found.ci_high[mode], found.r2, "")
        for mode, value in enumerate(found.eigenvalues)
    ]
    return pd.DataFrame(rows, columns=TICKET_LINEARIZATION)
