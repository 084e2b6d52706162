"""One door to two trainers: small fully connected networks by their own batched loop, every other network by koopflow.training.

A network's state is a dict of arrays (replica, ...): its parameters and, where it has them, running statistics. What may be pruned
are the parameters of at least two axes; masks name these alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from koopflow.errors import KoopflowError
from koopflow.tickets import mlp


@dataclass(frozen=True)
class Network:
    """Any network that `koopflow.training` builds and trains: `setup` has model, optimizer, batch_size and steps.

    Where a folder of `checkpoints` is given, a round that was interrupted goes on from its last checkpoint.
    """

    setup: Mapping
    device: str = "auto"
    checkpoints: str | None = None

    @property
    def steps(self) -> int:
        """Optimizer steps of one round."""
        return self.setup["steps"]


Setup = mlp.Setup | Network


def describe(setup: Setup) -> dict:
    """Return the set-up as plain values, for provenance and for the names of checkpoints."""
    return vars(setup) | {"widths": list(setup.widths)} if isinstance(setup, mlp.Setup) else dict(setup.setup)


def initialize(setup: Setup, images, seed: int, replicas: Sequence, stream: str = "initial") -> dict[str, np.ndarray]:
    """Draw first states, a replica's from its own name; the same whatever task it will learn."""
    if isinstance(setup, mlp.Setup):
        return mlp.initialize(setup, images.x_train[0].size, images.classes, seed, list(replicas), stream)
    from koopflow.training.replicas import Replicas, initial_weights

    net = Replicas(setup.setup["model"], images.shape, images.classes, len(replicas), device="cpu")
    names = [str(replica) for replica in replicas]
    rows = initial_weights(
        setup.setup["model"],
        images.shape,
        images.classes,
        seed=seed,
        stream=("tickets", stream),
        groups=names,
        copies=1,
        perturbation=0.0,
    )
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
    stop: int | None = None,
) -> dict[str, np.ndarray]:
    """Train every row from `first_step` to `stop`; those that belong to one seed see the same batches.

    Parameters
    ----------
    weights, masks : mapping of str to array (row, ...)
        Starting states, and survivors of what may be pruned.
    replicas : sequence of int, (row,)
        The seed that each row belongs to; in equal numbers per seed.
    """
    if isinstance(setup, mlp.Setup):
        drawn = {replica: mlp.batch_order(len(images.x_train), setup, seed, replica, stream) for replica in set(replicas)}
        orders = np.stack([drawn[replica] for replica in replicas])
        return mlp.train(setup, images, weights, masks, orders, first_step, stop)
    return _train_network(setup, images, weights, masks, list(replicas), seed, stream, first_step, stop)


def _train_network(setup, images, weights, masks, replicas, seed, stream, first_step, stop) -> dict[str, np.ndarray]:
    from koopflow.training.checkpoint import Checkpoint
    from koopflow.training.ensemble import train as train_ensemble
    from koopflow.training.replicas import Replicas

    names = list(dict.fromkeys(replicas))
    copies = len(replicas) // len(names)
    if any(replicas.count(name) != copies for name in names):
        raise KoopflowError("tickets: every seed must have as many rows as the others to be trained as one ensemble")
    # The ensemble trainer keeps the rows of one group together.
    order = np.argsort([names.index(replica) for replica in replicas], kind="stable")
    net = Replicas(setup.setup["model"], images.shape, images.classes, 1, device="cpu")
    held = {name: masks.get(name, np.ones(weights[name].shape, dtype=bool)) for name in net.layout.names}
    steps = setup.steps if stop is None else stop
    done = train_ensemble(
        setup.setup,
        images,
        seed=seed,
        groups=[str(name) for name in names],
        stream=("tickets", stream),
        copies=copies,
        initial=_join(net.layout, weights)[order],
        initial_buffers=_join(net.buffer_layout, weights)[order] if net.buffer_layout.size else None,
        masks=_join(net.layout, held)[order].astype(bool),
        first_step=first_step,
        keep=[steps],
        device=setup.device,
        checkpoint=Checkpoint(setup.checkpoints) if setup.checkpoints else None,
    )
    rows, buffers = done.kept[steps]
    back = np.argsort(order)
    return _split(net.layout, rows[back]) | _split(net.buffer_layout, buffers[back])


def accuracy(setup: Setup, images, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return each row's share of test images classified right, (row,); NaN for a diverged one."""
    if isinstance(setup, mlp.Setup):
        return mlp.accuracy(images, weights)
    from koopflow.training.evaluation import score
    from koopflow.training.replicas import Replicas

    net = Replicas(setup.setup["model"], images.shape, images.classes, 1, device="cpu")
    rows = _join(net.layout, weights)
    sound = np.isfinite(rows).all(axis=1)
    found = np.full(len(rows), np.nan)
    if sound.any():
        buffers = _join(net.buffer_layout, weights)[sound] if net.buffer_layout.size else None
        found[sound] = score(setup.setup["model"], rows[sound], images, buffers=buffers, device=setup.device)[0]
    return found


def _split(layout, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return rows (row, parameter) as {name: array (row, ...)}."""
    return {name: rows[:, layout.place(name)].reshape(len(rows), *shape).copy() for name, shape in zip(layout.names, layout.shapes)}


def _join(layout, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return {name: array (row, ...)} as rows (row, parameter)."""
    count = len(next(iter(tensors.values())))
    if not layout.names:
        return np.zeros((count, 0), dtype=np.float32)
    return np.concatenate([np.asarray(tensors[name], dtype=np.float32).reshape(count, -1) for name in layout.names], axis=1)
