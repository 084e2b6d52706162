"""Do tickets transfer where exponents agree? The transfer table, and what predicts it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.core.overlap import jaccard
from koopflow.io.columns import TICKET_CORRELATIONS, TICKET_TRANSFER
from koopflow.rg.flows import straight_line
from koopflow.rg.universality import exponent_distance, mantel, relative_transfer
from koopflow.tickets.chain import Chain
from koopflow.tickets.tables import unit_couplings

OBSERVABLES = (
    "layer_exponents",
    "input_unit_exponents",
    "neuron_exponents",
    "layer_couplings",
    "input_unit_couplings",
    "neuron_couplings",
    "mask_overlap",
)
"""Observables that may predict transfer: exponents of layers (which the paper relates to transfer)
and of units, couplings, masks."""


def distances(
    chains: dict[str, Chain], exponents: pd.DataFrame, round_number: int, kind: str = "share", grouping: str = "layer"
) -> dict[str, NDArray[np.float64]]:
    """Return the distance matrix between tasks of every observable.

    Exponents of layers are those of the table, each in its scaling window; exponents of units are
    fitted over all rounds. The logarithms of couplings, and masks, are compared at `round_number`.
    Neurons correspond between tasks through their common initial weights, so their distances are
    averaged over seeds.

    Parameters
    ----------
    chains : dict of str to Chain
    exponents : DataFrame
        With columns task, layer and sigma.
    round_number : int
    kind, grouping : str
        Of the layers' couplings.

    Returns
    -------
    dict of str to array (task, task)
        In the order of `chains`.
    """
    names = list(chains)
    table = exponents.set_index(["task", "layer"])["sigma"]
    seeds = sorted(set.intersection(*(set(chain.seeds) for chain in chains.values())))
    groups = chains[names[0]].sums(grouping)[0]
    found = {
        "layer_exponents": exponent_distance(np.array([[table[task, group] for group in groups] for task in names]))
    }
    levels = [np.log(chain.flow(grouping).couplings(kind)[:, round_number]).mean(axis=0) for chain in chains.values()]
    found["layer_couplings"] = exponent_distance(np.stack(levels))
    for word, values in zip(("exponents", "couplings"), _of_units(chains, "input_unit", seeds, round_number)):
        found[f"input_unit_{word}"] = exponent_distance(values.mean(axis=1))
    for word, values in zip(("exponents", "couplings"), _of_units(chains, "neuron", seeds, round_number)):
        found[f"neuron_{word}"] = np.mean([exponent_distance(values[:, i]) for i in range(len(seeds))], axis=0)
    overlap = np.array([[_overlap(a, b, seeds, round_number) for b in chains.values()] for a in chains.values()])
    found["mask_overlap"] = 1 - overlap
    return found


def _of_units(
    chains: dict[str, Chain], units: str, seeds: list[int], round_number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the exponents and the log couplings of single units, (task, seed, unit) each."""
    slopes, levels = [], []
    for chain in chains.values():
        values = unit_couplings(chain, units)[[chain.seeds.index(seed) for seed in seeds]]
        # The slopes alone: fits with intervals and R², unit by unit, take twenty times as long.
        logs = np.ascontiguousarray(np.log(values).transpose(0, 2, 1))
        slopes.append(straight_line(logs, chain.flow(units).scale)[0])
        levels.append(np.log(values[:, round_number]))
    return np.stack(slopes), np.stack(levels)


def _overlap(a: Chain, b: Chain, seeds: list[int], round_number: int) -> float:
    """Return the Jaccard index of the surviving weights of two tasks, averaged over seeds."""
    whole = [
        [np.concatenate([m[seed].ravel() for m in chain.masks[round_number].values()]) for seed in seeds]
        for chain in (a, b)
    ]
    return float(np.mean([jaccard(*pair) for pair in zip(*whole)]))


def transfer_table(
    chains: dict[str, Chain],
    transferred: dict[str, dict[str, NDArray[np.float64]]],
    random: dict[str, NDArray[np.float64]],
    rounds: list[int],
    exponents: pd.DataFrame,
    model: str,
    kind: str = "share",
    grouping: str = "layer",
) -> pd.DataFrame:
    """Return the accuracy of each source's ticket on each target, beside the target's own.

    The random control is included. Seeds that diverged in a chain or on the target are left out;
    ``excluded`` counts them by source, target and density.

    Parameters
    ----------
    chains : dict of str to Chain
    transferred : dict of target to dict of source to array (round, seed)
    random : dict of target to array (round, seed)
        The random control at the same rounds, of the target's seeds.
    rounds : list of int
    exponents : DataFrame
    kind, grouping : str
        Of the layers' couplings.
    """
    names, rows = list(chains), []
    apart = {number: distances(chains, exponents, number, kind, grouping) for number in rounds}
    for target, chain in chains.items():
        for source, values in transferred[target].items():
            i, j = names.index(source), names.index(target)
            for row, number in enumerate(rounds):
                for column, seed in enumerate(chain.seeds):
                    accuracies = (values[row, seed], chain.accuracy[number][seed], random[target][row, column])
                    extra = tuple(apart[number][name][i, j] for name in OBSERVABLES)
                    rows.append(
                        (source, target, model, seed, chain.densities()[number], *accuracies, extra[0], *extra[1:])
                    )
    table = pd.DataFrame(rows, columns=[*TICKET_TRANSFER, *OBSERVABLES[1:]])
    asked = max(len(chain.seeds) + len(chain.stopped) for chain in chains.values())
    kept = table.groupby(["source", "target", "density"])["accuracy"].transform("count")
    return table.assign(excluded=asked - kept).dropna(subset=["accuracy"])


def transfer_matrix(table: pd.DataFrame, tasks: list[str], density: float) -> NDArray[np.float64]:
    """Return relative transfer (source, target) at one density.

    0 is the random control, 1 the own ticket; NaN if the own ticket is not clearly better.
    """
    matrix = np.full((len(tasks), len(tasks)), np.nan)
    at = table[np.isclose(table["density"], density)]
    for i, source in enumerate(tasks):
        for j, target in enumerate(tasks):
            group = at[(at["source"] == source) & (at["target"] == target)]
            if len(group):
                own, other, control = (
                    group[name].to_numpy() for name in ("accuracy", "accuracy_own", "accuracy_random")
                )
                matrix[i, j] = relative_transfer(own, other, control)
    return matrix


def correlations(table: pd.DataFrame, tasks: list[str], model: str) -> pd.DataFrame:
    """Correlate relative transfer with closeness (minus the distance) by Mantel's test.

    A positive correlation means that the observable, known before any transfer, predicts it.
    ``excluded`` counts the diverged seeds of the pair of tasks with the fewest seeds left.
    """
    rows = []
    for density in sorted(table["density"].unique(), reverse=True):
        transfer = transfer_matrix(table, tasks, density)
        at = table[np.isclose(table["density"], density)]
        for observable in OBSERVABLES:
            column = "exponent_distance" if observable == "layer_exponents" else observable
            distance = np.full_like(transfer, np.nan)
            first = at.drop_duplicates(["source", "target"])
            for source, target, value in zip(first["source"], first["target"], first[column]):
                distance[tasks.index(source), tasks.index(target)] = value
            found = mantel(transfer, -distance)
            values = (found.correlation, found.ci_low, found.ci_high, found.p, found.items)
            rows.append((model, observable, density, *values, int(at["excluded"].max())))
    return pd.DataFrame(rows, columns=[*TICKET_CORRELATIONS, "excluded"])


def random_control(rounds: pd.DataFrame, task: str, numbers: list[int]) -> NDArray[np.float64]:
    """Return the random control's accuracies (round, seed) of one task from the rounds table."""
    own = rounds[(rounds["task"] == task) & (rounds["control"] == "random_mask")]
    return np.stack([own[own["round"] == number].sort_values("seed")["accuracy"].to_numpy() for number in numbers])
