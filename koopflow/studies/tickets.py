"""The stage ``tickets``: winning tickets as a flow of the renormalization group."""

from dataclasses import dataclass, replace
from typing import Any

from koopflow.config.base import plain
from koopflow.config.study import Study
from koopflow.config.ticket_studies import shared_tasks, ticket_studies
from koopflow.config.tickets import ChainSettings, CheckedStudy, TicketJob, TicketsSettings, TicketStudy
from koopflow.studies.shared import machine, selection
from koopflow.studies.stage import Check, Figure, Section, Stage, Table
from koopflow.workflow.estimates import TORCH_MB, TORCH_SECONDS, Estimate, Training, small, training
from koopflow.workflow.workloads import images, network

LARGE_STEPS = 1.5  # cost of both composition chains (large steps, and a rerun), in rounds of the chain itself
CHAIN_SECONDS = 0.3  # of one chain in the tables of all studies: 0.3 to 0.4 s measured


@dataclass(frozen=True)
class Tickets:
    """The ticket studies, and how their chains are cut into jobs.

    Attributes
    ----------
    study : Study
    studies : dict of str to TicketStudy
        The ticket studies, merged over their base.
    """

    study: Study
    studies: dict[str, TicketStudy]

    @property
    def settings(self) -> TicketsSettings:
        """The block ``tickets``."""
        return self.study.tickets

    @property
    def tasks(self) -> list[str]:
        """The tasks of all studies, each once."""
        return list(dict.fromkeys(task for study in self.studies.values() for task in study.tasks))

    @property
    def external(self) -> list[str]:
        """The folders of rounds trained elsewhere."""
        return [folder for entry in self.settings.external.values() for folder in entry.folders]

    def elsewhere(self, name: str, task: str) -> dict[str, Any] | None:
        """Return where the rounds of a task were pruned, as plain values; None if here."""
        entry = self.studies[name].chains.get(task)
        return None if entry is None else self.settings.external[entry].dump()

    def folders_elsewhere(self, name: str, task: str) -> list[str]:
        """Return the folders of a task's rounds that were pruned elsewhere."""
        entry = self.studies[name].chains.get(task)
        return [] if entry is None else list(self.settings.external[entry].folders)

    def part(self, *keys: str) -> dict[str, dict[str, Any]]:
        """Return the settings named by `keys` of every study, as plain values."""
        return {name: {key: plain(getattr(study, key)) for key in keys} for name, study in self.studies.items()}

    def job(self, name: str, *keys: str) -> TicketJob:
        """Return the settings of a training job: those that determine a chain, those named by
        `keys`, and how it runs."""
        given = self.studies[name].dump()
        read = {key: value for key, value in given.items() if key in (*ChainSettings.model_fields, *keys)}
        return TicketJob.load({**read, "device": self.study.device, "interval": self.study.checkpoint_interval})

    def stops(self, name: str) -> list[int]:
        """Return the rounds after which a chain is cut into jobs. Each job continues the one
        before, so a longer chain repeats nothing."""
        rounds = self.studies[name].rounds
        step = self.studies[name].rounds_per_job or rounds
        return [*range(step, rounds, step), rounds]

    def previous(self, name: str, stop: int) -> int:
        """Return the round from which the job that ends at `stop` continues; 0 for the first
        job."""
        return max([0, *(earlier for earlier in self.stops(name) if earlier < stop)])

    def chain(self, folder: str, name: str, task: str) -> str:
        """Return the file of a task's chain, under `folder`."""
        return f"{folder}/{name}/{task}/rounds-{self.studies[name].rounds}.npz"

    def chains(self, folder: str, name: str) -> list[str]:
        """Return the files of a study's chains, in the order of its tasks."""
        return [self.chain(folder, name, task) for task in self.studies[name].tasks]

    def previous_chain(self, folder: str, name: str, task: str, stop: int) -> list[str]:
        """Return the file from which the job that ends at `stop` continues; an empty list for the
        first job."""
        previous = self.previous(name, stop)
        return [f"{folder}/{name}/{task}/rounds-{previous}.npz"] if previous else []

    def compared_chains(self, folder: str, elastic: str, task: str) -> list[str]:
        """Return the files of the chains on one task that an elastic comparison compares."""
        return [self.chain(folder, name, task) for name in self.settings.elastic[elastic].studies]

    def task_files(self, folder: str, file: str) -> list[str]:
        """Return the path of `file` beside every chain of every study."""
        return [f"{folder}/{name}/{task}/{file}" for name, study in self.studies.items() for task in study.tasks]

    def transferred(self, folder: str) -> list[str]:
        """Return the files of transferred tickets, for the studies that transfer any."""
        studies = {name: study for name, study in self.studies.items() if study.transfer.rounds}
        return Tickets(self.study, studies).task_files(folder, "transferred.npz")

    def predicted(self, folder: str) -> list[str]:
        """Return the scores of predictors, for the studies that transfer tickets and name any."""
        studies = {n: s for n, s in self.studies.items() if s.transfer.rounds and s.predictors.names}
        return Tickets(self.study, studies).task_files(folder, "scores.csv")

    def stretched(self, folder: str) -> list[str]:
        """Return the tables of elastic comparisons: every depth as a target, on every task that its
        studies share."""
        found = []
        for name, elastic in self.settings.elastic.items():
            tasks = shared_tasks([self.studies[study] for study in elastic.studies])
            found += [f"{folder}/{name}/{study}/{task}.csv" for study in elastic.studies for task in tasks]
        return found

    def models(self, elastic: str) -> dict[str, dict[str, Any]]:
        """Return the networks of an elastic comparison by study, as plain values."""
        return {name: self.studies[name].model.dump() for name in self.settings.elastic[elastic].studies}

    def figures(self) -> list[tuple[str, str]]:
        """Return the figures (kind, name) that every study allows, and those of elastic comparisons
        and of rounds trained elsewhere."""
        wanted = []
        for name, study in self.studies.items():
            kinds = ["accuracy", "flow", "slices", "exponents"]
            kinds += ["composition"] if study.composition.seeds else []
            kinds += ["transfer_matrix"] if study.transfer.rounds else []
            kinds += ["transfer_prediction"] if study.transfer.rounds and len(study.tasks) > 3 else []
            kinds += ["predictors"] if study.transfer.rounds and study.predictors.names and len(study.tasks) > 3 else []
            wanted += [(kind, name) for kind in kinds]
        wanted += [("elastic", name) for name in self.settings.elastic]
        return wanted + [(kind, name) for name in self.settings.external for kind in ("flow", "exponents")]

    def rounds_estimate(self, name: str, task: str, stop: int) -> Estimate:
        """Return the estimate of the rounds that one job adds to a chain."""
        return replace(
            self._estimate(name, task, stop - self.previous(name, stop)), disk_mb=0.1 + self.chain_mb(name, task, stop)
        )

    def chain_mb(self, name: str, task: str, rounds: int) -> float:
        """Return the size of the file of a chain: the remaining weights of each round, and a bit of
        mask for each weight."""
        study = self.studies[name]
        weights = network(study.model, images(selection(self.study, task))[1]).parameters
        remaining = sum((1 - study.fraction) ** each for each in range(rounds + 1))
        return study.seeds * weights * (4 * remaining + rounds / 8) / 2**20

    def controls_estimate(self, name: str, task: str) -> Estimate:
        """Return the estimate of a chain's controls: three kinds at each control round, a chain of
        large steps, and a rerun."""
        study = self.studies[name]
        rounds = len({*study.controls.rounds, *study.transfer.rounds}) + 2 * len(study.controls.rounds)
        share = min(study.composition.seeds, study.seeds) / study.seeds
        weights = network(study.model, images(selection(self.study, task))[1]).parameters
        saved = 5 * study.seeds * weights * len({*study.controls.rounds, *study.transfer.rounds}) / 2**20
        composition = 2 * share * self.chain_mb(name, task, study.rounds)
        expected = self._estimate(name, task, rounds + LARGE_STEPS * study.rounds * share)
        return replace(expected, disk_mb=0.1 + saved + composition)

    def transfer_estimate(self, name: str, task: str) -> Estimate:
        """Return the estimate of training all other tasks' tickets on one task, as one ensemble."""
        study = self.studies[name]
        return self._estimate(name, task, 1, max(1, len(study.tasks) - 1) * len(study.transfer.rounds) * study.seeds)

    def prediction_estimate(self, name: str, task: str) -> Estimate:
        """Return the estimate of scoring all other tasks' tickets on one task: of the predictors,
        those that train a few steps cost most."""
        study = self.studies[name]
        tickets = max(1, len(study.tasks) - 1) * len(study.transfer.rounds) * study.seeds
        return self._estimate(name, task, 0.5, tickets)

    def stretching_estimate(self, name: str, task: str, elastic: str) -> Estimate:
        """Return the estimate of training the stretched tickets of all other depths, and as many
        random masks."""
        compared = self.settings.elastic[elastic]
        networks = (len(compared.studies) - 1) * len(compared.rounds) * self.studies[name].seeds
        return self._estimate(name, task, 2, networks)

    def collection_estimate(self) -> Estimate:
        """Return the estimate of collecting the tables of all studies: fits and comparisons of every chain."""
        chains = sum(len(study.tasks) for study in self.studies.values())
        return small(TORCH_SECONDS + CHAIN_SECONDS * chains, TORCH_MB)

    def _estimate(self, name: str, task: str, rounds: float, networks: int | None = None) -> Estimate:
        """Return the estimate of `rounds` trainings of all seeds of a study, or of `networks`
        each."""
        study = self.studies[name]
        replicas = networks or study.seeds
        work = Training(study.model, selection(self.study, task), study.batch_size, study.steps, replicas, rounds)
        one = training(work, machine(self.study, threads=1))
        weights = network(study.model, images(selection(self.study, task))[1]).parameters
        return Estimate(one.mem_mb + 8 * weights * study.seeds * rounds / 2**20, one.seconds, guess=one.guess)


def plan(study: Study) -> Tickets:
    """Return the plan of the stage; refuse studies and comparisons that do not fit together."""
    return Tickets(study, ticket_studies(study.tickets, study.data))


STAGE = Stage(
    name="tickets",
    order=50,
    blocks={"tickets": TicketsSettings},
    plan=plan,
    section=Section(
        "Winning tickets and the renormalization group",
        place=40,
        captions=(
            "tickets_accuracy",
            "tickets_flow",
            "tickets_slices",
            "tickets_exponents",
            "tickets_verdicts",
            "tickets_by_task",
            "tickets_sigma",
            "tickets_composition",
            "tickets_transfer_matrix",
            "tickets_transfer_prediction",
            "tickets_observables",
            "tickets_predictors",
            "tickets_predictor_tests",
            "tickets_forecast_quality",
            "tickets_will_transfer",
            "tickets_elastic",
        ),
    ),
    figures=lambda plan: [Figure(f"tickets_{kind}", name) for kind, name in plan.figures()],
    tables=(
        Table("tickets_sigma", "tickets/exponents.csv", "koopflow.cli.report_tables:exponents"),
        Table("tickets_verdicts", "tickets/exponent_verdicts.csv", "koopflow.cli.ticket_tables:exponent_verdicts"),
        Table(
            "tickets_by_task", "tickets/initialization_exponents.csv", "koopflow.cli.ticket_tables:exponents_by_task"
        ),
        Table("tickets_observables", "tickets/universality.csv", "koopflow.cli.report_tables:predictors"),
        Table("tickets_predictor_tests", "tickets/predictor_tests.csv", "koopflow.cli.ticket_tables:predictor_tests"),
        Table("tickets_forecast_quality", "tickets/will_transfer.csv", "koopflow.cli.ticket_tables:forecast_quality"),
        Table("tickets_will_transfer", "tickets/will_transfer.csv", "koopflow.cli.ticket_tables:will_transfer"),
    ),
    claimed=tuple(
        f"tickets/{table}.csv"
        for table in ("flow", "exponents", "composition", "transfer", "predictors", "predictor_tests", "will_transfer")
    ),
    check=Check(
        "koopflow.studies.checks.tickets:check",
        settings=lambda plan: {
            "data": {task: selection(plan.study, task).dump() for task in plan.tasks},
            "studies": plan.part(*CheckedStudy.model_fields),
            "elastic": {name: elastic.dump() for name, elastic in plan.settings.elastic.items()},
            "external": {name: external.dump() for name, external in plan.settings.external.items()},
            "seed": plan.study.seed,
        },
        environment=lambda plan: "tickets",
        trains=True,
        files=lambda plan: plan.external,
        estimate=lambda plan: small(TORCH_SECONDS, TORCH_MB),
    ),
)
