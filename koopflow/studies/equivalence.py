"""The stage ``equivalence``: when are two optimizers, or two ways of training, the same
dynamics?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from koopflow.config.equivalence import EquivalenceSettings, EquivalenceTraining, Setup, WindowStudy
from koopflow.config.setups import parts, setups, window_studies
from koopflow.config.study import Study
from koopflow.core.errors import KoopflowError
from koopflow.studies.shared import machine, selection
from koopflow.studies.stage import Check, Figure, Section, Stage, Table
from koopflow.workflow.estimates import (
    GPU_SECONDS,
    LIBRARIES_MB,
    PER_THREAD,
    START_SECONDS,
    TORCH_SECONDS,
    Estimate,
    Training,
    in_turn,
    loading,
    recorded_mb,
    small,
    training,
)
from koopflow.workflow.workloads import images, network

DISTANCE_SECONDS = 1.0e-6  # per distance between two spectra: measured
DSA_SECONDS = 0.01  # per DSA distance between two operators of rank 4 to 6, on average: measured
LEADING_SECONDS = 3.5e-8  # per entry of the matrix whose leading modes are found: measured with sides of 3,300
READ_MB = 200  # blocks of a trajectory in memory: measured
OUTPUTS = 10  # of the last layer


@dataclass(frozen=True)
class Equivalence:
    """The study's set-ups, and how their ensembles are cut into jobs.

    Attributes
    ----------
    study : Study
    setups : dict of str to Setup
        The set-ups, merged over their base.
    parts : list of (int, int)
        The seeds (first, stop) of each job of an ensemble: whole groups of copies, at most
        ``replicas_per_job`` networks.
    windows : dict of str to WindowStudy
        The studies of windows along one training, merged over the base.
    """

    study: Study
    setups: dict[str, Setup]
    parts: list[tuple[int, int]]
    windows: dict[str, WindowStudy]

    @property
    def training(self) -> EquivalenceTraining:
        """The block ``equivalence.training``."""
        return self.study.equivalence.training

    @property
    def with_operators(self) -> list[str]:
        """The set-ups whose operators are kept: all for the distance "dsa", otherwise none."""
        return list(self.setups) if self.training.distance == "dsa" else []

    @cached_property
    def together(self) -> list[str]:
        """The set-ups that share one training job and one fitting job: the shortest, as long as each of these
        jobs is expected to take at most ``shared_job`` seconds.

        None shares if ensembles are split into parts, nor a network of the user's own, whose time is a guess.
        """
        if len(self.parts) > 1:
            return []
        jobs = {name: (self.training_estimate(name, 0), self.fits_estimate(name)) for name in self.setups}
        starts = self._training_start, START_SECONDS
        left = [self.training.shared_job - start for start in starts]
        found = set()
        for name, both in sorted(jobs.items(), key=lambda job: job[1][0].seconds):
            then = [most - (job.seconds - start) for most, job, start in zip(left, both, starts)]
            if min(then) >= 0 and not both[0].guess:
                found.add(name)
                left = then
        return [name for name in self.setups if name in found] if len(found) > 1 else []

    @property
    def _training_start(self) -> float:
        """Seconds that a training job takes to start."""
        return TORCH_SECONDS + GPU_SECONDS * self.study.gpu

    @property
    def alone(self) -> list[str]:
        """The set-ups that have jobs of their own."""
        shared = set(self.together)
        return [name for name in self.setups if name not in shared]

    def trained(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the settings of set-ups, as plain values by name."""
        return {name: self.setups[name].dump() for name in names}

    def fitted(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the settings of set-ups' operators, as plain values by name."""
        return {name: self.setups[name].koopman.dump() for name in names}

    @property
    def data_sets(self) -> list[str]:
        """The data sets of set-ups and windows, each once."""
        used = [*self.setups.values(), *self.windows.values()]
        return list(dict.fromkeys(each.data for each in used))

    def images(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what the images of set-ups depend on, as plain values by set-up."""
        return {name: selection(self.study, self.setups[name].data).dump() for name in names}

    def trainings_estimate(self, names: Sequence[str]) -> Estimate:
        """Return the estimate of training the ensembles of several set-ups in one job."""
        return in_turn([self.training_estimate(name, 0) for name in names], self._training_start)

    def all_fits_estimate(self, names: Sequence[str]) -> Estimate:
        """Return the estimate of fitting the operators of several set-ups in one job."""
        return in_turn([self.fits_estimate(name) for name in names], START_SECONDS)

    def training_estimate(self, setup: str, part: int) -> Estimate:
        """Return the estimate of training one part of a set-up's ensemble."""
        settings, (first, stop) = self.setups[setup], self.parts[part]
        return self._trained(settings, (stop - first) * self.training.copies, self.training.states(settings.steps))

    def windows_estimate(self, name: str) -> Estimate:
        """Return the estimate of training the networks of a study of windows."""
        windows = self.windows[name]
        return self._trained(windows, windows.seeds * windows.copies, windows.steps + 1)

    def _trained(self, settings: Setup, replicas: int, states: int) -> Estimate:
        data = selection(self.study, settings.data)
        work = Training(settings.model, data, settings.batch_size, settings.steps, replicas)
        return replace(
            training(work, machine(self.study)), disk_mb=0.1 + recorded_mb(replicas, states, self.observed(settings))
        )

    def observed(self, settings: Setup) -> float:
        """Return the number of recorded parameters of a set-up's network."""
        _, shape = images(selection(self.study, settings.data))
        parameters = network(settings.model, shape).parameters
        if settings.koopman.observables == ("last",):
            return min(parameters, OUTPUTS * (settings.model.widths or (100,))[-1])
        return parameters

    def fits_estimate(self, setup: str) -> Estimate:
        """Return the estimate of fitting an operator to each seed of a set-up.

        The Gram matrix takes its smaller side squared times the larger. Of the side that it has with
        delays, all modes take the cube, and a few leading ones some tens of products with a vector.
        """
        settings, observed = self.setups[setup], self.observed(self.setups[setup])
        columns = self.training.copies * self.training.states(settings.steps)
        plain, side = min(observed, columns), min(observed * (settings.koopman.delays + 1), columns)
        speed = PER_THREAD * self.study.threads
        modes = 3 * side**3 / speed
        if settings.koopman.one_size:
            modes = min(modes, LEADING_SECONDS * side**2)
        seconds = 0.02 + 2 * observed * columns * plain / speed + modes
        read = recorded_mb(self.training.seeds * self.training.copies, self.training.states(settings.steps), observed)
        held = 6 * 8 * side**2 / 2**20 + min(2 * read, READ_MB)
        # 200 bytes for each eigenvalue of each rank, in a table that also lists losses
        written = self.training.seeds * (100 * self.training.largest_rank**2 + 1000) / 2**20
        return Estimate(LIBRARIES_MB + held, START_SECONDS + self.training.seeds * seconds, written)

    def comparison_estimate(self) -> Estimate:
        """Return the estimate of comparing set-ups: pairs of set-ups, pairs of their seeds, and
        shuffles."""
        pairs = sum(math.comb(len(names), 2) + len(names) for names in self.training.comparisons.values())
        each = self.training.shuffles + self.training.seeds * self.training.largest_rank
        seconds = DISTANCE_SECONDS * pairs * self.training.seeds * each
        if self.training.distance == "dsa":
            seconds += DSA_SECONDS * 3 * pairs * self.training.seeds**2  # at three ranks
        return small(START_SECONDS + seconds)


def plan(study: Study) -> Equivalence:
    """Return the plan of the stage; refuse set-ups and comparisons that do not fit together."""
    settings = study.equivalence.training
    found = setups(settings, study.data)
    if settings.distance == "reliability":
        _refuse_unequal_sizes(found)
    return Equivalence(
        study,
        found,
        parts(settings.seeds, settings.copies, study.replicas_per_job),
        window_studies(study.equivalence, study.data),
    )


def _refuse_unequal_sizes(setups: dict[str, Setup]) -> None:
    """Refuse ranks that may differ between seeds or set-ups, whose eigenvalues cannot be matched."""
    ranks = {setup.koopman.rank for setup in setups.values()}
    for name, setup in sorted(setups.items(), key=lambda named: named[1].koopman.one_size):
        if len(ranks) > 1 or not setup.koopman.one_size:
            raise KoopflowError(
                f"equivalence.training.setups.{name}.koopman.rank: must be stable, or a whole number that all set-ups "
                f"share, for the distance reliability (got {setup.koopman.rank})"
            )


def figures(plan: Equivalence) -> list[Figure]:
    """Return the figures of the stage."""
    stems = ("optimizers_runs", "optimizers_spectra", *(f"equivalence_{kind}" for kind in ("spectra", "distances")))
    kinds = ("distance_matrix", "losses", "ranks", *(["windows"] if plan.windows else []))
    return [Figure(stem) for stem in (*stems, *(f"equivalence_{kind}" for kind in kinds))]


STAGE = Stage(
    name="equivalence",
    order=20,
    blocks={"equivalence": EquivalenceSettings},
    plan=plan,
    section=Section(
        "When are two ways of training the same dynamics?",
        place=20,
        captions=(
            "optimizers_runs",
            "optimizers_spectra",
            "equivalence_losses",
            "equivalence_spectra",
            "equivalence_distances",
            "equivalence_tests",
            "equivalence_ranks",
            "equivalence_distance_matrix",
            "equivalence_windows",
        ),
    ),
    figures=figures,
    tables=(Table("equivalence_tests", "equivalence/training/tests.csv", "koopflow.cli.report_tables:setups"),),
    claimed=(
        "equivalence/optimizers/distances.csv",
        "equivalence/training/distances.csv",
        "equivalence/training/rank_distances.csv",
    ),
    check=Check(
        "koopflow.studies.checks.equivalence:check",
        settings=lambda plan: {
            "setups": {name: setup.dump() for name, setup in plan.setups.items()},
            "windows": {name: windows.setup() for name, windows in plan.windows.items()},
            "data": {name: data.dump() for name, data in plan.study.data.items()},
            "data_root": plan.study.data_root,
            "seed": plan.study.seed,
        },
        environment=lambda plan: "training",
        trains=True,
        estimate=lambda plan: loading([selection(plan.study, name) for name in plan.data_sets]),
    ),
)
