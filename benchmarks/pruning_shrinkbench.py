"""Prune and test MnistNet on MNIST, 30 (method, compression) pairs, against ShrinkBench's way,
re-enacted in the same run.

    python benchmarks/pruning_shrinkbench.py [folder with MNIST/raw]

ShrinkBench's way (Blalock et al. 2020), from what its experiments do: each pair is an experiment of
its own that opens the data set (torchvision images, transformed one by one by a DataLoader), builds
the network, loads its weights, takes the threshold of its scores by numpy.quantile, keeps what lies
strictly above, and tests in batches of 128. Its reported accuracy divides the last, partial batch
by the full batch size; here both ways count every image by its own.
"""

import gzip
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from koopflow.core import seeds
from koopflow.data import images as data
from koopflow.pruning import evaluation, mask, scoring, selection
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.evaluation import gradients
from koopflow.training.models.build import build

METHODS = {
    "global_magnitude": ("magnitude", "global"),
    "layer_magnitude": ("magnitude", "layer"),
    "global_gradient": ("gradient", "global"),
    "layer_gradient": ("gradient", "layer"),
    "random": ("random", "global"),
}
COMPRESSIONS = (2, 4, 8, 16, 32, 64)
SHAPE, MODEL = (1, 28, 28), {"name": "mnistnet"}
SETUP = {"model": MODEL, "optimizer": {"name": "sgd", "learning_rate": 0.05}, "batch_size": 64, "steps": 312}


def clocks() -> np.ndarray:
    """Return the wall clock and this process's processor time, in seconds; the latter hardly minds
    what else the machine does."""
    return np.array([time.perf_counter(), time.process_time()])


def shrinkbench(root: str, weights: np.ndarray, score: str, scope: str, compression: float) -> float:
    """One experiment as ShrinkBench runs it, without fine-tuning; returns the accuracy."""
    normal = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train, test = (datasets.MNIST(root, train=part, transform=normal) for part in (True, False))
    loader = DataLoader(test, batch_size=128, shuffle=False, num_workers=0)
    network = build(MODEL, SHAPE, 10)
    evaluation.put(network, weights)
    named = dict(network.named_parameters())
    prunable = [name for name in named if not name.startswith("fc2.")]
    if score == "gradient":
        x, y = next(iter(DataLoader(train, batch_size=128, shuffle=False)))
        torch.nn.functional.cross_entropy(network(x), y).backward()
    values = {}
    for name in prunable:
        w = named[name].detach().numpy()
        values[name] = {
            "magnitude": abs(w),
            "gradient": abs(w * (0 if named[name].grad is None else named[name].grad.numpy())),
        }.get(score, np.random.default_rng(0).random(w.shape))
    total = sum(p.numel() for p in named.values())
    among = sum(named[name].numel() for name in prunable)
    fraction = (total / compression - (total - among)) / among
    everything = np.quantile(np.concatenate([v.ravel() for v in values.values()]), 1 - fraction)
    with torch.no_grad():
        for name, v in values.items():
            threshold = everything if scope == "global" else np.quantile(v, 1 - fraction)
            named[name].mul_(torch.from_numpy((v > threshold).astype(np.float32)))
    network.eval()
    right = 0
    with torch.no_grad():
        for x, y in loader:
            right += int((network(x).argmax(1) == y).sum())
    return right / len(test)


def main() -> None:
    root = sys.argv[1] if len(sys.argv) > 1 else "../shared/data"
    images = data.load({"source": "mnist"}, data_root=root)
    part = replace(images, x_train=images.x_train[:20000], y_train=images.y_train[:20000], x_test=images.x_test[:100])
    part = replace(part, y_test=images.y_test[:100])
    weights = train(Recipe.load(SETUP), part, Ensemble([0], 0, ("benchmark",))).weights[0]
    parameters, _ = evaluation.layouts(MODEL, images)
    rows, pairs = [], [(name, c) for name in METHODS for c in COMPRESSIONS]

    with tempfile.TemporaryDirectory() as unpacked:  # torchvision wants the files unpacked; that is not counted
        for file in Path(root, "MNIST", "raw").glob("*.gz"):
            target = Path(unpacked, "MNIST", "raw", file.stem)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.decompress(file.read_bytes()))
        begun = clocks()
        theirs = {(name, c): shrinkbench(unpacked, weights, *METHODS[name], c) for name, c in pairs}
        their_seconds = clocks() - begun

    begun = clocks()
    gradient = gradients(MODEL, weights, images, count=128)[0]
    state = scoring.NetworkState(weights, parameters, gradient, None, seeds.rng(0, "benchmark"))
    prunable = selection.prunable_names(parameters)
    evaluate = evaluation.Evaluator(MODEL, images)
    for name, (score, scope) in METHODS.items():
        values = scoring.evaluate(score, state)
        for c in COMPRESSIONS:
            start = time.perf_counter()
            chosen = selection.mask_by_score(
                values, parameters, selection.kept_at(parameters, prunable, c), prunable=prunable, scope=scope
            )
            found = evaluate([weights * chosen.kept])[0]
            rows.append((name, c, theirs[name, c], found, found - theirs[name, c], time.perf_counter() - start))
    our_seconds = clocks() - begun

    # Masks that empty whole channels: half of conv2's channels and half of the hidden units, dense
    # and dropped.
    kept = weights.copy()
    for name, (start, stop) in zip((n for n, _ in parameters), mask.spans(parameters)):
        if name.startswith(("conv2.", "fc1.")):
            kept[start + (stop - start) // 2 : stop] = 0
    network = build(MODEL, SHAPE, 10)
    evaluation.put(network, kept)
    begun = time.perf_counter()
    whole = evaluation.accuracy(network.to(memory_format=torch.channels_last), evaluate.x, evaluate.y)
    middle = time.perf_counter()
    dropped = evaluate([kept])[0]
    channel_seconds = (middle - begun, time.perf_counter() - middle)

    table = pd.DataFrame(rows, columns=["method", "compression", "shrinkbench", "koopflow", "difference", "seconds"])
    out = Path("benchmarks/out")
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "pruning_shrinkbench.csv", index=False)
    print(table.to_string(index=False, float_format="%.4f"))
    same = table[table.method != "random"].difference.abs().max()
    for name, theirs_s, ours_s in zip(("wall clock", "processor"), their_seconds, our_seconds):
        print(
            f"30 pairs, {name}: ShrinkBench's way {theirs_s:.1f} s, koopflow {ours_s:.1f} s, ratio "
            f"{theirs_s / ours_s:.1f}"
        )
    print(f"largest difference of accuracy where the method is the same (all but random): {same:.4f}")
    print(
        f"half of the channels empty: {channel_seconds[0]:.3f} s whole, {channel_seconds[1]:.3f} s "
        f"dropped; {whole:.4f}, {dropped:.4f}"
    )


if __name__ == "__main__":
    main()
