"""LeNet-300-100 on MNIST by iterative magnitude pruning, beside open_lth's way in the same run.

    python benchmarks/tickets_mnist.py ../shared/data

Both train 3 epochs of batch 128 by SGD of rate 0.1 from Kaiming-normal weights (open_lth's
mnist_lenet_300_100, with 3 of its 40 epochs). open_lth itself is not on a package index, so its way
is enacted anew from a reading of its training/train.py, datasets/base.py, datasets/mnist.py and
pruning/pruned_model.py: one replicate; every image made a PIL image, a tensor and normalized when a
data loader in the training process asks for it; masks multiplied into the weights at every forward
pass; a schedule stepped at every batch. Ours trains all replicates as one. Prints seconds per
replicate and round and their ratio, the part of open_lth's that is loading, and accuracies: dense,
at 20 % density, and at 5 % beside random masks.
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

from koopflow.config.training import ModelSettings, OptimizerSettings
from koopflow.data.images import load
from koopflow.tickets import controls, imp, training
from koopflow.tickets.plan import ChainPlan

BATCH, EPOCHS, RATE = 128, 3, 0.1


class OneByOne(torch.utils.data.Dataset):
    """MNIST as open_lth hands it out."""

    def __init__(self, root: str, part: str):
        raw = Path(root) / "MNIST" / "raw"
        with gzip.open(raw / f"{part}-images-idx3-ubyte.gz") as stream:
            self.images = torch.from_numpy(np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 28, 28).copy())
        with gzip.open(raw / f"{part}-labels-idx1-ubyte.gz") as stream:
            self.labels = np.frombuffer(stream.read(), np.uint8, offset=8).astype(np.int64)
        self.look = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.1307], [0.3081])])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        return self.look(Image.fromarray(self.images[index].numpy())), self.labels[index]


class Masked(torch.nn.Module):
    """A network whose masks are multiplied into its weights at every forward pass."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model
        self.masks = {name: torch.ones_like(weight) for name, weight in model.named_parameters() if weight.ndim == 2}

    def forward(self, x):
        for name, weight in self.model.named_parameters():
            if name in self.masks:
                weight.data *= self.masks[name]
        return self.model(x)


def open_lth_way(root: str, seed: int) -> dict[str, float]:
    """Train the dense round of one replicate; return seconds in all, seconds of loading alone, and
    test accuracy."""
    train, test = OneByOne(root, "train"), OneByOne(root, "t10k")
    torch.manual_seed(seed)
    layers = [
        torch.nn.Linear(784, 300),
        torch.nn.ReLU(),
        torch.nn.Linear(300, 100),
        torch.nn.ReLU(),
        torch.nn.Linear(100, 10),
    ]
    for layer in layers[::2]:
        torch.nn.init.kaiming_normal_(layer.weight)
    model = Masked(torch.nn.Sequential(torch.nn.Flatten(), *layers))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    started = time.perf_counter()
    for _ in range(EPOCHS):
        for images, labels in torch.utils.data.DataLoader(train, BATCH, shuffle=True):
            optimizer.zero_grad()
            model.train()
            torch.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        right = sum(int((model(x).argmax(1) == y).sum()) for x, y in torch.utils.data.DataLoader(test, 128))
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    for _ in torch.utils.data.DataLoader(train, BATCH, shuffle=True):
        pass
    return {"seconds": seconds, "loading": EPOCHS * (time.perf_counter() - started), "accuracy": right / len(test)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", help="folder with MNIST/raw")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peers", type=int, default=2, help="replicates of open_lth's way")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    peers = [open_lth_way(options.root, seed) for seed in range(options.peers)]
    peer = {key: np.mean([one[key] for one in peers]) for key in peers[0]}
    images = load("mnist", data_root=options.root)
    model = ModelSettings(name="mlp", widths=[300, 100], initialization="kaiming_normal")
    optimizer = OptimizerSettings(name="sgd", learning_rate=RATE)
    setup = training.Setup(model, optimizer, BATCH, EPOCHS * (len(images.x_train) // BATCH))
    started = time.perf_counter()
    chain = imp.run_chain(setup, images, ChainPlan("mnist", options.seeds), options.rounds)
    ours = (time.perf_counter() - started) / (options.seeds * chain.rounds)
    densities, accuracies = chain.densities(), np.array(chain.accuracy)
    print(
        f"{options.threads} threads; {options.seeds} seeds, {chain.rounds} rounds; open_lth's way: "
        f"{options.peers} dense replicates"
    )
    print(f"{'':34}{'seconds per replicate and round':>32}{'dense accuracy':>16}")
    print(
        f"{'open_lth way':34}{peer['seconds']:32.2f}{100 * peer['accuracy']:14.2f} %  (loading {peer['loading']:.1f} s)"
    )
    print(f"{'koopflow (mean of all rounds)':34}{ours:32.2f}{100 * accuracies[0].mean():14.2f} %")
    print(f"ratio {peer['seconds'] / ours:.1f}")
    marks = [int(np.argmin(np.abs(np.log(densities / target)))) for target in (0.2, 0.05)]
    found = {name: controls.run_control(setup, images, chain, marks, name) for name in ("random_mask", "reinitialized")}
    for place, number in enumerate(marks):
        values = {"ticket": accuracies[number], **{name: values[place] for name, values in found.items()}}
        text = ", ".join(
            f"{name} {100 * value.mean():.2f} ± {100 * value.std(ddof=1):.2f} %" for name, value in values.items()
        )
        print(f"density {100 * densities[number]:.1f} %: {text} (dense {100 * accuracies[0].mean():.2f} %)")


if __name__ == "__main__":
    main()
