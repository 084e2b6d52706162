"""The stage ``spectra``: Koopman spectra of the user's own training runs."""

from dataclasses import dataclass
from typing import Any

from koopflow.config.common import Name
from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.config.study import Study
from koopflow.io.paths import existing, read_from, takes_torch
from koopflow.studies.stage import Check, Figure, Section, Stage
from koopflow.workflow.estimates import LIBRARIES_MB, START_SECONDS, Estimate
from koopflow.workflow.workloads import bytes_in

DISK = 5e7  # bytes per second read from a shared disk


@dataclass(frozen=True)
class Spectra:
    """The trajectories of a study."""

    trajectories: dict[str, TrajectorySettings]

    @property
    def environment(self) -> str:
        """The conda environment that reads the trajectories. Only checkpoints need torch, a large
        package."""
        return "checkpoints" if takes_torch(self.plain) else "koopman"

    @property
    def windows(self) -> list[str]:
        """The trajectories with windows."""
        return [name for name, trajectory in self.trajectories.items() if trajectory.windows is not None]

    @property
    def plain(self) -> dict[str, Any]:
        """The trajectories as plain values."""
        return {name: trajectory.dump() for name, trajectory in self.trajectories.items()}

    def files(self, name: str) -> list[str]:
        """Return the files of a trajectory."""
        return read_from(list(self.trajectories[name].paths))

    def fit_estimate(self, name: str) -> Estimate:
        """Return the estimate of fitting a trajectory, which is read twice, in blocks."""
        trajectory = self.trajectories[name]
        size = bytes_in(trajectory.paths)
        return Estimate(
            LIBRARIES_MB + 400 + min(size / 2**20, 1000), START_SECONDS + size * (trajectory.delays + 2) / DISK
        )


def plan(study: Study) -> Spectra:
    """Return the plan of the stage; refuse missing trajectories."""
    found = Spectra(study.trajectories)
    existing(found.plain)
    return found


def figures(plan: Spectra) -> list[Figure]:
    """Return the figures of the stage."""
    spectra = [Figure("trajectories_spectra")] if plan.trajectories else []
    return [*spectra, Figure("trajectories_windows")] if plan.windows else spectra


STAGE = Stage(
    name="spectra",
    order=10,
    blocks={"trajectories": dict[Name, TrajectorySettings], "spectra": SpectraSettings},
    plan=plan,
    section=Section("Trajectories of one's own", place=5, captions=("trajectories_spectra", "trajectories_windows")),
    figures=figures,
    check=Check(
        "koopflow.studies.checks.spectra:check",
        settings=lambda plan: {"trajectories": plan.plain},
        environment=lambda plan: plan.environment,
        files=lambda plan: [file for name in plan.trajectories for file in plan.files(name)],
    ),
)
