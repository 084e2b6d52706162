"""One replica after another by autograd: what convolutional networks are fastest with on a CPU."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from koopflow.training.layout import Stack

# A replica's random numbers (dropout) at a step are seeded by its own seed + step × this stride, and by nothing else.
_STRIDE = 0x9E3779B97F4A7C15


class SequentialEngine:
    """Losses, gradients and outputs of an ensemble of any network.

    Parameters
    ----------
    copies : int
        Replicas that share a batch.
    random_seeds : sequence of int, one per replica
        Seeds of the random numbers that the network draws (dropout).
    """

    def __init__(
        self, module: nn.Module, weights: Stack, gradients: Stack, buffers: Stack, copies: int, random_seeds: Sequence[int]
    ):
        self._module, self._g = module, gradients
        self._copies, self._replicas, self._seeds = copies, weights.replicas, random_seeds
        self._parameters = []
        for replica in range(self._replicas):
            # Leaves that share the ensemble's memory; autograd adds into the ensemble's gradient in place.
            leaves = {name: view[replica].detach().requires_grad_() for name, view in weights.views.items()}
            for name, leaf in leaves.items():
                leaf.grad = gradients.views[name][replica]
            self._parameters.append(leaves)
        self._state = [{name: view[replica] for name, view in buffers.views.items()} for replica in range(self._replicas)]
        self._random = any(isinstance(each, nn.modules.dropout._DropoutNd) for each in module.modules())

    def gradient(self, x: torch.Tensor, y: torch.Tensor, step: int) -> torch.Tensor:
        """Write the gradients of all replicas; return their losses (replica,)."""
        self._module.train()
        self._g.flat.zero_()
        losses = torch.empty(self._replicas, device=x.device)
        for replica in range(self._replicas):
            group = replica // self._copies
            if self._random:
                torch.manual_seed((self._seeds[replica] + step * _STRIDE) % 2**63)
            outputs = functional_call(self._module, (self._parameters[replica], self._state[replica]), (x[group],))
            loss = F.cross_entropy(outputs, y[group])
            loss.backward()
            losses[replica] = loss.detach()
        return losses

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs (replica, image, class) for images (image, ...) that all replicas see."""
        self._module.eval()
        with torch.no_grad():
            both = zip(self._parameters, self._state)
            return torch.stack([functional_call(self._module, (parameters, state), (x,)) for parameters, state in both])
