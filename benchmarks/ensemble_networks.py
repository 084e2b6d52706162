"""Ensembles of Transformers and of LeNets: one batched computation, one after another in koopflow,
and a bare PyTorch loop over the networks, in one run.

Transformers are those of the default grokking study and of the published one (full batches of sums
modulo 31 and 113); LeNet is trained on random images of MNIST's size. The best of three, in
processor time, which other programs on the machine change little; lower is better. Run from the
repository's root; no data are needed.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koopflow.config.data import DataSelection
from koopflow.data.images.loading import load_selection
from koopflow.data.images.sets import Images
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.models.build import build

ADAMW = {"name": "adamw", "learning_rate": 0.001, "betas": [0.9, 0.98], "weight_decay": 1.0}
NETWORKS, REPEATS = 4, 3


def pairs(prime: int, share: float) -> Images:
    spec = {"source": "modular_addition", "prime": prime, "share": share}
    return load_selection(DataSelection.load({"spec": spec}), 0)


def pictures() -> Images:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((2000, 1, 28, 28)).astype(np.float32)
    y = generator.integers(0, 10, 2000)
    return Images(x, y, x[:100], y[:100], 10, (0.0,), (1.0,), "random")


def transformer(width: int, hidden: int) -> dict:
    return {"name": "modular_transformer", "width": width, "arguments": {"hidden": hidden}}


CASES = {
    "Transformer, p = 31": (pairs(31, 0.65), transformer(64, 256), ADAMW, None, 20),
    "Transformer, p = 113": (pairs(113, 0.3), transformer(128, 512), ADAMW, None, 4),
    "LeNet, batches of 64": (pictures(), {"name": "lenet5"}, {"name": "sgd", "learning_rate": 0.1}, 64, 30),
}


def ours(case, method: str) -> float:
    """Return seconds per step and network of koopflow's trainer, less those of no steps."""
    images, model, optimizer, batch, steps = case

    def seconds(count: int) -> float:
        recipe = Recipe.of(model, optimizer, batch or len(images.x_train), count)
        begin = time.process_time()
        train(recipe, images, Ensemble(range(NETWORKS), 0), method=method, device="cpu")
        return time.process_time() - begin

    rest = seconds(1)
    return (seconds(1 + steps) - rest) / (steps * NETWORKS)


def bare(case) -> float:
    """Return seconds per step and network of a plain loop."""
    images, model, optimizer, batch, steps = case
    x, y = torch.from_numpy(images.x_train), torch.from_numpy(images.y_train)
    size = batch or len(x)
    begin = time.process_time()
    for _ in range(NETWORKS):
        network = build(model, images.shape, images.classes)
        kind = torch.optim.AdamW if optimizer["name"] == "adamw" else torch.optim.SGD
        options = {"betas": (0.9, 0.98), "weight_decay": 1.0} if optimizer["name"] == "adamw" else {}
        update = kind(network.parameters(), lr=optimizer["learning_rate"], **options)
        for step in range(steps):
            at = slice((step * size) % (len(x) - size + 1), (step * size) % (len(x) - size + 1) + size)
            update.zero_grad()
            F.cross_entropy(network(x[at]), y[at]).backward()
            update.step()
    return (time.process_time() - begin) / (steps * NETWORKS)


def main() -> None:
    threads = torch.get_num_threads()
    lines = [
        f"{NETWORKS} networks, {threads} threads; processor milliseconds per step and network, and over the bare loop"
    ]
    for name, case in CASES.items():
        loop = min(bare(case) for _ in range(REPEATS))
        times = {method: min(ours(case, method) for _ in range(REPEATS)) for method in ("auto", "vmap", "sequential")}
        told = ", ".join(f"{method} {1000 * each:.2f} ({each / loop:.2f})" for method, each in times.items())
        lines.append(f"{name}: bare loop {1000 * loop:.2f}; {told}")
        print(lines[-1], flush=True)
    out = Path("benchmarks/out")
    out.mkdir(parents=True, exist_ok=True)
    (out / "ensemble_networks.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
