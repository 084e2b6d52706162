"""
Do two learning rates give the same dynamics?
=============================================

Record a few training runs, fit a Koopman operator to each, and test whether two set-ups train alike. The distances between
set-ups are set against those between seeds of one set-up.
"""

# %%
# Record
# ------
# A recorder stores the weights of any PyTorch model while it trains. Here a small perceptron learns handwritten digits with two
# learning rates and four seeds each: four runs per set-up are the fewest that the test can decide.

import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

import koopflow as kf

digits = load_digits()
images = torch.tensor(digits.data / 16, dtype=torch.float32)
labels = torch.tensor(digits.target)
folder = Path(tempfile.mkdtemp())


def train(path: Path, rate: float, seed: int) -> Path:
    """Train for 300 steps and record the last layer after each."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with kf.Recorder(model, path, parameters=["2.weight"]) as recorder:
        for _ in range(300):
            batch = torch.randint(len(images), (60,))
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss.item())
    return path


slow = [train(folder / f"slow-{seed}.h5", 0.1, seed) for seed in range(4)]
fast = [train(folder / f"fast-{seed}.h5", 0.3, seed) for seed in range(4)]

# %%
# Fit
# ---
# One call fits the operator that maps the weights of one step to those of the next. Eigenvalues inside the unit circle decay; a
# small residual says that the eigenpair describes the data.

operator = kf.fit(slow[0], rank=5)
print(operator)
print(operator.eigenvalues.round(3))
print(operator.residuals.round(4))

# %%
operator.plot()

# %%
# Compare
# -------
# `compare` fits each run, takes the optimal-transport distance between all pairs of spectra, and tests by permutation whether runs
# of different set-ups lie further apart than runs of one.

comparison = kf.compare({"rate 0.1": slow, "rate 0.3": fast}, rank=5)
print(comparison)
comparison.table  # noqa: B018
