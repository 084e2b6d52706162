"""The one-layer Transformer of the grokking experiments (Nanda et al., arXiv 2301.05217; Redman et
al., NeurIPS 2024)."""

from collections.abc import Sequence

import torch
from torch import nn

from koopflow.core.errors import KoopflowError
from koopflow.training.models.shapes import require_size


class ModularTransformer(nn.Module):
    """A Transformer of one layer without layer norm, on the tokens a, b and "=".

    The three tokens are embedded with their positions; "=", the last, attends to all of them,
    passes an MLP and is read out. Weights are normal with variance 1 / d_model, biases zero. With
    `unembed_equals`, "=" has a logit as well, and the unembedding has variance 1 / (numbers + 1), as
    in the script of Redman et al.
    """

    sequential_on_cpu = True
    """One network after another: through vmap a step takes four times as long, measured on a CPU."""

    def __init__(self, numbers: int, width: int, heads: int, hidden: int, unembed_equals: bool):
        super().__init__()
        self.heads = heads
        self.embedding = nn.Linear(numbers + 1, width, bias=False)
        self.position = nn.Parameter(torch.empty(3, width))
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.mlp_in, self.mlp_out = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.unembedding = nn.Linear(width, numbers + unembed_equals, bias=False)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=width**-0.5) if parameter.dim() > 1 else nn.init.zeros_(parameter)
        if unembed_equals:
            nn.init.normal_(self.unembedding.weight, std=(numbers + 1) ** -0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, number), with "=" last if it has one, of images (batch, 1, 2,
        number) of one-hot rows.

        Normalized rows serve as well: the largest entry of a row is its token.
        """
        rows = images[:, 0]
        tokens = (rows == rows.amax(dim=-1, keepdim=True)).to(self.position.dtype)
        # The last column of the code stands for "=", the last row of the sequence.
        tokens = nn.functional.pad(tokens, (0, 1, 0, 1))
        equals = torch.zeros_like(tokens)
        equals[:, 2, -1] = 1.0
        x = self.embedding(tokens + equals) + self.position
        last = x[:, -1] + self.output(self._attended(x))
        last = last + self.mlp_out(torch.relu(self.mlp_in(last)))
        return self.unembedding(last)

    def _attended(self, x: torch.Tensor) -> torch.Tensor:
        """Return the values that the last position attends to, (batch, width).

        The others are read by no later layer, so they are not computed.
        """
        batch, positions, width = x.shape
        size = width // self.heads
        query = self.query(x[:, -1:]).reshape(batch, 1, self.heads, size).transpose(1, 2)
        key, value = (
            layer(x).reshape(batch, positions, self.heads, size).transpose(1, 2) for layer in (self.key, self.value)
        )
        weights = torch.softmax(query @ key.transpose(-1, -2) / size**0.5, dim=-1)
        return (weights @ value).reshape(batch, width)


def modular_transformer(
    input_shape: Sequence[int],
    classes: int,
    width: int = 128,
    heads: int = 4,
    hidden: int = 512,
    unembed_equals: bool = False,
) -> nn.Module:
    """Return the Transformer of `width` dimensions, `heads` heads and `hidden` MLP units, for the
    data of ``modular_addition``. With `unembed_equals`, the token "=" has a logit, too.

    Raises
    ------
    KoopflowError
        For images of other shapes, or a width that the heads do not divide.
    """
    channels, rows, numbers = input_shape
    require_size(
        channels == 1 and rows == 2 and numbers == classes, "modular_transformer", input_shape, "pairs of tokens"
    )
    if width % heads:
        raise KoopflowError(f"model modular_transformer: width must be a multiple of heads, {heads} (got {width})")
    return ModularTransformer(numbers, width, heads, hidden, unembed_equals)
