"""What the tests of GPUs share: the device, small trainings on it, and jobs in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from koopflow.data.images import load
from koopflow.training.device import compute_deterministically
from koopflow.training.ensemble import Recipe

ROOT = Path(__file__).parents[2]
DEVICE = os.environ.get("KOOPFLOW_GPU_TESTS", "cuda:0")
"""By its number: a GPU asked for as ``cuda`` is held until the process ends, and these tests start
others. ``KOOPFLOW_GPU_TESTS=cpu`` runs them on the CPU instead, to test the tests."""
TOLERANCE = 1e-4
"""Largest difference between weights of CPU and GPU at the end of a training here: sums are added in
another order, and each step carries the difference on. On an H200 it was 2e-6."""
NETWORKS = {
    "matrix": {"name": "mlp", "widths": [6]},
    "matrix-tanh": {"name": "mlp", "widths": [6, 5], "activation": "tanh"},
    "matrix-gelu": {"name": "mlp", "widths": [6, 5], "activation": "gelu"},
    "vmap": {"name": "convnet", "channels": [3], "hidden": []},
    "sequential": {"name": "resnet8", "width": 4},
    "recurrent": {"name": "tests.gpu.networks:Recurrent"},
}
SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}
OPTIMIZERS = {
    "plain": {"name": "sgd", "learning_rate": 0.1, "weight_decay": 0.01},
    "momentum": SGD,
    "nesterov": {**SGD, "nesterov": True, "schedule": {"name": "cosine", "warmup": 5}},
    "adam": {"name": "adam", "learning_rate": 0.002},
    "adamw": {"name": "adamw", "learning_rate": 0.002, "weight_decay": 0.1},
}

if DEVICE != "cpu":
    compute_deterministically()  # before cuBLAS is first used, whichever test that is in


def digits(size: int = 400):
    """Return `size` training images."""
    return load({"source": "digits", "train_size": size})


def pairs():
    """Return the data of the grokking study: all pairs of numbers below 7."""
    return load({"source": "modular_addition", "prime": 7, "share": 0.51})


def recipe(network: str = "matrix", steps: int = 40, optimizer: str = "momentum") -> Recipe:
    """Return a short training of one of `NETWORKS`."""
    return Recipe.of(NETWORKS[network], OPTIMIZERS[optimizer], 30, steps)


def near(what: str, there, here, tolerance: float = TOLERANCE) -> None:
    """Print the largest difference between numbers of the GPU and of the CPU, and require it to be at
    most `tolerance`."""
    there, here = np.asarray(there), np.asarray(here)
    assert there.shape == here.shape
    found = float(np.nanmax(np.abs(there - here))) if there.size else 0.0
    print(f"{what}: CPU and {DEVICE} differ by at most {found:.2g} (accepted {tolerance:g})")
    np.testing.assert_allclose(there, here, rtol=0, atol=tolerance)


def script(text: str, *words: object, **options) -> subprocess.Popen:
    """Start a Python process that runs `text` with `words` as its arguments."""
    command = [sys.executable, "-c", text, *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, text=True, **options)


def on_cuda() -> bool:
    """Return whether the tests run on a CUDA device."""
    return torch.device(DEVICE).type == "cuda"
