"""All tables of the ticket studies, from their trained chains and from rounds trained elsewhere."""

from collections.abc import Mapping

import pandas as pd

from koopflow.config.tickets import CollectedStudy, FlowSettings
from koopflow.io.columns import TICKET_TABLES
from koopflow.rg.exponents import WindowRule
from koopflow.tickets import tables, universality
from koopflow.tickets.common_exponents import common_tables
from koopflow.tickets.external import ExternalChain, external_flow
from koopflow.tickets.flow import exponents_table, flow_table
from koopflow.tickets.imp import Say
from koopflow.tickets.predictors.judging import predicted_transfer
from koopflow.tickets.trained import Trained

Frames = dict[str, list[pd.DataFrame]]


def all_tables(
    settings: FlowSettings, studies: Mapping[str, CollectedStudy], trained: Mapping[str, Trained], say: Say = print
) -> dict[str, pd.DataFrame]:
    """Return every table but ``elastic``, by the names of `koopflow.io.columns.TICKET_TABLES`.

    Each has one more column, ``excluded``: the number of diverged seeds left out of the row.

    Parameters
    ----------
    settings : FlowSettings
    studies : mapping of str to CollectedStudy
    trained : mapping of str to Trained
    say : function of str
        Receives messages on diverged seeds and chains that ended early.
    """
    found: Frames = {name: [] for name in TICKET_TABLES if name != "elastic"}
    for name, study in studies.items():
        for table, frames in _study_tables(settings, study, trained[name], say).items():
            found[table] += frames
    _add_external(found, settings, say)
    return {
        name: pd.concat([*frames, pd.DataFrame(columns=list(TICKET_TABLES[name]))][: len(frames) or 1])
        for name, frames in found.items()
    }


def _add_external(found: Frames, settings: FlowSettings, say: Say) -> None:
    """Add the flows of rounds trained elsewhere, and the exponents of those that are compared."""
    rule, kind = WindowRule(**settings.window.dump()), settings.coupling
    compared: dict[str, dict[str, ExternalChain]] = {}
    for name, entry in settings.external.items():
        chain = ExternalChain(external_flow(entry, say))
        flow = chain.flow()
        found["flow"].append(flow_table(flow, chain.seeds, name, "external", kind).assign(excluded=0))
        exponents = exponents_table(flow, name, "external", kind, rule, settings.margin)
        found["exponents"].append(exponents.assign(excluded=0))
        if entry.compared:
            compared.setdefault(entry.compared, {})[name] = chain
    for comparison, chains in compared.items():
        for name, frame in common_tables(chains, comparison, rule, kind).items():
            found[name].append(frame.assign(excluded=0))


def _study_tables(settings: FlowSettings, study: CollectedStudy, trained: Trained, say: Say) -> Frames:
    found: Frames = {name: [] for name in TICKET_TABLES if name != "elastic"}
    model, kind = study.model.label, settings.coupling
    for task, chain in trained.chains.items():
        for line in [*chain.stopped.values(), *filter(None, [chain.ended])]:
            say(f"{task}, {model}: {line}")
        flow, gone = chain.flow(study.grouping), len(chain.stopped)
        rule = WindowRule(**settings.window.dump())
        made = {
            "flow": flow_table(flow, chain.seeds, task, model, kind),
            "exponents": exponents_table(flow, task, model, kind, rule, settings.margin),
            "fixed_point": tables.fixed_point_table(chain, task, model, study.grouping),
            "linearization": tables.linearization_table(chain, task, model, study.grouping),
            "rounds": trained.rounds[task],
        }
        for name, frame in made.items():
            found[name].append(frame.assign(excluded=gone))
        if task in trained.composition:
            composed = (chain, *trained.composition[task])
            kept = len(set.intersection(*(set(each.seeds) for each in composed)))
            absent = min(len(each.seeds) + len(each.stopped) for each in composed) - kept
            rows, ratio = tables.composition_tables(*composed, task, model, kind)
            found["composition"].append(rows.assign(excluded=absent))
            found["ratios"].append(ratio.assign(excluded=absent))
    gone = max(len(chain.stopped) for chain in trained.chains.values())
    rule = WindowRule(**settings.window.dump())
    for name, frame in common_tables(trained.chains, model, rule, kind, study.grouping).items():
        found[name].append(frame.assign(excluded=gone))
    _add_transfer(found, study, trained, kind)
    return found


def _add_transfer(found: Frames, study: CollectedStudy, trained: Trained, kind: str) -> None:
    """Add the tables on transfer between tasks; its predictors need at least four tasks."""
    tasks, model = list(trained.chains), study.model.label
    numbers = [
        number for number in study.transfer.rounds if number < min(chain.rounds for chain in trained.chains.values())
    ]
    if len(tasks) < 2 or not numbers:
        return
    random = {task: universality.random_control(trained.rounds[task], task, numbers) for task in tasks}
    exponents = pd.concat(found["exponents"])
    transfer = universality.transfer_table(
        trained.chains, trained.transferred, random, numbers, exponents, model, kind, study.grouping
    )
    found["transfer"].append(transfer)
    if len(tasks) < 4 or transfer.empty:
        return
    found["universality"].append(universality.correlations(transfer, tasks, model))
    if trained.scores:
        scores = pd.concat(trained.scores.values())
        for name, frame in predicted_transfer(transfer, scores, tasks, model, study.predictors).items():
            found[name].append(frame.assign(excluded=int(transfer["excluded"].max())))
