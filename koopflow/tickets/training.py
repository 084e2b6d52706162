"""How tickets are trained: the house's ensemble trainer, with states as dicts of named arrays.

A network's state is a dict of arrays (row, ...): its parameters and, where it has them, running statistics. What may be pruned are the
parameters of at least two axes; masks name these alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, Recipe, Start
from koopflow.training.ensemble import train as train_ensemble
from koopflow.training.hooks import Keep
from koopflow.training.layout import Layout
from koopflow.training.replicas import Replicas, initial_weights


@dataclass(frozen=True)
class Setup:
    """How every network of a chain is trained in each round.

    Where a folder of `checkpoints` is given, training is saved there every `interval` steps (and every minute), and a round that was
    interrupted goes on from the last checkpoint.
    """

    model: Mapping
    optimizer: Mapping
    batch_size: int
    steps: int
    device: str = "auto"
    checkpoints: str | None = None
    interval: int | None = None

    def describe(self) -> dict:
        """Return what decides the numbers, as plain values, for provenance and for the names of checkpoints."""
        return {"model": self.model, "optimizer": self.optimizer, "batch_size": self.batch_size, "steps": self.steps}


@dataclass(frozen=True)
class Outcome:
    """`weights` after the last step, `accuracy` (row,) on the test images (NaN: diverged), and the states `kept` at chosen steps."""

    weights: dict[str, np.ndarray]
    accuracy: np.ndarray
    kept: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)


def initialize(setup: Setup, images, seed: int, replicas: Sequence, stream: str = "initial") -> dict[str, np.ndarray]:
    """Draw first states, a replica's from its own name; the same whatever task it will learn."""
    net = Replicas(setup.model, images.shape, images.classes, len(replicas), device="cpu")
    names = [str(replica) for replica in replicas]
    rows = initial_weights(setup.model, images.shape, images.classes, seed=seed, stream=("tickets", stream), groups=names)
    return _split(net.layout, rows) | _split(net.buffer_layout, net.buffers.rows())


def prunable(weights: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of what may be pruned: matrices and kernels, not biases, normalization or running statistics."""
    return [name for name, values in weights.items() if values.ndim >= 3]


def train(
    setup: Setup,
    images,
    weights: Mapping[str, np.ndarray],
    masks: Mapping[str, np.ndarray],
    replicas: Sequence[int],
    seed: int,
    stream: str,
    first_step: int = 0,
    keep: Collection[int] = (),
) -> Outcome:
    """Train every row from `first_step` to the end; rows that belong to one seed see the same batches.

    Parameters
    ----------
    weights, masks : mapping of str to array (row, ...)
        Starting states, and survivors of what may be pruned.
    replicas : sequence of int, (row,)
        The seed that each row belongs to; in equal numbers per seed.
    stream : str
        Name of the stream of batch orders.
    keep : collection of int
        Steps whose states are kept (rewind points).

    Raises
    ------
    KoopflowError
        When seeds have unequal numbers of rows, or the set-up does not fit the images.
    """
    replicas = list(replicas)
    names = list(dict.fromkeys(replicas))
    copies = len(replicas) // len(names)
    if any(replicas.count(name) != copies for name in names):
        raise KoopflowError("tickets: every seed must have as many rows as the others to be trained as one ensemble")
    # The ensemble trainer keeps the rows of one group together.
    order = np.argsort([names.index(replica) for replica in replicas], kind="stable")
    back = np.argsort(order)
    net = Replicas(setup.model, images.shape, images.classes, 1, device="cpu")
    held = {name: masks.get(name, np.ones(weights[name].shape, dtype=bool)) for name in net.layout.names}
    done = train_ensemble(
        Recipe.load(setup.describe()),
        images,
        Ensemble([str(name) for name in names], seed, ("tickets", stream), copies),
        start=Start(
            _join(net.layout, weights)[order],
            _join(net.buffer_layout, weights)[order] if net.buffer_layout.size else None,
            _join(net.layout, held)[order].astype(bool),
            first_step,
        ),
        hooks=[Keep(keep)],
        device=setup.device,
        checkpoint=Checkpoint(setup.checkpoints, every_steps=setup.interval) if setup.checkpoints else None,
    )

    def state(rows: np.ndarray, buffers: np.ndarray) -> dict[str, np.ndarray]:
        return _split(net.layout, rows[back]) | _split(net.buffer_layout, buffers[back])

    kept = {step: state(*pair) for step, pair in done.kept.items()}
    return Outcome(state(done.weights, done.buffers), done.accuracy[setup.steps][back], kept)


def _split(layout: Layout, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return rows (row, parameter) as {name: array (row, ...)}."""
    return {name: rows[:, layout.place(name)].reshape(len(rows), *shape).copy() for name, shape in zip(layout.names, layout.shapes)}


def _join(layout: Layout, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return {name: array (row, ...)} as rows (row, parameter)."""
    count = len(next(iter(tensors.values())))
    if not layout.names:
        return np.zeros((count, 0), dtype=np.float32)
    return np.concatenate([np.asarray(tensors[name], dtype=np.float32).reshape(count, -1) for name in layout.names], axis=1)
