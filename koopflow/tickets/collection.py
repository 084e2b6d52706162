"""All tables of the ticket studies, from their trained chains."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from koopflow.io import npz
from koopflow.io.columns import TICKET_ROUNDS, TICKET_TABLES
from koopflow.io.tables import read_csv
from koopflow.rg.exponents import WindowRule
from koopflow.tickets import tables, universality
from koopflow.tickets.chain import Chain, load_chain, save_chain
from koopflow.tickets.checks import model_name
from koopflow.tickets.external import external_flow

COMPOSED = ("large-steps.npz", "run-again.npz")


@dataclass(frozen=True)
class Trained:
    """What one study has trained, by task: chains, tables of rounds with controls, chains of (large steps, small ones run again) where
    composition was asked for, and accuracies (round, seed) by target and source where there are several tasks."""

    chains: dict[str, Chain]
    rounds: dict[str, pd.DataFrame]
    composition: dict[str, tuple[Chain, Chain]]
    transferred: dict[str, dict[str, np.ndarray]]


def save_composition(chains: tuple[Chain, Chain] | None, folder: str | Path) -> None:
    """Write the chains of large steps and of small ones run again; an empty folder where there are none."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for chain, name in zip(chains or (), COMPOSED):
        save_chain(chain, Path(folder) / name)


def read_study(study: Mapping, folder: str | Path) -> Trained:
    """Read what the jobs of one study left in its folder of chains."""
    tasks, rounds, folder = study["tasks"], study["rounds"], Path(folder)
    chains = {task: load_chain(folder / task / f"rounds-{rounds}.npz") for task in tasks}
    tables_of_rounds = {task: read_csv(folder / task / "rounds.csv", TICKET_ROUNDS) for task in tasks}
    composition, moved = {}, {}
    for task in tasks:
        files = [folder / task / "composition" / name for name in COMPOSED]
        if all(file.is_file() for file in files):
            composition[task] = tuple(load_chain(file) for file in files)
        if study["transfer"]["rounds"]:
            moved[task] = npz.load(folder / task / "transferred.npz", "transferred tickets", 1)
    return Trained(chains, tables_of_rounds, composition, moved)


def all_tables(
    tickets: Mapping, studies: Mapping[str, Mapping], trained: Mapping[str, Trained], say=print
) -> dict[str, pd.DataFrame]:
    """Return every table but ``elastic``, by name; `koopflow.io.columns.TICKET_TABLES` has their columns.

    Each has a column `excluded` more: how many seeds diverged and were left out of what the row says.

    Parameters
    ----------
    tickets : mapping
        The config's block: coupling, window, margin and external.
    studies : mapping of str to mapping
        As `koopflow.config.ticket_studies` returns them.
    trained : mapping of str to Trained
    say : callable
        Told of diverged seeds and chains that ended early.
    """
    found = {name: [] for name in TICKET_TABLES if name != "elastic"}
    for name, study in studies.items():
        for table, frames in _study_tables(tickets, study, trained[name], say).items():
            found[table] += frames
    rule, kind = WindowRule(**tickets["window"]), tickets["coupling"]
    for name, entry in tickets["external"].items():
        groups, sums, densities = external_flow(entry["folder"], entry["grouping"], say)
        flow = tables.flow_table(groups, sums, densities, [0], name, "external", kind)
        exponents = tables.exponents_table(groups, sums, densities, name, "external", kind, rule, tickets["margin"])
        found["flow"].append(flow.assign(excluded=0))
        found["exponents"].append(exponents.assign(excluded=0))
    return {
        name: pd.concat([*frames, pd.DataFrame(columns=TICKET_TABLES[name])][: len(frames) or 1]) for name, frames in found.items()
    }


def _study_tables(tickets: Mapping, study: Mapping, trained: Trained, say) -> dict[str, list[pd.DataFrame]]:
    model, grouping = model_name(study["model"]), study["grouping"]
    kind, rule, margin = tickets["coupling"], WindowRule(**tickets["window"]), tickets["margin"]
    found = {
        name: []
        for name in ("flow", "exponents", "composition", "ratios", "fixed_point", "linearization", "transfer", "universality")
    }
    gone = {task: len(chain.stopped) for task, chain in trained.chains.items()}
    for task, chain in trained.chains.items():
        for line in [*chain.stopped.values(), *filter(None, [chain.ended])]:
            say(f"{task}, {model}: {line}")
        groups, sums = chain.sums(grouping)
        found["flow"].append(tables.flow_table(groups, sums, chain.densities(), chain.seeds, task, model, kind))
        found["exponents"].append(tables.exponents_table(groups, sums, chain.densities(), task, model, kind, rule, margin))
        found["fixed_point"].append(tables.fixed_point_table(chain, task, model, grouping))
        found["linearization"].append(tables.linearization_table(chain, task, model, grouping))
        if task in trained.composition:
            rows, ratio = tables.composition_tables(chain, *trained.composition[task], task, model, kind)
            found["composition"].append(rows)
            found["ratios"].append(ratio)
            composed = (chain, *trained.composition[task])
            kept = len(set.intersection(*(set(each.seeds) for each in composed)))
            absent = min(len(each.seeds) + len(each.stopped) for each in composed) - kept
            rows["excluded"] = ratio["excluded"] = absent
        for name in ("flow", "exponents", "fixed_point", "linearization"):
            found[name][-1]["excluded"] = gone[task]
    found["rounds"] = [frame.assign(excluded=gone[task]) for task, frame in trained.rounds.items()]
    tasks = list(trained.chains)
    numbers = [number for number in study["transfer"]["rounds"] if number < min(chain.rounds for chain in trained.chains.values())]
    if len(tasks) > 1 and numbers:
        random = {task: universality.random_control(trained.rounds[task], task, numbers) for task in tasks}
        exponents = pd.concat(found["exponents"])
        transfer = universality.transfer_table(
            trained.chains, trained.transferred, random, numbers, exponents, model, kind, grouping
        )
        found["transfer"].append(transfer)
        if len(tasks) >= 4 and not transfer.empty:
            found["universality"].append(universality.correlations(transfer, tasks, model))
    return found
