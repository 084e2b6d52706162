"""LeNet-300-100 on MNIST by iterative magnitude pruning, against open_lth's way in the same run.

    python benchmarks/tickets_mnist.py ../shared/data

Both train 3 epochs of batch 128 by SGD with rate 0.1 (open_lth's mnist_lenet_300_100). open_lth's way is re-enacted: one
replicate, images decoded and normalized one by one by a data loader. Ours trains all replicates as one. Prints seconds per
replicate and round and their ratio, and accuracies: dense, at 20 % density, and at 5 % beside random masks.
"""

import argparse
import gzip
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from koopflow.data import load
from koopflow.tickets import controls, imp, mlp

BATCH, EPOCHS, RATE = 128, 3, 0.1


class OneByOne(torch.utils.data.Dataset):
    """MNIST as torchvision's data set hands it out: every image made a PIL image and transformed when it is asked for."""

    def __init__(self, root: str, part: str):
        raw = Path(root) / "MNIST" / "raw"
        with gzip.open(raw / f"{part}-images-idx3-ubyte.gz") as stream:
            self.images = np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 28, 28)
        with gzip.open(raw / f"{part}-labels-idx1-ubyte.gz") as stream:
            self.labels = np.frombuffer(stream.read(), np.uint8, offset=8).astype(np.int64)
        self.look = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.1307], [0.3081])])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        return self.look(Image.fromarray(self.images[index])), self.labels[index]


def open_lth_way(root: str) -> tuple[float, float]:
    """Train one replicate as open_lth does; return seconds and test accuracy."""
    train, test = OneByOne(root, "train"), OneByOne(root, "t10k")
    torch.manual_seed(0)
    layers = [torch.nn.Linear(784, 300), torch.nn.ReLU(), torch.nn.Linear(300, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10)]
    model = torch.nn.Sequential(torch.nn.Flatten(), *layers)
    masks = {name: torch.ones_like(weight) for name, weight in model.named_parameters() if weight.ndim == 2}
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    started = time.perf_counter()
    for _ in range(EPOCHS):
        for images, labels in torch.utils.data.DataLoader(train, BATCH, shuffle=True):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    if name in masks:
                        weight.mul_(masks[name])
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in torch.utils.data.DataLoader(test, 1000))
    return time.perf_counter() - started, right / len(test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="folder with MNIST/raw")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(2)
    images = load("mnist", data_root=options.root)
    setup = mlp.Setup((300, 100), RATE, 0.0, 0.0, BATCH, EPOCHS * -(-len(images.x_train) // BATCH))
    seconds, peer = open_lth_way(options.root)
    marks = []
    started = time.perf_counter()
    chain = imp.run_chain(setup, images, task="mnist", rounds=options.rounds, seeds=options.seeds)
    ours = (time.perf_counter() - started) / (options.seeds * options.rounds)
    densities, accuracies = chain.densities(), np.array(chain.accuracy)
    print(f"{'':34}{'seconds per replicate and round':>32}{'test accuracy':>15}")
    print(f"{'open_lth way (dense round)':34}{seconds:32.2f}{100 * peer:14.2f} %")
    print(f"{'koopflow (mean of all rounds)':34}{ours:32.2f}{100 * accuracies[0].mean():14.2f} %")
    print(f"ratio {seconds / ours:.1f}")
    for target in (0.2, 0.05):
        marks.append(int(np.argmin(np.abs(np.log(densities / target)))))
    found = controls.run_controls(setup, images, chain, marks, ("random_mask", "reinitialized"))
    for place, number in enumerate(marks):
        values = {"ticket": accuracies[number], **{name: values[place] for name, values in found.items()}}
        text = ", ".join(f"{name} {100 * value.mean():.2f} ± {100 * value.std(ddof=1):.2f} %" for name, value in values.items())
        print(f"density {100 * densities[number]:.1f} %: {text} (dense {100 * accuracies[0].mean():.2f} %)")


if __name__ == "__main__":
    main()
