"""The stage ``pruning``: do Koopman modes of training find the weights that magnitude and gradient
pruning find?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from koopflow.config.pruning import PrunedTraining, PruningMethod, PruningSettings, PruningStudy
from koopflow.config.pruning_studies import pruning_studies
from koopflow.config.study import Study
from koopflow.pruning.methods import longest_window
from koopflow.studies.shared import machine, ranges, selection
from koopflow.studies.stage import Check, Figure, Section, Stage, Table
from koopflow.workflow.estimates import (
    PER_THREAD,
    START_SECONDS,
    Estimate,
    Training,
    loading,
    recorded_mb,
    small,
    training,
)
from koopflow.workflow.workloads import images, network

TABLES = ("accuracy", "overlap", "spectrum", "layers")
"""The tables of each part of a study from which figures are drawn."""
FIGURES = ("accuracy", "accuracy_finetuned", "overlap", "convergence", "eigenvalues", "layers")

TABLES_KB = 0.9
"""Rows of all tables for a network pruned at one moment by one method to one compression: measured."""

CELL_SECONDS = 2e-4
"""To collect and compare the results of such a network: measured."""


@dataclass(frozen=True)
class Pruning:
    """The pruning studies, and how their networks are cut into jobs.

    Attributes
    ----------
    study : Study
    studies : dict of str to PruningStudy
        The pruning studies, merged over their base.
    parts : dict of str to list of (int, int)
        The networks (first, stop) of each job of a study: at most ``replicas_per_job`` if that is
        set, else all; a user's trajectory is one job.
    """

    study: Study
    studies: dict[str, PruningStudy]
    parts: dict[str, list[tuple[int, int]]]

    @property
    def methods(self) -> dict[str, PruningMethod]:
        """The pruning methods."""
        return self.study.pruning.methods

    @property
    def stages(self) -> list[float]:
        """The training losses from which on claims call pruning late."""
        given = (claim.options.get("converged") for claim in self.study.claims.statements.values())
        return sorted({float(stage) for stage in given if isinstance(stage, int | float)})

    @property
    def compares_all(self) -> bool:
        """Whether a study compares every two of its methods."""
        return any(study.pairs == "all" for study in self.studies.values())

    def trained(self, name: str) -> PrunedTraining:
        """Return the settings that determine the training of a study. Methods and compressions may
        change without training again."""
        given = self.studies[name].dump()
        return PrunedTraining.load({key: given[key] for key in PrunedTraining.model_fields})

    def window(self, name: str) -> int:
        """Return the longest window that a method of a study reads, in steps: the training records
        this many before each pruning."""
        return longest_window(self.studies[name], self.methods)

    def recorded(self, name: str, trained: Mapping[str, str]) -> dict[str, str]:
        """Return the files that a pruning job reads, by name: the user's trajectory, or the files
        of the training."""
        if path := self.studies[name].trajectory:
            return {"trajectories": path}
        return {"trajectories": trained["trajectories"], "networks": trained["networks"], "training": trained["cost"]}

    def part_files(self, folder: str, table: str) -> list[str]:
        """Return the file called `table` of every part of every study, under `folder`."""
        return [
            f"{folder}/{name}/{part}/{table}.csv" for name, parts in self.parts.items() for part in range(len(parts))
        ]

    def training_estimate(self, name: str, part: int) -> Estimate:
        """Return the estimate of training the networks of one part of a study."""
        study, (first, stop) = self.studies[name], self.parts[name][part]
        data = selection(self.study, study.data)
        steps = study.epochs * images(data)[0] / study.batch_size
        size = network(study.model, images(data)[1])
        states = min(steps + 1, len(study.prune_epochs) * (self.window(name) + 1))
        work = Training(study.model, data, study.batch_size, steps, stop - first)
        return replace(
            training(work, machine(self.study)), disk_mb=0.1 + recorded_mb(stop - first, states, size.parameters)
        )

    def pruning_estimate(self, name: str, part: int) -> Estimate:
        """Return the estimate of decomposing, pruning and fine-tuning the networks of one part of a
        study."""
        study, (first, stop) = self.studies[name], self.parts[name][part]
        networks, data = stop - first, selection(self.study, study.data)
        count, shape = images(data)
        size, masks = network(study.model, shape), len(study.methods) * len(study.compressions)
        moments, tuned = len(study.prune_epochs), study.finetune
        compressions = study.compressions if tuned.compressions is None else tuned.compressions
        replicas = max(1, len(study.methods) * len(compressions) * networks if tuned.at else 0)
        times = len({*tuned.at} & {*study.prune_epochs})
        steps = tuned.epochs * count / study.batch_size
        finetuned = training(Training(study.model, data, study.batch_size, steps, replicas, times), machine(self.study))
        scored = 2 * size.products * count / 6 * masks * moments * networks  # forward only, a sixth as many test images
        fits = (
            10 * size.parameters * study.window**2 * moments * networks
        )  # products of states, and modes of several ranks
        seconds = finetuned.seconds + (scored + fits) / (PER_THREAD * self.study.threads) + 0.1 * moments * networks
        held = size.parameters * (8 * study.window / 50 + 16 * 40 + 2 * masks)  # a block of states, modes, masks
        saved = len(study.save_masks.at) * len(study.save_masks.compressions or study.compressions) * len(study.methods)
        tables = TABLES_KB * masks * moments * networks / 1024
        written = tables + saved * networks * size.parameters / 8 / 2**20
        return Estimate(finetuned.mem_mb + 100 + held / 2**20, seconds, written, finetuned.guess)

    def collection_estimate(self) -> Estimate:
        """Return the estimate of collecting the tables of all studies."""
        cells = sum(
            each.seeds * len(each.methods) * len(each.compressions) * len(each.prune_epochs)
            for each in self.studies.values()
        )
        return small(START_SECONDS / 2 + CELL_SECONDS * cells, 150)


def plan(study: Study) -> Pruning:
    """Return the plan of the stage; refuse studies whose keys do not fit together."""
    studies = pruning_studies(study.pruning, study.data)
    sizes = {
        name: each.seeds if each.trajectory else study.replicas_per_job or each.seeds for name, each in studies.items()
    }
    return Pruning(study, studies, {name: ranges(each.seeds, sizes[name]) for name, each in studies.items()})


STAGE = Stage(
    name="pruning",
    order=30,
    blocks={"pruning": PruningSettings},
    plan=plan,
    section=Section(
        "Pruning by Koopman modes",
        place=30,
        captions=(
            "pruning_accuracy",
            "pruning_accuracy_finetuned",
            "pruning_best",
            "pruning_overlap",
            "pruning_convergence",
            "pruning_scores",
            "pruning_wins",
            "pruning_differences",
            "pruning_onset",
            "pruning_predictors",
            "pruning_eigenvalues",
            "pruning_layers",
        ),
    ),
    figures=lambda plan: [
        Figure(f"pruning_{kind}") for kind in (*FIGURES, *(("scores",) if plan.compares_all else ()))
    ],
    tables=(
        Table("pruning_differences", "pruning/differences.csv", "koopflow.cli.report_tables:pruned_alike"),
        Table("pruning_best", "pruning/best.csv", "koopflow.cli.report_tables:pruned_best"),
        Table("pruning_wins", "pruning/wins.csv", "koopflow.cli.report_tables:koopman_wins"),
        Table("pruning_onset", "pruning/onset.csv", "koopflow.cli.report_tables:agreed_from"),
        Table("pruning_predictors", "pruning/predictors.csv", "koopflow.cli.report_tables:told_by_spectrum"),
    ),
    claimed=("pruning/accuracy.csv", "pruning/overlap.csv", "pruning/spectrum.csv"),
    check=Check(
        "koopflow.studies.checks.pruning:check",
        settings=lambda plan: {
            "studies": {name: study.dump() for name, study in plan.studies.items()},
            "methods": {name: method.dump() for name, method in plan.methods.items()},
            "data": {name: data.dump() for name, data in plan.study.data.items()},
            "data_root": plan.study.data_root,
            "seed": plan.study.seed,
        },
        environment=lambda plan: "pruning",
        trains=True,
        estimate=lambda plan: loading([selection(plan.study, study.data) for study in plan.studies.values()]),
    ),
)
