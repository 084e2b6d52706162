"""One study of tickets, from its block of the config: which networks, which chains, which rounds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from koopflow.io.columns import TICKET_ELASTIC
from koopflow.tickets import controls, imp, training
from koopflow.tickets.chain import Chain
from koopflow.tickets.checks import model_name
from koopflow.tickets.elastic import transfer_depth
from koopflow.tickets.tables import rounds_table
from koopflow.tickets.transfer import transfer_to


def setup_of(study: Mapping) -> training.Setup:
    """Read how a network is trained."""
    keys = ("model", "optimizer", "batch_size", "steps")
    optional = {"device", "checkpoints", "interval"} & set(study)
    return training.Setup(**{key: study[key] for key in (*keys, *optional)})


def control_rounds(study: Mapping, chain: Chain) -> dict[str, list[int]]:
    """Return the rounds of each control, as far as the chain goes: those asked for; random masks at the rounds that are transferred too."""
    wanted = {control: set(study["controls"]["rounds"]) for control in controls.CONTROLS}
    wanted["random_mask"] |= set(study["transfer"]["rounds"])
    return {control: [number for number in sorted(numbers) if number < chain.rounds] for control, numbers in wanted.items()}


def ticket_rounds(study: Mapping, chain: Chain) -> list[int]:
    """Return the rounds whose tickets become files: those that have a control, and the last."""
    return sorted({number for numbers in control_rounds(study, chain).values() for number in numbers} | {chain.rounds - 1})


def transfer_rounds(study: Mapping, chains: Mapping[str, Chain]) -> list[int]:
    """Return the rounds whose tickets are transferred, as far as every chain goes."""
    return [number for number in study["transfer"]["rounds"] if number < min(chain.rounds for chain in chains.values())]


def train_rounds(task: str, images, study: Mapping, seed: int, rounds: int, checkpoints: Path, previous=None, say=print) -> Chain:
    """Run the chain of small steps of one task up to `rounds`."""
    return imp.run_chain(
        setup_of(study),
        images,
        task=task,
        rounds=rounds,
        seeds=study["seeds"],
        fraction=study["fraction"],
        scope=study["scope"],
        rewind_step=study["rewind_step"],
        seed=seed,
        checkpoints=checkpoints,
        previous=previous,
        say=say,
    )


def train_composition(
    task: str, images, study: Mapping, seed: int, chain: Chain, checkpoints: Path, say=print
) -> tuple[Chain, Chain] | None:
    """Run two small steps as one large one, and the small steps once more with other batches; nothing where no seeds are asked for."""
    seeds = min(study["composition"]["seeds"], study["seeds"])
    if not seeds:
        return None
    common = {"task": task, "seeds": seeds, "scope": study["scope"], "seed": seed, "fraction": study["fraction"]}
    common |= {"rewind_step": study["rewind_step"], "checkpoints": checkpoints, "say": say}
    large = imp.run_chain(setup_of(study), images, rounds=(chain.rounds + 1) // 2, composed=2, **common)
    rerun = imp.run_chain(setup_of(study), images, rounds=chain.rounds, stream="batches again", **common)
    return large, rerun


def train_controls(task: str, images, study: Mapping, chain: Chain) -> pd.DataFrame:
    """Train the controls and return the rounds table of one task."""
    rounds = control_rounds(study, chain)
    found = {
        control: (numbers, controls.run_control(setup_of(study), images, chain, numbers, control))
        for control, numbers in rounds.items()
        if numbers
    }
    return rounds_table(chain, task, model_name(study["model"]), found)


def train_transfers(target: str, images, study: Mapping, chains: Mapping[str, Chain]) -> dict[str, np.ndarray]:
    """Train every other task's tickets on `target`; accuracies (round, seed) by source."""
    sources = {name: chain for name, chain in chains.items() if name != target}
    return transfer_to(setup_of(study), images, chains[target], sources, transfer_rounds(study, chains))


def train_stretched(
    name: str, images, study: Mapping, target: Chain, sources: Mapping[str, Chain], rounds: list[int]
) -> pd.DataFrame:
    """Train the tickets of other depths, stretched to the depth of `target`; rows of the elastic table of the comparison `name`."""
    rows = []
    for source, chain in sources.items():
        numbers = [number for number in rounds if number < min(chain.rounds, target.rounds)]
        common = {"comparison": name, "task": target.study["task"], "source": source, "target": model_name(study["model"])}
        common["excluded"] = study["seeds"] - len(set(chain.seeds) & set(target.seeds))
        rows += [common | row for row in transfer_depth(chain, target, setup_of(study), images, numbers)]
    return pd.DataFrame(rows, columns=[*TICKET_ELASTIC, "excluded"])
