"""The width study's training (784-h-10, h = 5, 10, 40; 25 seeds × 10 copies × 1000 steps of batch
60) against two peers in the same run.

Peers: the authors' way, one network after another with a DataLoader over torchvision's MNIST, and a
bare loop over data in memory; a few networks of each are measured, with one thread and with all,
and the faster mean is multiplied by 250. Every state of the last layer is captured by all three.
Run from the repository's root; `--data` is a folder with MNIST/raw.
"""

import argparse
import gzip
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koopflow.data.images import load
from koopflow.training.capture import Capture
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.models.build import build

GROUPS, COPIES, STEPS, BATCH, RATE = 25, 10, 1000, 60, 0.1


def model(width: int) -> dict:
    return {"name": "mlp", "widths": [width], "activation": "relu", "bias": False}


def ensemble(images, width: int, folder: Path, device: str) -> float:
    setup = Recipe.of(model(width), {"name": "sgd", "learning_rate": RATE}, BATCH, STEPS)
    begin = time.perf_counter()
    capture = Capture(str(folder / f"{width}.h5"), ["last"])
    train(setup, images, Ensemble(range(GROUPS), 0, copies=COPIES), hooks=[capture], device=device)
    return time.perf_counter() - begin


def one_network(batches, width: int, images) -> float:
    network = build(model(width), images.shape, 10)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    states = []
    begin = time.perf_counter()
    for x, y in batches():
        optimizer.zero_grad()
        F.nll_loss(F.log_softmax(network(x), dim=1), y).backward()
        optimizer.step()
        states.append(network.output.weight.detach().clone())
    return time.perf_counter() - begin


def one_after_another(batches, width: int, images, networks: int, threads: int) -> float:
    """Return seconds per network, with as many threads as serve the peer best: one, often, since
    its steps are small."""
    means = []
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        means.append(sum(one_network(batches, width, images) for _ in range(networks)) / networks)
    torch.set_num_threads(threads)
    return min(means)


def authors_batches(root: Path):
    from torchvision import datasets, transforms

    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    return lambda: torch.utils.data.DataLoader(
        datasets.MNIST(root, train=True, transform=steps), batch_size=BATCH, shuffle=True
    )


def bare_batches(images):
    x, y = torch.from_numpy(images.x_train), torch.from_numpy(images.y_train)

    def draw():
        order = torch.randperm(len(x))
        for step in range(STEPS):
            index = order[step * BATCH : (step + 1) * BATCH]
            yield x[index], y[index]

    return draw


def product_rate() -> float:
    """Return this machine's float32 matrix-product rate in floating-point operations per second:
    the best of five of size 2048."""
    a, b = torch.randn(2, 2048, 2048).unbind()
    best = float("inf")
    for _ in range(6):
        begin = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - begin)
    return 2 * 2048**3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data", help="folder with MNIST/raw")
    parser.add_argument("--networks", type=int, default=2, help="networks of each peer to measure per width")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    images, rate = load("mnist", data_root=arguments.data), product_rate()
    threads = torch.get_num_threads()
    lines = [
        f"{threads} threads (peers: 1 or {threads}, the faster); float32 products {rate / 1e9:.0f} Gflop/s; "
        f"peers: {arguments.networks} networks × 250"
    ]
    lines.append(
        f"{'h':>5} {'ensemble s':>11} {'product share':>14} {'authors s':>10} {'ratio':>6} "
        f"{'bare loop s':>12} {'ratio':>6}"
    )
    totals = [0.0, 0.0, 0.0]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "MNIST" / "raw"
        root.mkdir(parents=True)
        for packed in (Path(arguments.data) / "MNIST" / "raw").glob("*.gz"):
            with gzip.open(packed) as source, (root / packed.stem).open("wb") as target:
                shutil.copyfileobj(source, target)  # torchvision reads only unpacked files
        for width in (5, 10, 40):
            ours = ensemble(images, width, Path(name), arguments.device)
            peers = []
            for batches in (authors_batches(Path(name)), bare_batches(images)):
                peers.append(GROUPS * COPIES * one_after_another(batches, width, images, arguments.networks, threads))
            work = GROUPS * COPIES * STEPS * BATCH * 2 * (2 * 784 * width + 3 * width * 10)
            row = [ours, *peers]
            totals = [total + value for total, value in zip(totals, row)]
            lines.append(_row(width, row, f"{work / ours / rate:.0%}"))
            print(lines[-1], flush=True)
    lines.append(_row("all", totals, ""))
    out = Path("benchmarks/out")
    out.mkdir(parents=True, exist_ok=True)
    (out / "ensemble_width.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def _row(label, times: list[float], share: str) -> str:
    ours, authors, bare = times
    return (
        f"{label:>5} {ours:>11.1f} {share:>14} {authors:>10.0f} {authors / ours:>6.1f} {bare:>12.1f} "
        f"{bare / ours:>6.1f}"
    )


if __name__ == "__main__":
    main()
