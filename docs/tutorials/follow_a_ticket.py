"""
Is pruning a renormalization group?
===================================

Find winning tickets by iterative magnitude pruning, follow the couplings of the layers over the
rounds, and read off their exponents.
"""

# %%
# Prune in rounds
# ---------------
# Each round trains the network from its rewind point and removes 20 % of the surviving weights.
# Five seeds are trained at once, as one ensemble.

import matplotlib.pyplot as plt
import numpy as np
import torch

import koopflow as kf
from koopflow.data import images

torch.set_num_threads(1)
digits = images.load("digits")
setup = {
    "model": {"name": "mlp", "widths": [100, 50], "bias": False},
    "optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "batch_size": 60,
    "steps": 100,
}
chain = kf.iterative_pruning(setup, digits, rounds=12, seeds=5)
print(chain)
print("density: ", chain.densities().round(2))
print("accuracy:", np.mean(chain.accuracy, axis=1).round(3))

# %%
# Read the exponents
# ------------------
# A coupling is a layer's share of the surviving weight magnitude. If pruning is a renormalization
# group, couplings follow power laws of the scale factor 1 / density. The exponent sigma is the
# slope: above zero a layer is relevant, and its share grows as the network is pruned; below zero it
# is irrelevant. Intervals are over seeds. The low r2 of the middle layer says that its share hardly
# moves. A study of several tasks asks next whether tasks with near exponents share tickets.

exponents = chain.exponents()
print(
    exponents[["layer", "sigma", "ci_low", "ci_high", "r2", "first_round", "last_round", "class"]]
    .round(3)
    .to_string(index=False)
)

# %%
flow = chain.flow()
couplings = flow.couplings("share")
figure, ax = plt.subplots(figsize=(6, 3.2))
for index, layer in enumerate(flow.groups):
    values = couplings[:, :, index]
    ax.fill_between(
        1 / flow.densities, values.min(axis=0), values.max(axis=0), color=f"C{index}", alpha=0.2, linewidth=0
    )
    ax.plot(1 / flow.densities, values.mean(axis=0), color=f"C{index}", marker="o", markersize=3, label=layer)
ax.set_xscale("log", base=2)
ax.set_yscale("log")
ax.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
ax.set_yticks([0.1, 0.2, 0.4, 0.8], ["0.1", "0.2", "0.4", "0.8"])
ax.minorticks_off()
ax.set_xlabel("1 / density, rounds 0 to 11")
ax.set_ylabel("share of weight magnitude")
ax.legend(title="mean and range, n = 5 seeds", fontsize="small")
figure.tight_layout()

# %%
# Take a ticket
# -------------
# A ticket is the weights at the rewind point and the masks of a round, by layer and seed.

weights, masks = chain.ticket(8)
print({name: f"{mask.mean():.2f}" for name, mask in masks.items()})
