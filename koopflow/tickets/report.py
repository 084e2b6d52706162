"""All tables of a ticket study, from its trained chains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from koopflow.rg.exponents import WindowRule
from koopflow.tickets import tables, universality
from koopflow.tickets.chain import Chain, load_chain
from koopflow.tickets.external import external_flow


@dataclass(frozen=True)
class Trained:
    """Chains by task: of small steps, of large ones, run again; and accuracies (round, seed) by target and source."""

    chains: dict[str, Chain]
    large: dict[str, Chain]
    rerun: dict[str, Chain]
    transferred: dict[str, dict[str, np.ndarray]]


def read_study(tasks: Sequence[str], chains, large, rerun, transferred) -> Trained:
    """Read what was trained, one file per task in each list."""
    moved = {}
    for task, path in zip(tasks, transferred):
        with np.load(path, allow_pickle=False) as stored:
            moved[task] = {source: stored[source] for source in stored.files}
    return Trained(*({task: load_chain(path) for task, path in zip(tasks, paths)} for paths in (chains, large, rerun)), moved)


def all_tables(study: Mapping, trained: Trained, rounds: list[pd.DataFrame], say=print) -> dict[str, tuple[pd.DataFrame, tuple]]:
    """Return every table with its promised columns, by name.

    Parameters
    ----------
    study : mapping
        The config's ``tickets`` block.
    trained : Trained
    rounds : list of DataFrame
        The rounds table of each task, controls included.
    say : callable
        Told of diverged seeds and chains that ended early.
    """
    model = tables.model_name(study["model"])
    kind, rule, margin = study["coupling"], WindowRule(**study["window"]), study["margin"]
    found = {name: [] for name in ("flow", "exponents", "composition", "ratios", "fixed_point", "linearization")}
    for task, chain in trained.chains.items():
        for line in [*chain.stopped.values(), *filter(None, [chain.ended])]:
            say(f"{task}: {line}")
        groups, sums = chain.sums("layer")
        found["flow"].append(tables.flow_table(groups, sums, chain.densities(), chain.seeds, task, model, kind))
        found["exponents"].append(tables.exponents_table(groups, sums, chain.densities(), task, model, kind, rule, margin))
        rows, ratio = tables.composition_tables(chain, trained.large[task], trained.rerun[task], task, model, kind)
        found["composition"].append(rows)
        found["ratios"].append(ratio)
        found["fixed_point"].append(tables.fixed_point_table(chain, task, model))
        found["linearization"].append(tables.linearization_table(chain, task, model))
    rounds, exponents = pd.concat(rounds), pd.concat(found["exponents"])
    transfer, correlations = _transfer(study, trained, rounds, exponents, model)
    for name, entry in study["external"].items():
        groups, sums, densities = external_flow(entry["folder"], entry["grouping"])
        found["flow"].append(tables.flow_table(groups, sums, densities, [0], name, "external", kind))
        exponents = pd.concat([exponents, tables.exponents_table(groups, sums, densities, name, "external", kind, rule, margin)])
    return {
        "rounds": (rounds, tables.ROUNDS),
        "flow": (pd.concat(found["flow"]), tables.FLOW),
        "exponents": (exponents, tables.EXPONENTS),
        "composition": (pd.concat(found["composition"]), tables.COMPOSITION),
        "ratios": (pd.concat(found["ratios"]), tables.RATIOS),
        "fixed_point": (pd.concat(found["fixed_point"]), tables.FIXED_POINT),
        "linearization": (pd.concat(found["linearization"]), tables.LINEARIZATION),
        "transfer": (transfer, universality.TRANSFER),
        "universality": (correlations, universality.CORRELATIONS),
    }


def _transfer(study: Mapping, trained: Trained, rounds: pd.DataFrame, exponents: pd.DataFrame, model: str) -> tuple:
    """Return the transfer table and, for at least four tasks, its correlations."""
    tasks = list(trained.chains)
    shortest = min(chain.rounds for chain in trained.chains.values())
    numbers = [number for number in study["transfer"]["rounds"] if number < shortest]
    random = {task: universality.random_control(rounds, task, numbers) for task in tasks}
    table = universality.transfer_table(trained.chains, trained.transferred, random, numbers, exponents, model)
    if len(tasks) < 4 or table.empty:
        return table, pd.DataFrame(columns=universality.CORRELATIONS)
    return table, universality.correlations(table, tasks, model)
