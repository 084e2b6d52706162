"""Convolutional tickets: all replicas of a round at once (grouped convolutions through
torch.func.vmap), or one after another?

    python benchmarks/tickets_conv.py

Prints processor milliseconds per replica and step of both ways, under masks, and which one the
trainer chooses. Batch normalization keeps running statistics, which vmap refuses; its networks are
timed batched without them.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import nn

from koopflow.data.images.sets import Images
from koopflow.training.ensemble import Ensemble, Recipe, Start, train
from koopflow.training.replicas import Replicas


def plain_resnet(input_shape, classes, depth=14, width=8):
    """A residual network of CIFAR whose normalization keeps no running statistics."""
    from koopflow.training.models.build import build

    network = build({"name": f"resnet{depth}", "width": width}, input_shape, classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats, module.running_mean, module.running_var, module.num_batches_tracked = (
                False,
                None,
                None,
                None,
            )
    return network


def images_of(channels: int, side: int) -> Images:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(600, channels, side, side)).astype(np.float32)
    y = np.arange(600) % 10
    return Images(x[:500], y[:500], x[500:520], y[500:520], 10, (0.0,) * channels, (1.0,) * channels, "noise")


def milliseconds(model, images: Images, replicas: int, method: str, steps: int) -> float:
    optimizer = {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9}
    net = Replicas(model, images.shape, images.classes, 1)
    masks = np.random.default_rng(1).random((replicas, net.layout.size)) < 0.5
    ensemble, start = Ensemble(range(replicas), 0), Start(masks=masks)
    train(Recipe.of(model, optimizer, 50, 1), images, ensemble, start=start, device="cpu", method=method)
    started = time.process_time()
    train(Recipe.of(model, optimizer, 50, steps), images, ensemble, start=start, device="cpu", method=method)
    return 1000 * (time.process_time() - started) / (steps + 1) / replicas


def main() -> None:
    torch.set_num_threads(torch.get_num_threads())
    cases = {
        "convnet 16-32, 8x8": ("convnet", images_of(1, 8), 20),
        "lenet5, 28x28": ("lenet5", images_of(1, 28), 10),
        "resnet14 of width 8, 8x8": ({"name": f"{__name__}:plain_resnet"}, images_of(1, 8), 6),
        "resnet14 of width 16, 32x32": ({"name": f"{__name__}:plain_resnet", "width": 16}, images_of(3, 32), 2),
    }
    print(f"{torch.get_num_threads()} threads, batch 50; processor milliseconds per replica and step")
    print(f"{'':30}{'replicas':>9}{'batched':>10}{'sequential':>12}{'chosen':>12}")
    for name, (model, images, steps) in cases.items():
        for replicas in (5, 10):
            found = [milliseconds(model, images, replicas, method, steps) for method in ("vmap", "sequential")]
            chosen = Replicas(model, images.shape, images.classes, 1).method
            print(f"{name:30}{replicas:9}{found[0]:10.2f}{found[1]:12.2f}{chosen:>12}", flush=True)


if __name__ == "__main__":
    main()
