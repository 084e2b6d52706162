"""
Do Koopman modes prune what magnitude prunes?
=============================================

Record the end of a training, prune by the Koopman mode nearest a fixed point and by magnitude, and
compare the accuracy of the pruned networks.
"""

# %%
# Train and record
# ----------------
# A recorder stores all weights of a perceptron during its last 100 steps. Koopman scores read the
# modes of this window; magnitude reads the last weights alone.

import copy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import nn

import koopflow as kf

torch.set_num_threads(1)
digits = load_digits()
images = torch.tensor(digits.data / 16, dtype=torch.float32)
labels = torch.tensor(digits.target)
train, test = slice(0, 1400), slice(1400, None)
folder = Path(tempfile.mkdtemp())


def learn(seed: int) -> tuple[nn.Module, Path]:
    """Train for 400 steps; record the last 100."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    recorder = None
    for step in range(400):
        if step == 300:
            recorder = kf.Recorder(model, folder / f"run-{seed}.h5")
        batch = torch.randint(1400, (60,))
        loss = nn.functional.cross_entropy(model(images[train][batch]), labels[train][batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if recorder:
            recorder.step(loss.item())
    recorder.close()
    return model, folder / f"run-{seed}.h5"


networks = [learn(seed) for seed in range(3)]

# %%
# Prune
# -----
# `prune` returns a mask, which keeps the weights of highest score. The last layer stays whole by
# default.

model, run = networks[0]
mask = kf.prune(model, score="koopman_magnitude", compression=8, recording=run, rank=10)
print(mask)
for layer in mask.layers():
    print(f"{layer.layer:10} density {layer.density:.3f}")

# %%
# Compare
# -------
# Every pruned network is tested as it is, without further training.


def accuracy(model: nn.Module, score: str, compression: float, run: Path) -> float:
    """Return the accuracy on the test images after pruning."""
    pruned = kf.prune(model, score=score, compression=compression, recording=run, rank=10).apply(copy.deepcopy(model))
    with torch.no_grad():
        return float((pruned(images[test]).argmax(1) == labels[test]).float().mean())


table = pd.DataFrame(
    [
        (score, compression, seed, accuracy(model, score, compression, run))
        for seed, (model, run) in enumerate(networks)
        for score in ("magnitude", "koopman_magnitude", "random")
        for compression in (1, 2, 4, 8, 16, 32)
    ],
    columns=["score", "compression", "seed", "accuracy"],
)

# %%
figure, ax = plt.subplots(figsize=(7, 3))
styles = {"magnitude": ("C0", "o"), "koopman_magnitude": ("C1", "x"), "random": ("grey", "s")}
for score, rows in table.groupby("score", sort=False):
    wide = rows.pivot_table(index="compression", columns="seed", values="accuracy")
    color, marker = styles[score]
    ax.fill_between(wide.index, wide.min(axis=1), wide.max(axis=1), color=color, alpha=0.2, linewidth=0)
    ax.plot(wide.index, wide.mean(axis=1), color=color, marker=marker, label=score)
ax.set_xscale("log", base=2)
ax.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
ax.set_xlabel("compression (prunable weights / kept weights)")
ax.set_ylabel("accuracy (397 test images)")
ax.legend(title="mean and range,\nn = 3 networks", loc="center left", bbox_to_anchor=(1, 0.5))
figure.tight_layout()

# %%
# Near the end of training the two magnitude scores prune almost the same weights. The Jaccard index
# is 1 for equal sets; two random sets of this size would have 0.78.

pairs = []
for model, run in networks:
    ours, theirs = (kf.prune(model, score=score, compression=8, recording=run, rank=10) for score in list(styles)[:2])
    pruned = [~one.kept[one.eligible()] for one in (ours, theirs)]
    pairs.append((pruned[0] & pruned[1]).sum() / (pruned[0] | pruned[1]).sum())
print("Jaccard index of the pruned sets:", np.round(pairs, 3))

# %% Three networks show a tendency and no more: the shaded range is that of three seeds, not an
# interval. The study `pruning` trains more seeds, prunes at several epochs and gives intervals
# (``snakemake --cores all pruning``).
