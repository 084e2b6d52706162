"""Many masked multilayer perceptrons trained as one batched computation, with the gradient written out.

Iterative pruning of small networks is bound by overhead, not arithmetic: one process per network spends most of its time on loading
images and on launching small products. Here all replicas share the data in memory, and every layer is one batched product.
"""

from dataclasses import dataclass

import numpy as np
import torch

from koopflow import seeds
from koopflow.errors import KoopflowError


@dataclass(frozen=True)
class Setup:
    """How one network is trained: hidden `widths`, SGD with `momentum` and `weight_decay`, `steps` of `batch_size` images."""

    widths: tuple[int, ...]
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 60
    steps: int = 300

    def __post_init__(self):
        for key in ("batch_size", "steps"):
            if getattr(self, key) < 1:
                raise KoopflowError(f"tickets: {key}: found {getattr(self, key)}, accepted is an integer of at least 1")


def layer_names(setup: Setup) -> list[str]:
    """Return the weights' names in ``torch.nn.Sequential(Flatten, Linear, ReLU, Linear, …)``: ``1.weight``, ``3.weight`` …"""
    return [f"{2 * layer + 1}.weight" for layer in range(len(setup.widths) + 1)]


def initialize(
    setup: Setup, inputs: int, classes: int, seed: int, replicas: list[object], stream: str = "initial"
) -> dict[str, np.ndarray]:
    """Draw Kaiming-normal weights (He et al. 2015) for each replica from its own named stream, whatever task it will learn.

    Returns
    -------
    dict of str to float32 array (replica, output, input)
    """
    sizes = [inputs, *setup.widths, classes]
    drawn = {}
    for name, before, after in zip(layer_names(setup), sizes, sizes[1:]):
        draws = [seeds.rng(seed, "tickets", stream, replica, name).normal(size=(after, before)) for replica in replicas]
        drawn[name] = (np.stack(draws) * np.sqrt(2 / before)).astype(np.float32)
    return drawn


def batch_order(images: int, setup: Setup, seed: int, replica: object, stream: str = "batches") -> np.ndarray:
    """Return the image indices of every step, (step, batch_size): whole shuffled epochs, one after another."""
    generator = seeds.rng(seed, "tickets", stream, replica)
    needed = setup.steps * setup.batch_size
    epochs = [generator.permutation(images) for _ in range(-(-needed // images))]
    return np.concatenate(epochs)[:needed].reshape(setup.steps, setup.batch_size)


def train(
    setup: Setup,
    images,
    weights: dict[str, np.ndarray],
    masks: dict[str, np.ndarray],
    orders: np.ndarray,
    first_step: int = 0,
    stop: int | None = None,
) -> dict[str, np.ndarray]:
    """Train every replica from step `first_step` to `stop`; pruned weights are zero throughout.

    Parameters
    ----------
    images : koopflow.data Images
        Normalized images in memory.
    weights, masks : dict of str to array (replica, output, input)
        Starting weights, and survivors.
    orders : int array (replica, step, batch_size)
        `batch_order` of each replica.

    Returns
    -------
    dict of str to float32 array (replica, output, input)
        Trained weights; those of a diverged replica are not finite.
    """
    names = layer_names(setup)
    x = torch.from_numpy(np.ascontiguousarray(images.x_train.reshape(len(images.x_train), -1)))
    y = torch.from_numpy(images.y_train)
    held = [torch.from_numpy(masks[name].astype(np.float32)) for name in names]
    theta = [torch.from_numpy(weights[name].astype(np.float32)) * mask for name, mask in zip(names, held)]
    velocity = [torch.zeros_like(layer) for layer in theta]
    index = torch.from_numpy(np.ascontiguousarray(orders.transpose(1, 0, 2)))
    with torch.no_grad():
        for step in range(first_step, setup.steps if stop is None else stop):
            gradients = _gradients(theta, x[index[step]], y[index[step]])
            for layer, mask, speed, gradient in zip(theta, held, velocity, gradients):
                # Masking the gradient keeps pruned weights and their momentum at exactly zero; weight decay leaves zeros alone.
                gradient.mul_(mask)
                if setup.weight_decay:
                    gradient.add_(layer, alpha=setup.weight_decay)
                speed.mul_(setup.momentum).add_(gradient)
                layer.sub_(speed, alpha=setup.learning_rate)
    return {name: layer.numpy() for name, layer in zip(names, theta)}


def _gradients(theta: list[torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
    """Return the gradient of the mean cross entropy by every layer (replica, output, input), for x (replica, batch, input)."""
    activations = [x]
    for layer in theta[:-1]:
        activations.append(torch.bmm(activations[-1], layer.transpose(1, 2)).relu_())
    back = torch.softmax(torch.bmm(activations[-1], theta[-1].transpose(1, 2)), dim=2)
    back.scatter_add_(2, y[:, :, None], torch.full((*y.shape, 1), -1.0))
    back.div_(y.shape[1])
    gradients = []
    for layer, below in zip(reversed(theta), reversed(activations)):
        gradients.append(torch.bmm(back.transpose(1, 2), below))
        if len(gradients) < len(theta):
            back = torch.bmm(back, layer).mul_(below > 0)
    return gradients[::-1]


def accuracy(images, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Return each replica's share of test images classified right, (replica,); NaN for a diverged one."""
    x = torch.from_numpy(np.ascontiguousarray(images.x_test.reshape(len(images.x_test), -1)))
    y = torch.from_numpy(images.y_test)
    shares = []
    for replica in range(len(next(iter(weights.values())))):
        layers = [torch.from_numpy(layer[replica]) for layer in weights.values()]
        if not all(bool(torch.isfinite(layer).all()) for layer in layers):
            shares.append(np.nan)
            continue
        hidden = x
        for layer in layers[:-1]:
            hidden = (hidden @ layer.T).relu_()
        shares.append(float(((hidden @ layers[-1].T).argmax(dim=1) == y).float().mean()))
    return np.array(shares)
