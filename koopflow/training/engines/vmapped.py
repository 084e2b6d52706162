"""All replicas at once through ``torch.func.vmap``: for networks of many small operations, such as
small transformers."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

from koopflow.training.layout import Stack


class VmapEngine:
    """Losses, gradients and outputs of an ensemble of any network that vmap can batch."""

    def __init__(self, module: nn.Module, weights: Stack, gradients: Stack, buffers: Stack, groups: int, copies: int):
        self._module, self._w, self._g, self._b = module, weights, gradients, buffers
        self._groups, self._copies = groups, copies

        def loss(
            parameters: dict[str, torch.Tensor], state: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor
        ) -> torch.Tensor:
            return F.cross_entropy(functional_call(module, (parameters, state), (x,)), y)

        # Copies share their group's batch, so it is not repeated for them.
        over_copies = vmap(grad_and_value(loss), in_dims=(0, 0, None, None))
        self._gradient = vmap(over_copies, in_dims=(0, 0, 0, 0))

    def gradient(self, x: torch.Tensor, y: torch.Tensor, step: int) -> torch.Tensor:
        """Write the gradients of all replicas; return their losses (replica,)."""
        self._module.train()
        parameters, state = (
            {name: self._split(view) for name, view in stack.views.items()} for stack in (self._w, self._b)
        )
        gradients, losses = self._gradient(parameters, state, x, y)
        for name, view in self._g.views.items():
            view.copy_(gradients[name].reshape(view.shape))
        return losses.detach().reshape(-1)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs (replica, image, class) for images (image, ...) that all replicas
        see."""
        self._module.eval()
        run = vmap(lambda parameters, state: functional_call(self._module, (parameters, state), (x,)))
        with torch.no_grad():
            outputs: torch.Tensor = run(self._w.views, self._b.views)
        return outputs

    def _split(self, view: torch.Tensor) -> torch.Tensor:
        return view.view(self._groups, self._copies, *view.shape[1:])
