"""Ensembles on a CUDA device beside a plain loop on the same device, for a dense network, a
convolutional one and the Transformer of the grokking study. And the product that takes most of a
Koopman fit, the Gram matrix of the states, on the device beside NumPy, which koopflow uses.

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
from koopflow.training.device import choose_device
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.models.build import build

RATE = 0.1
DIGITS, PAIRS = {"source": "digits"}, {"source": "modular_addition", "prime": 31, "share": 0.65}
CASES = {
    "mlp of 100 and 100": ({"name": "mlp", "widths": [100, 100]}, DIGITS, 60, 1000, (10, 100, 1000)),
    "convnet of 16 and 32 channels": ({"name": "convnet"}, DIGITS, 60, 200, (10, 100)),
    "resnet8": ({"name": "resnet8"}, DIGITS, 60, 50, (10,)),
    "modular_transformer of 128": ({"name": "modular_transformer"}, PAIRS, 512, 200, (10, 100)),
}
"""Network, images, batch, steps and numbers of networks."""


def plain(model, images, batch: int, steps: int, device: torch.device) -> float:
    """Return the seconds of a plain loop over one network."""
    network = build(model, images.shape, images.classes).to(device)
    x, y = torch.from_numpy(images.x_train).to(device), torch.from_numpy(images.y_train).to(device)
    optimizer, order = torch.optim.SGD(network.parameters(), lr=RATE), torch.randint(len(y), (steps, batch))
    begin = time.perf_counter()
    for chosen in order.to(device):
        optimizer.zero_grad()
        F.cross_entropy(network(x[chosen]), y[chosen]).backward()
        optimizer.step()
    finish(device)
    return time.perf_counter() - begin


def finish(device: torch.device) -> None:
    """Wait until the device has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ensembles(title: str, device: torch.device, fewer: int) -> None:
    """Print the seconds of a plain loop and of ensembles of several sizes."""
    model, source, batch, steps, counts = CASES[title]
    images, steps = load(source), max(steps // fewer, 2)
    recipe = Recipe.of(model, {"name": "sgd", "learning_rate": RATE}, batch, steps)
    short = Recipe.of(model, {"name": "sgd", "learning_rate": RATE}, batch, 2)
    plain(model, images, batch, 20, device)  # the first use of a device takes seconds
    alone = plain(model, images, batch, steps, device)
    print(f"{title}, batch {batch}, {steps} steps: one network in a plain loop {alone:.2f} s")
    for count in counts:
        seconds = []
        for how in (short, recipe):  # the difference is training without its start and its end
            begin = time.perf_counter()
            train(how, images, Ensemble(range(count), 0), device=str(device))
            seconds.append(time.perf_counter() - begin)
        steady = (seconds[1] - seconds[0]) * steps / max(steps - 2, 1)
        print(
            f"  {count} networks as one ensemble: {seconds[1]:.2f} s, {steady:.2f} s of them in steps, "
            f"{count * alone / seconds[1]:.1f} times faster than the loop",
            flush=True,
        )


def products(device: torch.device, parameters: int, states: int = 500) -> tuple[float, float, float]:
    """Return the seconds of the Gram matrix of `states` in double precision: by NumPy, on the device
    with the copy there, in blocks of parameters as a trajectory is read, and without the copy."""
    blocks = [np.random.default_rng(0).random((states, 100_000)) for _ in range(max(parameters // 100_000, 1))]
    warm = torch.ones(states, states, dtype=torch.float64, device=device)
    warm @ warm.T
    begin = time.perf_counter()
    here = sum(block @ block.T for block in blocks)
    seconds = [time.perf_counter() - begin]
    for moved in (False, True):
        held = [torch.from_numpy(block).to(device) for block in blocks] if moved else blocks
        finish(device)
        begin = time.perf_counter()
        found = torch.zeros(states, states, dtype=torch.float64, device=device)
        for block in held:
            block = block if moved else torch.from_numpy(block).to(device)
            found += block @ block.T
        there = found.cpu().numpy()
        seconds.append(time.perf_counter() - begin)
        assert np.allclose(here, there, rtol=1e-10)
    return seconds[0], seconds[1], seconds[2]


def main() -> None:
    """Measure both, and print the ratio for each size of ensemble."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--fewer", type=int, default=1, help="divide the steps and the parameters by this")
    asked = parser.parse_args()
    if asked.device != "cpu" and not torch.cuda.is_available():
        sys.exit("benchmarks/gpu.py: this machine has no CUDA device; --device cpu tries the script")
    device = choose_device(asked.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
    print(f"on {name}, torch {torch.__version__}")
    for title in CASES:
        ensembles(title, device, asked.fewer)
    parameters = 1_000_000 // asked.fewer
    numpy, copied, there = products(device, parameters)
    print(
        f"Gram matrix of 500 states of {parameters:,} parameters: {numpy:.2f} s by NumPy, {copied:.2f} s on {name} "
        f"with the copy there, {there:.2f} s without"
    )


if __name__ == "__main__":
    main()
