"""Train one network of a study and keep every optimizer step of the named windows; fine-tune under a mask."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from koopflow import seeds
from koopflow.errors import Diverged, KoopflowError
from koopflow.pruning.mask import Mask

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@dataclass(frozen=True)
class Snapshot:
    """One network at the end of an epoch.

    Attributes: `epoch`; `weights` (parameter,) float32; `states` (window + 1, parameter) float32 on disk, the last row being
    `weights`; `buffers`, running statistics by name; `loss`, mean over the window's batches; `seconds` of training so far.
    """

    epoch: int
    weights: np.ndarray
    states: np.ndarray
    buffers: dict[str, torch.Tensor]
    loss: float
    seconds: float


def layout(network: nn.Module) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return name and shape of each parameter, in the order of the flat vector."""
    return tuple((name, tuple(value.shape)) for name, value in network.named_parameters())


def flat(network: nn.Module) -> np.ndarray:
    """Return all parameters as one float32 vector."""
    return nn.utils.parameters_to_vector(network.parameters()).detach().numpy().copy()


def put(network: nn.Module, weights: np.ndarray, buffers: Mapping[str, torch.Tensor] | None = None) -> None:
    """Set all parameters from a copy of a flat vector, and the running statistics where given."""
    # A copy: the parameters become views of the vector, and what trains or prunes them in place must not reach the caller's array.
    nn.utils.vector_to_parameters(torch.from_numpy(np.array(weights, dtype=np.float32)), network.parameters())
    for name, value in network.named_buffers():
        if buffers and name in buffers:
            value.copy_(buffers[name])


def optimizer_and_schedule(network: nn.Module, settings: Mapping, steps: int):
    """Return the optimizer of `settings` ({name, learning_rate, ..., schedule: {name: constant, cosine or step}}) and its schedule."""
    options = {
        {"epsilon": "eps"}.get(key, key): value
        for key, value in settings.items()
        if key not in ("name", "learning_rate", "schedule")
    }
    if settings["name"] not in OPTIMIZERS:
        raise KoopflowError(f"optimizer.name: {settings['name']!r} is unknown; accepted are {', '.join(OPTIMIZERS)}")
    try:
        optimizer = OPTIMIZERS[settings["name"]](network.parameters(), lr=settings["learning_rate"], **options)
    except TypeError as error:
        raise KoopflowError(f"optimizer {settings['name']}: {error}") from None
    options = dict(settings.get("schedule", {}))
    schedule = options.pop("name", "constant")
    if schedule == "step" and set(options) <= {"milestones", "factor"}:
        milestones, factor = options.get("milestones", []), options.get("factor", 0.1)
        return optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, factor)
    if options:
        raise KoopflowError(f"optimizer.schedule: {sorted(options)[0]!r} is not used here; accepted are name, milestones, factor")
    if schedule == "constant":
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
    if schedule == "cosine":
        return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    raise KoopflowError(f"optimizer.schedule.name: {schedule!r} is unknown; accepted are constant, cosine, step")


def batches(count: int, size: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the indices of one epoch's batches in random order; a last partial batch is left out, so that steps are alike."""
    order = generator.permutation(count)
    for start in range(0, count - size + 1, size):
        yield order[start : start + size]


def train(
    network: nn.Module, images, settings: Mapping, generator: np.random.Generator, at: list[int], window: int, scratch: Path
) -> Iterator[Snapshot]:
    """Train `network` for settings["epochs"] epochs and yield a `Snapshot` at the end of each epoch of `at`.

    The states of a window go to one file in `scratch` as they come; only it, never the whole training, lies on disk.
    """
    import time

    x, y = torch.from_numpy(images.x_train), torch.from_numpy(images.y_train)
    per_epoch = len(x) // settings["batch_size"]
    check_window(window, at, per_epoch, settings["epochs"])
    optimizer, schedule = optimizer_and_schedule(network, settings["optimizer"], settings["epochs"] * per_epoch)
    ring = np.lib.format.open_memmap(
        scratch / "states.npy", mode="w+", dtype=np.float32, shape=(window + 1, sum(p.numel() for p in network.parameters()))
    )
    ends = [epoch * per_epoch for epoch in at]
    step, seconds = 0, 0.0
    for epoch in range(1, settings["epochs"] + 1):
        begun, losses = time.perf_counter(), []
        network.train()
        for index in batches(len(x), settings["batch_size"], generator):
            _capture(ring, network, step, ends, window)
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(network(x[index]), y[index])
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            losses.append(loss.detach())
        _capture(ring, network, step, ends, window)
        seconds += time.perf_counter() - begun
        weights = flat(network)
        if not np.isfinite(weights).all():
            raise Diverged(f"training diverged in epoch {epoch}: NaN or infinite weights; lower optimizer.learning_rate")
        if epoch in at:
            buffers = {name: value.clone() for name, value in network.named_buffers()}
            yield Snapshot(epoch, weights, ring, buffers, float(torch.stack(losses).mean()), seconds)


def _capture(ring: np.ndarray, network: nn.Module, step: int, ends: list[int], window: int) -> None:
    """Write the state into its row if a window is open; the states of a step that opens and closes windows are written once."""
    for end in ends:
        if end - window <= step <= end:
            ring[window - (end - step)] = nn.utils.parameters_to_vector(network.parameters()).detach().numpy()
            return


def check_window(window: int, at: list[int], per_epoch: int, epochs: int) -> None:
    """Raise KoopflowError where a window does not fit between the moments of pruning."""
    if max(at) > epochs or min(at) < 1:
        raise KoopflowError(f"prune_epochs: {at} found; accepted are epochs from 1 to {epochs}, the length of training")
    room = min(after - before for before, after in zip([0, *sorted(at)], sorted(at))) * per_epoch
    if not 2 <= window <= room:
        raise KoopflowError(
            f"window: {window} steps found, longer than training before it; accepted are 2 to {room} "
            f"(one epoch has {per_epoch} steps, prune_epochs are {at})"
        )


def mean_gradient(network: nn.Module, images, count: int) -> np.ndarray:
    """Return the gradient of the mean loss over the first `count` training images (all for 0), flat, in loss per weight."""
    network.eval()
    network.zero_grad(set_to_none=True)
    count = len(images.x_train) if count == 0 else min(count, len(images.x_train))
    for start in range(0, count, 1000):
        stop = min(start + 1000, count)
        x, y = (torch.from_numpy(part[start:stop]) for part in (images.x_train, images.y_train))
        (nn.functional.cross_entropy(network(x), y, reduction="sum") / count).backward()
    gradients = nn.utils.parameters_to_vector([p.grad for p in network.parameters()]).numpy().copy()
    network.zero_grad(set_to_none=True)
    return gradients


def fine_tune(network: nn.Module, mask: Mask, images, settings: Mapping, epochs: int, seed: int, *names: object) -> None:
    """Train `network` on under `mask`; neither momentum, Adam's moments nor weight decay revive a pruned weight."""
    x, y = torch.from_numpy(images.x_train), torch.from_numpy(images.y_train)
    held = [torch.from_numpy(mask[name].astype(np.float32)) for name, _ in network.named_parameters()]
    optimizer, _ = optimizer_and_schedule(network, {**settings["optimizer"], "schedule": {"name": "constant"}}, 1)
    generator = seeds.rng(seed, *names)
    hold(network, held)
    network.train()
    for _ in range(epochs):
        for index in batches(len(x), settings["batch_size"], generator):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(network(x[index]), y[index]).backward()
            optimizer.step()
            # After the step, not in the gradient: what moves a weight without a gradient (momentum, decay) is undone as well.
            hold(network, held)


@torch.no_grad()
def hold(network: nn.Module, held: list[torch.Tensor]) -> None:
    """Set the pruned weights to zero."""
    for parameter, kept in zip(network.parameters(), held):
        parameter.mul_(kept)
