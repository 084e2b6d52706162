"""One replica after another by autograd: for any network, and fastest for convolutional ones on a
CPU."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from koopflow.training.device import own_random_numbers, seed_device
from koopflow.training.layout import Stack

# A replica's random numbers (dropout) at a step are seeded by its own seed + step × this stride,
# and by nothing else.
_STRIDE = 0x9E3779B97F4A7C15


class SequentialEngine:
    """Losses, gradients and outputs of an ensemble of any network.

    The module itself is called, with its parameters and buffers in the ensemble's memory, so its
    forward pass (recurrent layers, spectral normalization, noise) works as in any training loop.

    Parameters
    ----------
    copies : int
        Replicas that share a batch.
    random_seeds : sequence of int, one per replica
        Seeds of the random numbers that the network draws (dropout, noise).
    """

    def __init__(
        self,
        module: nn.Module,
        weights: Stack,
        gradients: Stack,
        buffers: Stack,
        copies: int,
        random_seeds: Sequence[int],
    ):
        self._module, self._g = module, gradients
        self._copies, self._replicas, self._seeds = copies, weights.replicas, random_seeds
        parameters, floating = dict(module.named_parameters()), dict(module.named_buffers())
        self._places = [(parameters[name], view, gradients.views[name]) for name, view in weights.views.items()]
        self._states = [(floating[name], view) for name, view in buffers.views.items()]

    def gradient(self, x: torch.Tensor, y: torch.Tensor, step: int) -> torch.Tensor:
        """Write the gradients of all replicas; return their losses (replica,)."""
        self._module.train()
        self._g.flat.zero_()
        losses = torch.empty(self._replicas, device=x.device)
        with own_random_numbers():
            for replica in range(self._replicas):
                group = replica // self._copies
                seed_device((self._seeds[replica] + step * _STRIDE) % 2**63, x.device)
                self._enter(replica)
                for parameter, _, gradient in self._places:
                    parameter.grad = gradient[replica]  # autograd adds to it in place
                loss = F.cross_entropy(self._module(x[group]), y[group])
                loss.backward()
                losses[replica] = loss.detach()
        return losses

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs (replica, image, class) for images (image, ...) that all replicas
        see."""
        self._module.eval()
        found = []
        with torch.no_grad():
            for replica in range(self._replicas):
                self._enter(replica)
                found.append(self._module(x))
        return torch.stack(found)

    def _enter(self, replica: int) -> None:
        """Point the module's parameters and buffers to those of a replica, without copying."""
        for parameter, view, _ in self._places:
            parameter.data = view[replica]
        for buffer, view in self._states:
            buffer.data = view[replica]
