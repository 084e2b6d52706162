"""Ensembles on a CUDA device beside a plain loop on the same device: digits, mlp of 100 and 100, batch
60, 1000 steps. And the product that takes most of a Koopman fit, the Gram matrix of the states, on the
device beside NumPy, which koopflow uses.

``python benchmarks/gpu.py`` (``make gpu``); ``--device cpu`` tries the script without a device. The
loop trains one network with the images in the device's memory; its time is multiplied by the number
of networks.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koopflow.data.images import load
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.models.build import build

BATCH, RATE = 60, 0.1
MODEL = {"name": "mlp", "widths": [100, 100]}


def plain(images, steps: int, device: torch.device) -> float:
    """Return the seconds of a plain loop over one network."""
    network = build(MODEL, images.shape, images.classes).to(device)
    x, y = torch.from_numpy(images.x_train).to(device), torch.from_numpy(images.y_train).to(device)
    optimizer, order = torch.optim.SGD(network.parameters(), lr=RATE), torch.randint(len(y), (steps, BATCH))
    begin = time.perf_counter()
    for batch in order.to(device):
        optimizer.zero_grad()
        F.cross_entropy(network(x[batch]), y[batch]).backward()
        optimizer.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def products(device: torch.device, states: int = 500, parameters: int = 1_000_000) -> tuple[float, float]:
    """Return the seconds of the Gram matrix of `states` in double precision: by NumPy, and on the
    device with the copy there, in blocks of parameters as a trajectory is read."""
    blocks = [np.random.default_rng(0).random((states, 100_000)) for _ in range(parameters // 100_000)]
    begin = time.perf_counter()
    here = sum(block @ block.T for block in blocks)
    between = time.perf_counter()
    found = torch.zeros(states, states, dtype=torch.float64, device=device)
    for block in blocks:
        moved = torch.from_numpy(block).to(device)
        found += moved @ moved.T
    there = found.cpu().numpy()
    end = time.perf_counter()
    assert np.allclose(here, there, rtol=1e-10)
    return between - begin, end - between


def main() -> None:
    """Measure both, and print the ratio for each size of ensemble."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--networks", type=int, nargs="*", default=[10, 100, 1000])
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        sys.exit("benchmarks/gpu.py: this machine has no CUDA device; --device cpu tries the script")
    images, device = load("digits"), torch.device(asked.device)
    plain(images, 20, device)  # the first use of a device takes seconds
    alone = plain(images, asked.steps, device)
    name = torch.cuda.get_device_name() if asked.device == "cuda" else "the CPU"
    print(f"one network in a plain loop on {name}: {alone:.2f} s for {asked.steps} steps")
    for count in asked.networks:
        recipe = Recipe.of(MODEL, {"name": "sgd", "learning_rate": RATE}, BATCH, asked.steps)
        begin = time.perf_counter()
        train(recipe, images, Ensemble(range(count), 0), device=asked.device)
        seconds = time.perf_counter() - begin
        print(f"{count} networks as one ensemble: {seconds:.2f} s, {count * alone / seconds:.1f} times faster")
    numpy, there = products(device)
    print(f"Gram matrix of 500 states of 1,000,000 parameters: {numpy:.2f} s by NumPy, {there:.2f} s on {name}")


if __name__ == "__main__":
    main()
