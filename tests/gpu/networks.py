"""Networks of a user's own that need a GPU's special paths."""

import torch
import torch.nn.functional as F
from torch import nn


class Recurrent(nn.Module):
    """Reads the rows of an image one after another; on a GPU, cuDNN computes it."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.out = nn.LSTM(8, 9, batch_first=True), nn.Linear(9, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.rows(x[:, 0])[0][:, -1])


class Dropout(nn.Module):
    """Draws its random numbers on the device."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(64, 12), nn.Linear(12, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(F.dropout(F.relu(self.a(x.flatten(1))), 0.3, training=self.training))
