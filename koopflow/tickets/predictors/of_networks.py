"""Predictors that read the masked network before any training on the target."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from koopflow.core import seeds
from koopflow.tickets.predictors.declared import STEP, Candidates, predictor
from koopflow.training.device import own_random_numbers
from koopflow.training.models.build import build

PROBED = 500
"""Training images that the ridge probe reads: four fifths fit it, the others score it."""
BATCH = 256
"""Training images of one gradient."""
KERNEL = 60
"""Training images of the tangent kernel."""
GRADIENTS = 1 << 23
"""Most numbers that are held of the gradients of several outputs: 32 MB."""
RIDGE = 1e-2
"""Penalty of the probe, as a share of the features' mean square."""


@dataclass(frozen=True)
class _Network:
    """One masked network: a function of its parameters."""

    module: nn.Module
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]

    def logits(self, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return the outputs (image, class)."""
        return functional_call(self.module, (parameters, {k: v.clone() for k, v in self.buffers.items()}), (x,))


@predictor(passes=lambda candidates: min(PROBED, len(candidates.images.x_train)))
def untrained_probe(candidates: Candidates) -> NDArray[np.float64]:
    """Return the accuracy of a ridge regression of the labels on the last hidden features of the
    masked, untrained network, on training images that it was not fitted to."""
    x, y = _images(candidates, PROBED)
    targets = nn.functional.one_hot(y, candidates.images.classes).double().numpy()
    fitted = 4 * len(x) // 5
    found = []
    for network in _networks(candidates):
        features = _features(network, x)
        mean = features[:fitted].mean(axis=0)
        centred, centre = features - mean, targets[:fitted].mean(axis=0)
        gram = centred[:fitted].T @ centred[:fitted]
        gram += (RIDGE * np.trace(gram) / len(gram) + 1e-12) * np.eye(len(gram))
        weights = np.linalg.solve(gram, centred[:fitted].T @ (targets[:fitted] - centre))
        told = (centred[fitted:] @ weights + centre).argmax(axis=1)
        found.append(float(np.mean(told == y[fitted:].numpy())))
    return np.array(found)


@predictor(passes=lambda candidates: KERNEL * (1 + 2 * candidates.images.classes))
def ntk_alignment(candidates: Candidates) -> NDArray[np.float64]:
    """Return the centred alignment of the empirical tangent kernel over surviving weights with the
    kernel of the labels.

    Source: Cortes, Mohri & Rostamizadeh (2012) for centred alignment; Jacot et al. (arXiv
    1806.07572) for the kernel.
    """
    x, y = _images(candidates, KERNEL)
    targets = nn.functional.one_hot(y, candidates.images.classes).double()
    return np.array(
        [_alignment(_tangent_kernel(network, x, mask), targets @ targets.T) for network, mask in _masked(candidates)]
    )


@predictor(passes=lambda candidates: STEP * min(BATCH, len(candidates.images.x_train)))
def snip(candidates: Candidates) -> NDArray[np.float64]:
    """Return the log of the sum over survivors of |w dL/dw|, the saliency of Lee et al. (arXiv
    1810.02340)."""
    return _of_gradients(
        candidates, lambda weights, gradient, again: float(((weights * gradient).abs().sum() + 1e-30).log())
    )


@predictor(passes=lambda candidates: 2 * STEP * min(BATCH, len(candidates.images.x_train)))
def grasp(candidates: Candidates) -> NDArray[np.float64]:
    """Return the sum over survivors of w (H g), the score of Wang et al. (arXiv 2002.07376) for the
    whole network; H is the Hessian of the loss, g its gradient."""
    return _of_gradients(candidates, lambda weights, gradient, again: float((weights * again).sum()), second=True)


@predictor(passes=lambda candidates: min(BATCH, len(candidates.images.x_train)))
def loss_at_start(candidates: Candidates) -> NDArray[np.float64]:
    """Return minus the mean training loss of the masked, untrained network."""
    x, y = _images(candidates, BATCH)
    with torch.no_grad():
        return np.array([-float(_loss(network, network.parameters, x, y)) for network in _networks(candidates)])


def _images(candidates: Candidates, count: int) -> tuple[Tensor, Tensor]:
    """Return `count` training images and labels, drawn by name."""
    images = candidates.images
    order = seeds.rng(0, "predictors", "images").permutation(len(images.x_train))[:count]
    return torch.from_numpy(images.x_train[order]), torch.from_numpy(images.y_train[order])


def _networks(candidates: Candidates) -> Iterator[_Network]:
    for network, _ in _masked(candidates):
        yield network


def _masked(candidates: Candidates) -> Iterator[tuple[_Network, dict[str, Tensor]]]:
    """Yield each masked network and its masks."""
    with own_random_numbers(0):
        module = build(candidates.setup.model, candidates.images.shape, candidates.images.classes)
        names = {name for name, _ in module.named_parameters()}
        rows = candidates.rows
        for row in range(candidates.count):
            masks = {name: torch.from_numpy(mask[row]) for name, mask in rows.masks.items()}
            state = {name: torch.from_numpy(np.ascontiguousarray(values[row])) for name, values in rows.weights.items()}
            state = {name: value * masks[name] if name in masks else value for name, value in state.items()}
            parameters = {name: value for name, value in state.items() if name in names}
            buffers = {name: value for name, value in state.items() if name not in names}
            yield _Network(module, parameters, buffers), masks


def _loss(network: _Network, parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
    return nn.functional.cross_entropy(network.logits(parameters, x), y)


def _features(network: _Network, x: Tensor) -> NDArray[np.float64]:
    """Return what the last linear layer is given, (image, feature)."""
    last = [layer for layer in network.module.modules() if isinstance(layer, nn.Linear)][-1]
    caught: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda layer, inputs: caught.append(inputs[0].detach()))
    try:
        with torch.no_grad():
            network.logits(network.parameters, x)
    finally:
        handle.remove()
    return caught[-1].reshape(len(x), -1).double().numpy()


def _tangent_kernel(network: _Network, x: Tensor, masks: dict[str, Tensor]) -> Tensor:
    """Return the kernel (image, image): products of output gradients by surviving weights, summed
    over outputs.

    The network evaluates, so that an image's outputs depend on no other image of a batch.
    """

    def output(parameters: dict[str, Tensor], image: Tensor, chosen: Tensor) -> Tensor:
        return network.logits(parameters, image[None])[0] @ chosen

    of_all = vmap(vmap(grad(output), in_dims=(None, None, 0)), in_dims=(None, 0, None))
    kernel, training = torch.zeros(len(x), len(x), dtype=torch.float64), network.module.training
    at_once = max(1, GRADIENTS // (len(x) * sum(values.numel() for values in network.parameters.values())))
    network.module.eval()
    try:
        for some in torch.eye(network.logits(network.parameters, x[:1]).shape[1]).split(at_once):
            for name, values in of_all(network.parameters, x, some).items():
                flat = values.flatten(start_dim=2)  # (image, output, weight)
                if name in masks:
                    flat = flat[:, :, masks[name].reshape(-1)]
                flat = flat.flatten(start_dim=1)
                kernel += (flat @ flat.T).double()
    finally:
        network.module.train(training)
    return kernel


def _alignment(kernel: Tensor, labels: Tensor) -> float:
    """Return the cosine between two centred kernels."""
    centre = torch.eye(len(kernel), dtype=torch.float64) - 1 / len(kernel)
    a, b = centre @ kernel @ centre, centre @ labels @ centre
    return float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-30))


def _of_gradients(
    candidates: Candidates, score: Callable[[Tensor, Tensor, Tensor], float], second: bool = False
) -> NDArray[np.float64]:
    """Return ``score(w, g, H g)`` of each network's surviving weights; H g is g unless `second`."""
    x, y = _images(candidates, BATCH)
    found = []
    for network, masks in _masked(candidates):
        names = list(masks)
        kept = {name: value.clone().requires_grad_(name in masks) for name, value in network.parameters.items()}
        gradients = torch.autograd.grad(_loss(network, kept, x, y), [kept[name] for name in names], create_graph=second)
        gradient = _flat(gradients, masks)
        again = gradient.detach()
        if second:
            again = _flat(torch.autograd.grad(gradient @ gradient.detach(), [kept[name] for name in names]), masks)
        found.append(score(_flat([kept[name].detach() for name in names], masks), gradient.detach(), again))
    return np.array(found)


def _flat(values: "list[Tensor] | tuple[Tensor, ...]", masks: dict[str, Tensor]) -> Tensor:
    """Return the surviving entries, one after another."""
    return torch.cat([value[mask] for value, mask in zip(values, masks.values())])
