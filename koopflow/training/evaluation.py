"""Accuracies, losses and gradients of many sets of weights at once."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training.models.build import ModelSpec
from koopflow.training.replicas import Replicas


def score(
    model: ModelSpec,
    weights: NDArray[np.float32],
    images: Images,
    *,
    buffers: NDArray[np.float32] | None = None,
    part: Literal["test", "train"] = "test",
    device: str = "auto",
    method: str = "auto",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return accuracy and mean loss, both (replica,), of weights (replica, parameter) on the test
    or training images.

    A pruned network has zeros where its mask is false. `buffers` (replica, buffer) are running
    statistics.
    """
    replicas = _loaded(model, weights, images, buffers, device, method)
    x, y = (torch.from_numpy(getattr(images, f"{axis}_{part}")).to(replicas.device) for axis in "xy")
    return replicas.score(x, y)


def gradients(
    model: ModelSpec,
    weights: NDArray[np.float32],
    images: Images,
    *,
    buffers: NDArray[np.float32] | None = None,
    count: int | None = None,
    device: str = "auto",
    method: str = "auto",
) -> NDArray[np.float32]:
    """Return the gradient (replica, parameter) of the mean loss on the first `count` training
    images (all by default).

    Networks with batch normalization see the images in blocks of 1000.

    Raises
    ------
    KoopflowError
        If there are fewer training images than `count`, or the weights do not fit the network.
    """
    replicas = _loaded(model, weights, images, buffers, device, method)
    count = len(images.x_train) if count is None else int(count)
    if not 1 <= count <= len(images.x_train):
        raise KoopflowError(
            f"gradients: count must be between 1 and {len(images.x_train)}, the training images (got {count})"
        )
    total = torch.zeros_like(replicas.gradients.flat, dtype=torch.float64)
    for start in range(0, count, 1000):
        stop = min(start + 1000, count)
        x, y = (
            torch.from_numpy(array[None, start:stop]).to(replicas.device) for array in (images.x_train, images.y_train)
        )
        replicas.engine.gradient(x, y, 0)
        total += replicas.gradients.flat.double() * ((stop - start) / count)
    replicas.gradients.flat.copy_(total)
    return replicas.gradients.rows()


def _loaded(
    model: ModelSpec,
    weights: NDArray[np.float32],
    images: Images,
    buffers: NDArray[np.float32] | None,
    device: str,
    method: str,
) -> Replicas:
    weights = np.atleast_2d(weights)
    # One group: all replicas share their images, so that all first layers form one matrix product.
    replicas = Replicas(model, images.shape, images.classes, 1, len(weights), device=device, method=method)
    if weights.shape[1] != replicas.layout.size:
        raise KoopflowError(
            f"weights must have {replicas.layout.size} columns, the network's parameters (got {weights.shape[1]})"
        )
    replicas.module.requires_grad_(True)  # frozen weights have gradients too, whichever engine computes them
    replicas.weights.load(weights)
    if buffers is not None:
        replicas.buffers.load(buffers)
    return replicas
