"""How the networks of tickets are trained: by the ensemble trainer, with states as arrays by name.

A network's state maps names to arrays (row, ...), one row per network: its parameters and, if any,
running statistics. Parameters with at least two axes may be pruned; masks name only these.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.config.tickets import TicketJob
from koopflow.config.training import ModelSettings, OptimizerSettings
from koopflow.core import progress
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, Recipe, Start
from koopflow.training.ensemble import train as train_ensemble
from koopflow.training.hooks import Keep, Progress
from koopflow.training.layout import Layout
from koopflow.training.recipe import describe_setup
from koopflow.training.replicas import Replicas, initial_weights

State = Mapping[str, NDArray[Any]]
"""Parameters and running statistics by name, (row, ...) each."""
Masks = Mapping[str, NDArray[np.bool_]]
"""Surviving weights by name, (row, ...) each; True survives."""


@dataclass(frozen=True)
class Setup:
    """How every network of a chain is trained in each round.

    Attributes
    ----------
    model : ModelSettings
    optimizer : OptimizerSettings
    batch_size, steps : int
        Images per step, and optimizer steps from the first to the end of a round.
    device : str
    checkpoints : str, optional
        Folder in which an interrupted training is kept.
    interval : int, optional
        Optimizer steps between checkpoints.
    """

    model: ModelSettings
    optimizer: OptimizerSettings
    batch_size: int
    steps: int
    device: str = "auto"
    checkpoints: str | None = None
    interval: int | None = None

    @classmethod
    def of(cls, job: TicketJob, checkpoints: str | None = None) -> "Setup":
        """Return the set-up of a job of a study."""
        return cls(job.model, job.optimizer, job.batch_size, job.steps, job.device, checkpoints, job.interval)

    def describe(self) -> dict[str, Any]:
        """Return what the numbers depend on, as plain values."""
        return describe_setup(self)


@dataclass(frozen=True)
class Rows:
    """Networks to train, one row each.

    Attributes
    ----------
    weights : mapping of str to array (row, ...)
        Parameters and running statistics to start from.
    masks : mapping of str to bool array (row, ...)
        Survivors among the prunable weights.
    seeds : sequence of int, (row,)
        The seed of each row, in equal numbers per seed; rows of one seed see the same batches.
    """

    weights: State
    masks: Masks
    seeds: Sequence[int]

    @classmethod
    def stack(cls, weights: Sequence[State], masks: Sequence[Masks], seeds: Sequence[int]) -> "Rows":
        """Return rows from one state (...), one mask (...) and one seed per network."""
        return cls(_stacked(weights), _stacked(masks), list(seeds))


@dataclass(frozen=True)
class Outcome:
    """The result of training.

    Attributes
    ----------
    weights : dict of str to array (row, ...)
        After the last step.
    accuracy : array (row,)
        Accuracy on the test images; NaN for rows that diverged.
    kept : dict of int to dict of str to array (row, ...)
        The states at the requested steps.
    """

    weights: dict[str, NDArray[np.float32]]
    accuracy: NDArray[np.float64]
    kept: dict[int, dict[str, NDArray[np.float32]]] = field(default_factory=dict)


def initialize(
    setup: Setup, images: Images, seed: int, replicas: Sequence[int], stream: str = "initial"
) -> dict[str, NDArray[np.float32]]:
    """Return initial states (replica, ...), drawn by the names of seeds and equal for every
    task."""
    net = Replicas(setup.model, images.shape, images.classes, len(replicas), device="cpu")
    names = [str(replica) for replica in replicas]
    rows = initial_weights(
        setup.model, images.shape, images.classes, seed=seed, stream=("tickets", stream), groups=names
    )
    return _split(net.layout, rows) | _split(net.buffer_layout, net.buffers.rows())


def prunable(weights: State) -> list[str]:
    """Return the names of the prunable parameters: matrices and kernels."""
    return [name for name, values in weights.items() if values.ndim >= 3]


def train(
    setup: Setup,
    images: Images,
    rows: Rows,
    seed: int,
    stream: str,
    first_step: int = 0,
    keep: Collection[int] = (),
) -> Outcome:
    """Train every row from `first_step` to the end, as one ensemble.

    Parameters
    ----------
    setup : Setup
    images : Images
    rows : Rows
    seed : int
        The run's seed.
    stream : str
        Name of the stream of batch orders.
    first_step : int
        The step to start at (a rewind step).
    keep : collection of int
        Steps whose states are kept.

    Raises
    ------
    KoopflowError
        If seeds have unequal numbers of rows, or the set-up does not fit the images.
    """
    seeds = list(rows.seeds)
    names = list(dict.fromkeys(seeds))
    copies = len(seeds) // len(names)
    if any(seeds.count(name) != copies for name in names):
        raise KoopflowError("tickets: every seed must have the same number of rows to be trained as one ensemble")
    # The ensemble trainer keeps the rows of one group together.
    order = np.argsort([names.index(replica) for replica in seeds], kind="stable")
    back = np.argsort(order)
    net = Replicas(setup.model, images.shape, images.classes, 1, device="cpu")
    held = {name: rows.masks.get(name, np.ones(rows.weights[name].shape, dtype=bool)) for name in net.layout.names}
    done = train_ensemble(
        Recipe.load(setup.describe()),
        images,
        Ensemble([str(name) for name in names], seed, ("tickets", stream), copies),
        start=Start(
            _join(net.layout, rows.weights)[order],
            _join(net.buffer_layout, rows.weights)[order] if net.buffer_layout.size else None,
            _join(net.layout, held)[order].astype(bool),
            first_step,
        ),
        hooks=[Keep(keep), Progress(progress.steps("training tickets"))],
        device=setup.device,
        checkpoint=Checkpoint(setup.checkpoints, every_steps=setup.interval) if setup.checkpoints else None,
    )

    def state(weights: NDArray[np.float32], buffers: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return _split(net.layout, weights[back]) | _split(net.buffer_layout, buffers[back])

    kept = {step: state(*pair) for step, pair in done.kept.items()}
    return Outcome(state(done.weights, done.buffers), done.accuracy[setup.steps][back], kept)


def _stacked(states: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.stack([state[name] for state in states]) for name in states[0]} if states else {}


def _split(layout: Layout, rows: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return rows (row, parameter) as {name: array (row, ...)}."""
    return {
        name: rows[:, layout.place(name)].reshape(len(rows), *shape).copy()
        for name, shape in zip(layout.names, layout.shapes)
    }


def _join(layout: Layout, tensors: State) -> NDArray[np.float32]:
    """Return {name: array (row, ...)} as rows (row, parameter)."""
    count = len(next(iter(tensors.values())))
    if not layout.names:
        return np.zeros((count, 0), dtype=np.float32)
    return np.concatenate(
        [np.asarray(tensors[name], dtype=np.float32).reshape(count, -1) for name in layout.names], axis=1
    )
