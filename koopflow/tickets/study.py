"""One study of tickets, from its block of the config: which networks, which chains, which rounds."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from koopflow.errors import KoopflowError
from koopflow.tickets import imp, mlp
from koopflow.tickets.chain import Chain
from koopflow.tickets.tables import rounds_table
from koopflow.tickets.transfer import transfer_to


def setup_of(study: Mapping) -> mlp.Setup:
    """Read how a network is trained; refuse what the batched trainer does not do, in one line."""
    model, optimizer = study["model"], study["optimizer"]
    for key, found, accepted in (
        ("model.name", model.get("name", "mlp"), "mlp"),
        ("model.activation", model.get("activation", "relu"), "relu"),
        ("model.bias", model.get("bias", False), False),
        ("optimizer.name", optimizer.get("name", "sgd"), "sgd"),
    ):
        if found != accepted:
            raise KoopflowError(
                f"tickets.{key}: found {found}, accepted here is {accepted}; read other rounds through tickets.external"
            )
    return mlp.Setup(
        widths=tuple(model["widths"]),
        learning_rate=optimizer.get("learning_rate", 0.1),
        momentum=optimizer.get("momentum", 0.0),
        weight_decay=optimizer.get("weight_decay", 0.0),
        batch_size=study["batch_size"],
        steps=study["steps"],
    )


def model_name(study: Mapping) -> str:
    """Return the model as tables name it.

    >>> model_name({"model": {"name": "mlp", "widths": [300, 100]}})
    'mlp-300-100'
    """
    return "-".join([study["model"].get("name", "mlp"), *map(str, study["model"]["widths"])])


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
    controls = imp.run_controls(setup_of(study), images, chain, rounds)
    return rounds_table(chain, task, model_name(study), controls, rounds)


def train_transfers(target: str, images, study: Mapping, chains: Mapping[str, Chain]) -> dict[str, np.ndarray]:
    """Train every other task's tickets on `target`; accuracies (round, seed) by source."""
    sources = {name: chain for name, chain in chains.items() if name != target}
    return transfer_to(setup_of(study), images, chains[target], sources, transfer_rounds(study, chains))
