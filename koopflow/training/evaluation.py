"""Accuracies, losses and gradients of many given sets of weights at once."""

from collections.abc import Mapping

import numpy as np
import torch

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.training.replicas import Replicas


def score(
    model: Mapping | str,
    weights: np.ndarray,
    images: Images,
    *,
    buffers: np.ndarray | None = None,
    part: str = "test",
    device: str = "auto",
    method: str = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracy and mean loss (replica,), float64, of weights (replica, parameter) on the test (or train) images.

    Pruned networks are evaluated by weights that are zero where their masks are. `buffers` (replica, buffer) are
    running statistics.
    """
    replicas = _loaded(model, weights, images, buffers, device, method)
    x, y = (torch.from_numpy(getattr(images, f"{axis}_{part}")).to(replicas.device) for axis in "xy")
    return replicas.score(x, y)


def gradients(
    model: Mapping | str,
    weights: np.ndarray,
    images: Images,
    *,
    buffers: np.ndarray | None = None,
    count: int | None = None,
    device: str = "auto",
    method: str = "auto",
) -> np.ndarray:
    """Return the gradient of the mean loss over the first `count` training images (all by default), float32 (replica, parameter).

    Networks with batch normalization see the images in blocks of 1000, as in training; running statistics are left alone.
    """
    replicas = _loaded(model, weights, images, buffers, device, method)
    count = len(images.x_train) if count is None else int(count)
    if not 1 <= count <= len(images.x_train):
        raise KoopflowError(f"gradients: {count} images asked for; the training set has {len(images.x_train)}")
    total = torch.zeros_like(replicas.gradients.flat, dtype=torch.float64)
    for start in range(0, count, 1000):
        stop = min(start + 1000, count)
        x, y = (torch.from_numpy(array[None, start:stop]).to(replicas.device) for array in (images.x_train, images.y_train))
        replicas.engine.gradient(x, y, 0)
        total += replicas.gradients.flat.double() * ((stop - start) / count)
    replicas.gradients.flat.copy_(total)
    return replicas.gradients.rows()


def _loaded(model, weights: np.ndarray, images: Images, buffers: np.ndarray | None, device: str, method: str) -> Replicas:
    weights = np.atleast_2d(weights)
    # One group: all replicas look at the same images, which then form one matrix product with all first layers.
    replicas = Replicas(model, images.shape, images.classes, 1, len(weights), device=device, method=method)
    if weights.shape[1] != replicas.layout.size:
        raise KoopflowError(f"weights have {weights.shape[1]} columns; the network has {replicas.layout.size} parameters")
    replicas.weights.load(weights)
    if buffers is not None:
        replicas.buffers.load(buffers)
    return replicas
