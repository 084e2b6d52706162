"""The training jobs of a ticket study for one task."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from koopflow.config.tickets import External, TicketJob
from koopflow.data.images.sets import Images
from koopflow.io.columns import TICKET_ELASTIC
from koopflow.tickets import controls, imp, training
from koopflow.tickets.adopted import adopt_chain
from koopflow.tickets.chain import Chain
from koopflow.tickets.elastic import transfer_depth
from koopflow.tickets.plan import ChainPlan
from koopflow.tickets.transfer import transfer_to

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TaskJob:
    """One task of a study, and how its networks are trained.

    Attributes
    ----------
    task : str
    images : Images
    study : TicketJob
    seed : int
        The run's seed.
    checkpoints : path, optional
        Folder of the checkpoints of chains and of trainings.
    say : function of str
    elsewhere : External, optional
        Where the rounds of this task were pruned, if not here.
    """

    task: str
    images: Images
    study: TicketJob
    seed: int = 0
    checkpoints: str | Path | None = None
    say: imp.Say = print
    elsewhere: External | None = None

    @property
    def setup(self) -> training.Setup:
        """How each network is trained."""
        return training.Setup.of(
            self.study, None if self.checkpoints is None else str(Path(self.checkpoints, "training"))
        )

    def chain(
        self,
        rounds: int,
        seeds: int | None = None,
        composed: int = 1,
        stream: str = "batches",
        previous: str | Path | None = None,
    ) -> Chain:
        """Run a chain of the study's plan on this task, or read one from elsewhere; see
        `koopflow.tickets.plan.ChainPlan`."""
        plan = ChainPlan(
            self.task,
            self.study.seeds if seeds is None else seeds,
            self.study.fraction,
            self.study.scope,
            composed,
            self.study.rewind_step,
            self.seed,
            stream,
        )
        if self.elsewhere is not None:
            return adopt_chain(self.setup, self.images, plan, self.elsewhere, rounds, previous, self.say)
        folder = None if self.checkpoints is None else Path(self.checkpoints, "tickets")
        return imp.run_chain(self.setup, self.images, plan, rounds, checkpoints=folder, previous=previous, say=self.say)


def control_rounds(study: TicketJob, chain: Chain) -> dict[str, list[int]]:
    """Return the rounds of each control, as far as the chain goes.

    Random masks are trained for transferred rounds, too.
    """
    wanted = {control: set(study.controls.rounds) for control in controls.CONTROLS}
    wanted["random_mask"] |= set(study.transfer.rounds)
    return {
        control: [number for number in sorted(numbers) if number < chain.rounds] for control, numbers in wanted.items()
    }


def ticket_rounds(study: TicketJob, chain: Chain) -> list[int]:
    """Return the rounds whose tickets become files: those with a control, and the last."""
    return sorted(
        {number for numbers in control_rounds(study, chain).values() for number in numbers} | {chain.rounds - 1}
    )


def transfer_rounds(study: TicketJob, chains: Mapping[str, Chain]) -> list[int]:
    """Return the rounds whose tickets are transferred, as far as every chain goes."""
    return [number for number in study.transfer.rounds if number < min(chain.rounds for chain in chains.values())]


def train_composition(job: TaskJob, chain: Chain) -> tuple[Chain, Chain] | None:
    """Run the chain in large steps, and its small steps again with other batches.

    Return None if the study composes no seeds.
    """
    seeds = min(job.study.composition.seeds, job.study.seeds)
    if not seeds:
        return None
    large = job.chain((chain.rounds + 1) // 2, seeds, composed=2)
    return large, job.chain(chain.rounds, seeds, stream="batches again")


def train_controls(job: TaskJob, chain: Chain) -> "pd.DataFrame":
    """Train the controls of a chain, and return the table of its rounds."""
    from koopflow.tickets.tables import rounds_table  # imports pandas, which the other jobs do not need

    found = {
        control: (numbers, controls.run_control(job.setup, job.images, chain, numbers, control))
        for control, numbers in control_rounds(job.study, chain).items()
        if numbers
    }
    return rounds_table(chain, job.task, job.study.model.label, found)


def train_transfers(job: TaskJob, chains: Mapping[str, Chain]) -> dict[str, NDArray[np.float64]]:
    """Train the tickets of all other tasks on this one; return accuracies (round, seed) by
    source."""
    sources = {name: chain for name, chain in chains.items() if name != job.task}
    return transfer_to(job.setup, job.images, chains[job.task], sources, transfer_rounds(job.study, chains))


def train_stretched(
    job: TaskJob, comparison: str, target: Chain, sources: Mapping[str, Chain], rounds: list[int]
) -> "pd.DataFrame":
    """Train tickets of other depths, stretched to the depth of `target`.

    Parameters
    ----------
    job : TaskJob
        Job of the target.
    comparison : str
        Name of the elastic comparison.
    target : Chain
    sources : mapping of str to Chain
        Chains of other depths, by the names of their networks.
    rounds : list of int
        Rounds whose tickets are stretched, as far as both chains go.

    Returns
    -------
    DataFrame
        The comparison's rows of ``tickets/elastic.csv``.
    """
    import pandas as pd

    rows = []
    for source, chain in sources.items():
        numbers = [number for number in rounds if number < min(chain.rounds, target.rounds)]
        common = {
            "comparison": comparison,
            "task": target.origin.task,
            "source": source,
            "target": job.study.model.label,
        }
        excluded = {"excluded": job.study.seeds - len(set(chain.seeds) & set(target.seeds))}
        rows += [common | excluded | row for row in transfer_depth(chain, target, job.setup, job.images, numbers)]
    return pd.DataFrame(rows, columns=[*TICKET_ELASTIC, "excluded"])
