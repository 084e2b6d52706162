"""Ensembles of any other network: batched through ``torch.func``, or one replica after another by autograd, with equal results."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

from koopflow.training.layout import Stack

# A replica's own random numbers (dropout) at a step are seeded by step × this stride + its seed, so they depend on nothing else.
_STRIDE = 0x9E3779B97F4A7C15


class VmapEngine:
    """All replicas at once through ``vmap``: for networks of many small operations, such as small transformers."""

    def __init__(self, module: nn.Module, weights: Stack, gradients: Stack, buffers: Stack, groups: int, copies: int):
        self._module, self._w, self._g, self._b = module, weights, gradients, buffers
        self._groups, self._copies = groups, copies

        def loss(parameters, state, x, y):
            return F.cross_entropy(functional_call(module, (parameters, state), (x,)), y)

        # Copies share their group's batch, so it is not repeated for them.
        over_copies = vmap(grad_and_value(loss), in_dims=(0, 0, None, None))
        self._gradient = vmap(over_copies, in_dims=(0, 0, 0, 0))

    def gradient(self, x: torch.Tensor, y: torch.Tensor, step: int) -> torch.Tensor:
        """Write the gradients of all replicas; return their losses (replica,)."""
        self._module.train()
        parameters, state = ({name: self._split(view) for name, view in stack.views.items()} for stack in (self._w, self._b))
        gradients, losses = self._gradient(parameters, state, x, y)
        for name, view in self._g.views.items():
            view.copy_(gradients[name].reshape(view.shape))
        return losses.detach().reshape(-1)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs (replica, image, class) for images (image, …) that all replicas see."""
        self._module.eval()
        run = vmap(lambda parameters, state: functional_call(self._module, (parameters, state), (x,)))
        with torch.no_grad():
            return run(self._w.views, self._b.views)

    def _split(self, view: torch.Tensor) -> torch.Tensor:
        return view.view(self._groups, self._copies, *view.shape[1:])


class SequentialEngine:
    """One replica after another by autograd: what convolutional networks are fastest with on a CPU."""

    def __init__(self, module, weights: Stack, gradients: Stack, buffers: Stack, groups: int, copies: int, random_seeds: list[int]):
        self._module, self._w, self._g = module, weights, gradients
        self._copies, self._replicas, self._seeds = copies, groups * copies, random_seeds
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
        """Return the outputs (replica, image, class) for images (image, …) that all replicas see."""
        self._module.eval()
        with torch.no_grad():
            both = zip(self._parameters, self._state)
            return torch.stack([functional_call(self._module, (parameters, state), (x,)) for parameters, state in both])
