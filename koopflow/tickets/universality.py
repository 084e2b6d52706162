"""Do tickets transfer where exponents agree? The transfer table, and each observable's rank correlation with it."""

import numpy as np
import pandas as pd

from koopflow.core.overlap import jaccard
from koopflow.io.columns import TICKET_CORRELATIONS, TICKET_TRANSFER
from koopflow.rg.exponents import fit_exponents
from koopflow.rg.flows import scale_of
from koopflow.rg.universality import exponent_distance, mantel, relative_transfer
from koopflow.tickets.chain import Chain
from koopflow.tickets.tables import couplings_of, unit_couplings

#: What may predict transfer. Layer exponents are the paper's; those of units, and units' couplings, break the permutation symmetry.
OBSERVABLES = (
    "layer_exponents",
    "input_unit_exponents",
    "neuron_exponents",
    "layer_couplings",
    "input_unit_couplings",
    "neuron_couplings",
    "mask_overlap",
)


def distances(
    chains: dict[str, Chain], exponents: pd.DataFrame, round_number: int, kind: str = "share", grouping: str = "layer"
) -> dict[str, np.ndarray]:
    """Return every observable's distance matrix between tasks, (task, task), in the order of `chains`.

    Exponents of layers are those of the exponents table, each in its scaling window. Exponents of units are fitted over all rounds
    of the chain, the same range in all tasks. Couplings, as logarithms, and masks are compared at `round_number`. Neurons
    correspond between tasks through the first weights that they share, so their distances are taken seed by seed and averaged.
    """
    names = list(chains)
    table = exponents.set_index(["task", "layer"])["sigma"]
    seeds = sorted(set.intersection(*(set(chain.seeds) for chain in chains.values())))
    groups = chains[names[0]].sums(grouping)[0]
    found = {"layer_exponents": exponent_distance(np.array([[table[task, group] for group in groups] for task in names]))}
    layers = np.stack(
        [np.log(couplings_of(chain.sums(grouping)[1], kind)[:, round_number]).mean(axis=0) for chain in chains.values()]
    )
    found["layer_couplings"] = exponent_distance(layers)
    for units in ("input_unit", "neuron"):
        slopes, levels = [], []
        for chain in chains.values():
            values = unit_couplings(chain, units)[[chain.seeds.index(seed) for seed in seeds]]
            fit = fit_exponents(values, scale_of(chain.densities()), chain.sums(units)[0], window=(0, chain.rounds - 1))
            slopes.append(fit.per_seed)
            levels.append(np.log(values[:, round_number]))
        for word, stacked in (("exponents", np.stack(slopes)), ("couplings", np.stack(levels))):
            if units == "input_unit":
                found[f"input_unit_{word}"] = exponent_distance(stacked.mean(axis=1))
            else:
                found[f"neuron_{word}"] = np.mean([exponent_distance(stacked[:, i]) for i in range(len(seeds))], axis=0)
    overlap = np.array([[_overlap(a, b, seeds, round_number) for b in chains.values()] for a in chains.values()])
    found["mask_overlap"] = 1 - overlap
    return found


def _overlap(a: Chain, b: Chain, seeds: list[int], round_number: int) -> float:
    """Return the mean overlap of two tasks' whole masks over seeds."""
    whole = [[np.concatenate([m[seed].ravel() for m in chain.masks[round_number].values()]) for seed in seeds] for chain in (a, b)]
    return float(np.mean([jaccard(*pair) for pair in zip(*whole)]))


def transfer_table(
    chains: dict[str, Chain],
    transferred: dict[str, dict[str, np.ndarray]],
    random: dict[str, np.ndarray],
    rounds: list[int],
    exponents: pd.DataFrame,
    model: str,
    kind: str = "share",
    grouping: str = "layer",
) -> pd.DataFrame:
    """Accuracy of every source's ticket on every target beside the target's own ticket and its random control.

    A seed that diverged, in a chain or on the target, is left out; `excluded` counts those of a source, target and density.

    Parameters
    ----------
    chains : dict of str to Chain
    transferred : dict of target to dict of source to array (round, seed)
    random : dict of target to array (round, seed)
        The random control at the same rounds, over the target's surviving seeds.
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
                    rows.append((source, target, model, seed, chain.densities()[number], *accuracies, extra[0], *extra[1:]))
    table = pd.DataFrame(rows, columns=[*TICKET_TRANSFER, *OBSERVABLES[1:]])
    asked = max(len(chain.seeds) + len(chain.stopped) for chain in chains.values())
    kept = table.groupby(["source", "target", "density"])["accuracy"].transform("count")
    return table.assign(excluded=asked - kept).dropna(subset=["accuracy"])


def transfer_matrix(table: pd.DataFrame, tasks: list[str], density: float) -> np.ndarray:
    """Return relative transfer (source, target) at one density: 0 the random control, 1 the own ticket, NaN where these agree."""
    matrix = np.full((len(tasks), len(tasks)), np.nan)
    for (source, target), group in table[np.isclose(table["density"], density)].groupby(["source", "target"]):
        values = (group[name].to_numpy() for name in ("accuracy", "accuracy_own", "accuracy_random"))
        matrix[tasks.index(source), tasks.index(target)] = relative_transfer(*values)
    return matrix


def correlations(table: pd.DataFrame, tasks: list[str], model: str) -> pd.DataFrame:
    """Correlate relative transfer with closeness (minus the distance) for each observable and density, by Mantel's test.

    A positive correlation means that the observable, known before any transfer, predicts it. `excluded`: seeds that the pair of tasks with
    the fewest goes without, as they diverged.
    """
    rows = []
    for density in sorted(table["density"].unique(), reverse=True):
        transfer = transfer_matrix(table, tasks, density)
        at = table[np.isclose(table["density"], density)]
        for observable in OBSERVABLES:
            column = "exponent_distance" if observable == "layer_exponents" else observable
            distance = np.full_like(transfer, np.nan)
            for (source, target), value in at.groupby(["source", "target"])[column].first().items():
                distance[tasks.index(source), tasks.index(target)] = value
            found = mantel(transfer, -distance)
            values = (found.correlation, found.ci_low, found.ci_high, found.p, found.items)
            rows.append((model, observable, density, *values, int(at["excluded"].max())))
    return pd.DataFrame(rows, columns=[*TICKET_CORRELATIONS, "excluded"])


def random_control(rounds: pd.DataFrame, task: str, numbers: list[int]) -> np.ndarray:
    """Return the random control's accuracies (round, seed) of one task from the rounds table."""
    own = rounds[(rounds["task"] == task) & (rounds["control"] == "random_mask")]
    return np.stack([own[own["round"] == number].sort_values("seed")["accuracy"].to_numpy() for number in numbers])
