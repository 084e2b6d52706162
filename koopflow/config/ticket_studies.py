"""The studies of ``tickets``, merged over their base and checked."""

from collections.abc import Mapping

from koopflow.config.data import DataSet
from koopflow.config.resolution import merge
from koopflow.config.tickets import Elastic, TicketsSettings, TicketStudy
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import unknown_name


def ticket_studies(tickets: TicketsSettings, data: Mapping[str, DataSet]) -> dict[str, TicketStudy]:
    """Return every study by name; a study of one task transfers no rounds, and one with chains from
    elsewhere composes none.

    Parameters
    ----------
    tickets : TicketsSettings
    data : mapping of str to DataSet
        The data sets of the configuration.

    Raises
    ------
    KoopflowError
        If a study lacks a key, names an unknown data set or chain, or has rounds beyond its chain or
        a rewind step beyond its training; if two studies would share rows of the tables; if an
        elastic comparison names an unknown study or studies without a common task.
    """
    found: dict[str, TicketStudy] = {}
    owners: dict[tuple[str, str], str] = {}
    for name, own in tickets.studies.items():
        key, merged = f"tickets.studies.{name}", merge(tickets.base, own)
        if len(merged.get("tasks", ())) == 1 and "transfer" in merged:
            merged["transfer"] = {"rounds": []}  # there is no other task
        if merged.get("chains"):
            merged["composition"] = {"seeds": 0}  # rounds pruned elsewhere cannot be pruned again
        study = TicketStudy.load(merged, key, "tickets.base")
        _check_tasks(key, name, study, data, owners)
        _check_rounds(key, study)
        _check_chains(key, study, tickets)
        found[name] = study
    for name in tickets.external:
        if name in found:
            raise KoopflowError(
                f"tickets.external.{name}: a study has the same name, and both name figures; rename one"
            )
    for name, elastic in tickets.elastic.items():
        _check_elastic(f"tickets.elastic.{name}", elastic, found)
    return found


def shared_tasks(studies: list[TicketStudy]) -> list[str]:
    """Return the tasks on which all `studies` prune."""
    first, *others = (study.tasks for study in studies)
    return [task for task in first if all(task in tasks for tasks in others)]


def _check_tasks(
    key: str, name: str, study: TicketStudy, data: Mapping[str, DataSet], owners: dict[tuple[str, str], str]
) -> None:
    for task in study.tasks:
        if task not in data:
            raise unknown_name(f"{key}.tasks", task, data, "data set")
        other = owners.setdefault((task, study.model.label), name)
        if other != name:
            raise KoopflowError(
                f"{key}: task {task} with model {study.model.label} is also in the study {other}, and tables "
                "identify a chain by "
                "task and model; list the same data under another name, or give the model another size"
            )


def _check_chains(key: str, study: TicketStudy, tickets: TicketsSettings) -> None:
    for task, name in study.chains.items():
        if task not in study.tasks:
            raise unknown_name(f"{key}.chains", task, study.tasks, "task of the study")
        if name not in tickets.external:
            raise unknown_name(f"{key}.chains.{task}", name, tickets.external, "entry of tickets.external")
    if study.chains and study.rewind_step:
        raise KoopflowError(
            f"{key}.rewind_step must be 0 with chains from elsewhere, whose rewind weights are read (got "
            f"{study.rewind_step})"
        )


def _check_rounds(key: str, study: TicketStudy) -> None:
    if study.rewind_step >= study.steps:
        raise KoopflowError(
            f"{key}.rewind_step must be less than {study.steps}, the steps of training (got {study.rewind_step})"
        )
    parts: dict[str, tuple[int, ...]] = {"controls": study.controls.rounds, "transfer": study.transfer.rounds}
    for part, rounds in parts.items():
        beyond = [number for number in rounds if number >= study.rounds]
        if beyond:
            raise KoopflowError(
                f"{key}.{part}.rounds must be less than {study.rounds}, the rounds of the chain (got {beyond[0]})"
            )


def _check_elastic(key: str, elastic: Elastic, found: Mapping[str, TicketStudy]) -> None:
    for name in elastic.studies:
        if name not in found:
            raise unknown_name(f"{key}.studies", name, found, "study")
    compared = [found[name] for name in elastic.studies]
    if not shared_tasks(compared):
        raise KoopflowError(f"{key}.studies must have a task in common (got {', '.join(elastic.studies)})")
    shortest = min(study.rounds for study in compared)
    for number in elastic.rounds:
        if number >= shortest:
            raise KoopflowError(
                f"{key}.rounds must be less than {shortest}, the rounds of the shortest chain (got {number})"
            )
