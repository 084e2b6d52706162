"""One study of tickets, from its block of the config: which networks, which chains, which rounds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from koopflow.tickets import controls, imp, mlp, trainers
from koopflow.tickets.chain import Chain
from koopflow.tickets.tables import model_name, rounds_table
from koopflow.tickets.transfer import transfer_to


def setup_of(study: Mapping) -> trainers.Setup:
    """Read how a network is trained: plain multilayer perceptrons by the batched loop, everything else by koopflow.training."""
    model, optimizer = study["model"], study["optimizer"]
    simple = model.get("name", "mlp") == "mlp" and optimizer.get("name", "sgd") == "sgd"
    simple = simple and model.get("activation", "relu") == "relu" and not model.get("bias", False)
    if not simple or optimizer.get("schedule", {}).get("name", "constant") != "constant" or optimizer.get("nesterov", False):
        keys = ("model", "optimizer", "batch_size", "steps")
        return trainers.Network({key: study[key] for key in keys}, checkpoints=study.get("checkpoints"))
    return mlp.Setup(
        widths=tuple(model["widths"]),
        learning_rate=optimizer.get("learning_rate", 0.1),
        momentum=optimizer.get("momentum", 0.0),
        weight_decay=optimizer.get("weight_decay", 0.0),
        batch_size=study["batch_size"],
        steps=study["steps"],
    )


def control_rounds(study: Mapping, chain: Chain) -> list[int]:
    """Return the rounds that have controls: those asked for, and those whose tickets are transferred, as far as the chain goes."""
    wanted = {*study["controls"]["rounds"], *study["transfer"]["rounds"]}
    return [number for number in sorted(wanted) if number < chain.rounds]


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
) -> tuple[Chain, Chain]:
    """Run two small steps as one large one, and the small steps once more with other batches."""
    common = {"task": task, "seeds": min(study["composition"]["seeds"], study["seeds"]), "scope": study["scope"], "seed": seed}
    common |= {"rewind_step": study["rewind_step"], "checkpoints": checkpoints, "say": say}
    common |= {"fraction": study["fraction"]}
    large = imp.run_chain(setup_of(study), images, rounds=(chain.rounds + 1) // 2, composed=2, **common)
    rerun = imp.run_chain(setup_of(study), images, rounds=chain.rounds, stream="batches again", **common)
    return large, rerun


def train_controls(task: str, images, study: Mapping, chain: Chain) -> pd.DataFrame:
    """Train the controls and return the rounds table of one task."""
    rounds = control_rounds(study, chain)
    found = controls.run_controls(setup_of(study), images, chain, rounds)
    return rounds_table(chain, task, model_name(study["model"]), found, rounds)


def train_transfers(target: str, images, study: Mapping, chains: Mapping[str, Chain]) -> dict[str, np.ndarray]:
    """Train every other task's tickets on `target`; accuracies (round, seed) by source."""
    sources = {name: chain for name, chain in chains.items() if name != target}
    return transfer_to(setup_of(study), images, chains[target], sources, transfer_rounds(study, chains))
