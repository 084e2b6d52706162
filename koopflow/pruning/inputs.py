"""What the scores of a study read of one network: probes of the network, and its recorded states."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.pruning import probes, scoring
from koopflow.pruning.job import Job
from koopflow.pruning.subject import flat
from koopflow.pruning.weights import weights_of
from koopflow.training.evaluation import gradients, score

Probes = dict[str, NDArray[Any]]


def gradient(job: Job, weights: NDArray[np.float32], buffers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the gradients (network, parameter) of the training loss at `weights`."""
    count = job.study.gradient_images or None
    return gradients(job.study.model, weights, job.images, buffers=buffers, count=count, device=job.device)


def training_loss(job: Job, weights: NDArray[np.float32], buffers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean training loss (network,) at `weights`, over the images of the gradient."""
    count = job.study.gradient_images or None
    images = replace(job.images, x_train=job.images.x_train[:count], y_train=job.images.y_train[:count])
    return score(job.study.model, weights, images, buffers=buffers, part="train", device=job.device)[1]


@dataclass
class Probed:
    """The probes of one network, each computed once.

    Attributes
    ----------
    job : Job
    weights : float32 ndarray, shape (parameter,)
    buffers : float32 ndarray, shape (buffer,)
    found : dict of str to ndarray
        What is known already.
    """

    job: Job
    weights: NDArray[np.float32]
    buffers: NDArray[np.float32]
    found: Probes = field(default_factory=dict)

    def __call__(self, needs: frozenset[str]) -> Probes:
        """Return the probes among `needs`, by name."""
        wanted = needs & scoring.PROBED
        for need in sorted(wanted - set(self.found)):
            self.found[need] = self._probe(need)
        return {need: self.found[need] for need in wanted}

    def _probe(self, need: str) -> NDArray[Any]:
        if need == "gradient":
            return gradient(self.job, self.weights[None], self.buffers[None])[0]
        model = self.job.network(self.weights, self.buffers)
        tensors = list(weights_of(model).values())
        if need == "path_gradient":
            return flat(probes.path_gradient(model, tensors, self.job.images.shape))
        count = self.job.study.gradient_images or len(self.job.images.x_train)
        x, y = (torch.from_numpy(array[:count]) for array in (self.job.images.x_train, self.job.images.y_train))
        return flat(getattr(probes, need)(model, tensors, probes.Batch(x, y)))
