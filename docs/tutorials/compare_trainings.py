"""
Do two learning rates give the same dynamics?
=============================================

Record a few training runs, fit a Koopman operator to each, and test whether two set-ups train
alike: whether spectra differ more between set-ups than between seeds of one set-up.
"""

# %%
# Record
# ------
# A recorder stores the weights of any PyTorch model while it trains. Here a small perceptron learns
# handwritten digits at two learning rates, with five seeds each. A verdict needs at least four runs
# per set-up: with fewer there is no interval.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import koopflow as kf

torch.set_num_threads(1)
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


slow = [train(folder / f"slow-{seed}.h5", 0.05, seed) for seed in range(5)]
fast = [train(folder / f"fast-{seed}.h5", 0.5, seed) for seed in range(5)]

# %%
# Fit
# ---
# One call fits the operator that maps the weights of one step to those of the next. Modes with
# eigenvalues inside the unit circle decay; a small residual says that the eigenpair describes the
# data.

operator = kf.fit(slow[0], rank=5)
print(operator)
print(operator.eigenvalues.round(3))
print(operator.residuals.round(4))

# %%
operator.plot()

# %%
# Compare
# -------
# `compare` fits each run, takes the optimal-transport distance between all pairs of spectra, and asks
# by how much runs of different set-ups lie further apart than runs of one. This excess has an interval:
# the set-ups are different if all of it lies above the margin (0.25), equivalent if all of it lies
# below, also at the neighbouring ranks. The p-value of a permutation test is shown and decides nothing.

comparison = kf.compare({"rate 0.05": slow, "rate 0.5": fast}, rank=5)
print(comparison)

# %%
comparison.table.round(3)

# %%
# The spectra behind the verdict, one mark per eigenvalue and run:

figure, ax = plt.subplots(figsize=(6, 3))
for color, (name, spectra) in zip(["C0", "C1"], comparison.spectra.items()):
    values = np.concatenate(spectra)
    ax.scatter(values.real, values.imag, s=14, color=color, alpha=0.6, label=f"{name}, 5 seeds")
ax.set_xlabel("Re λ (per step)")
ax.set_ylabel("Im λ (per step)")
ax.legend()
figure.tight_layout()
