"""How large a job will be: memory and time of each stage, estimated from the configuration alone.

A scheduler wants both before anything runs. The estimates are meant to be right within a factor of about two for networks that the
workflow knows, and are only requests: a job that proves larger is tried again with more (see `asked`). Constants are marked with where
they come from. The workflow file is parsed again in every cluster job, so nothing here is imported but the standard library.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

INTERPRETERS_MB = 300  # Snakemake inside the job, twice: measured about 100 MB each
LIBRARIES_MB = 350  # numpy, scipy, pandas, matplotlib: 170 to 370 MB measured
TORCH_MB = 750  # with torch: 700 to 800 MB measured
START_SECONDS = 8  # of any job: 3 to 5 s inside SLURM, 2 to 4 s for imports and data, measured
STEP_SECONDS = 0.003  # one optimizer step of small networks on two cores: 1 to 4 ms measured
PER_THREAD = 2.5e10  # floating-point operations a second of one thread: 2.5 to 7e10 measured on batched networks
PER_GPU = 3e12  # of one GPU: assumed, none was at hand
SPARE = 3  # a time limit is this many times the estimate
LONGEST = (
    2880  # minutes, and at most two days: a partition that gives less refuses the job; what is trained goes on when tried again
)

# Images to train on, and (channels, height, width), of the sources that come with a size.
IMAGES = {"digits": (1437, (1, 8, 8)), "cifar10": (50000, (3, 32, 32))} | dict.fromkeys(
    ("mnist", "fashion_mnist", "kmnist"), (60000, (1, 28, 28))
)
# Parameters, and multiplications per image, of networks by name. Counted for CIFAR's residual networks (He et al. 2016, table 6) and
# MnistNet and LeNet on 28 x 28 pixels; the large ones as torchvision states them for 224 x 224.
NETWORKS = {
    "convnet": (3e4, 2e6),
    "lenet5": (6.2e4, 4.2e5),
    "mnistnet": (4.3e5, 2.3e6),
    "resnet8": (7.8e4, 1.3e7),
    "resnet14": (1.7e5, 2.7e7),
    "resnet20": (2.7e5, 4.1e7),
    "resnet32": (4.6e5, 6.9e7),
    "resnet56": (8.5e5, 1.26e8),
    "resnet18": (1.17e7, 1.8e9),
    "resnet34": (2.18e7, 3.7e9),
    "resnet50": (2.56e7, 4.1e9),
    "resnet101": (4.45e7, 7.8e9),
    "resnet152": (6.02e7, 1.15e10),
}
# The side of the images for which residual networks were counted; they take any, and their work grows with its square.
COUNTED_AT = dict.fromkeys(("resnet8", "resnet14", "resnet20", "resnet32", "resnet56"), 32)
COUNTED_AT |= dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"), 224)
UNKNOWN = (1e6, 5e7)  # a user's own network


@dataclass(frozen=True)
class Size:
    """Memory in MB and time in seconds that a job is expected to take."""

    mem_mb: float
    seconds: float


def asked(size: Callable[[object], Size] | Size) -> dict[str, Callable]:
    """Return a rule's resources from its `size`, or from a function of its wildcards: what a scheduler is asked for.

    mem_mb is half as much again as expected, runtime (minutes) three times, at least ten minutes and at most two days; both grow with
    each attempt, so that a job that ran out of either is tried again with more. expected_s is the bare estimate, for the plan.
    """

    def of(wildcards) -> Size:
        return size(wildcards) if callable(size) else size

    def mem_mb(wildcards, attempt):
        return attempt * math.ceil((1.5 * of(wildcards).mem_mb + INTERPRETERS_MB) / 500) * 500

    def runtime(wildcards, attempt):
        return min(LONGEST, attempt * max(10, math.ceil(SPARE * of(wildcards).seconds / 600) * 10))

    return {"mem_mb": mem_mb, "runtime": runtime, "expected_s": lambda wildcards: math.ceil(of(wildcards).seconds)}


def small(seconds: float = 12, mem_mb: float = LIBRARIES_MB) -> Size:
    """Return the size of a job that does not grow much with the study: tables, figures, checks."""
    return Size(mem_mb, seconds)


def training(setup: Mapping, data: Mapping, replicas: int, gpu: int = 0, threads: int = 1, runs: float = 1) -> Size:
    """Return the size of training `replicas` networks as one ensemble, `runs` times one after another.

    Parameters
    ----------
    setup : mapping
        model, batch_size and steps.
    data : mapping
        ``spec`` and ``named``: a block of the config's data sets, and those it is like.
    """
    count, shape = _images(data)
    parameters, products = _network(setup["model"], shape)
    pixels = math.prod(shape)
    operations = 6 * products * setup["batch_size"] * replicas  # forward, and twice as much backward
    step = STEP_SECONDS + operations / (PER_GPU if gpu else PER_THREAD * threads)
    held = 12 * count * pixels + 40 * replicas * parameters + 30 * replicas * setup["batch_size"] * pixels
    return Size(TORCH_MB + held / 2**20, START_SECONDS + runs * setup["steps"] * step)


def ensemble(setup: Mapping, data: Mapping, replicas: int, gpu: int = 0, threads: int = 1) -> Size:
    """Return the size of training one part of an ensemble while its trajectories are written."""
    return training(setup, data, replicas, gpu, threads)


def chain(study: Mapping, data: Mapping, rounds: float, gpu: int = 0, networks: int | None = None) -> Size:
    """Return the size of training `rounds` rounds of a chain of tickets of all seeds, or of `networks` each."""
    one = training(study, data, networks or study["seeds"], gpu, runs=rounds)
    return Size(one.mem_mb + 40 * rounds, one.seconds)


def pruned_training(study: Mapping, data: Mapping, networks: int, gpu: int = 0, threads: int = 1) -> Size:
    """Return the size of training `networks` networks of a pruning study as one ensemble."""
    count, _ = _images(data)
    setup = {**study, "steps": study["epochs"] * count / study["batch_size"]}
    return training(setup, data, networks, gpu, threads)


def pruning(study: Mapping, data: Mapping, networks: int, gpu: int = 0, threads: int = 1) -> Size:
    """Return the size of decomposing, pruning and fine-tuning `networks` networks of a pruning study."""
    count, shape = _images(data)
    parameters, products = _network(study["model"], shape)
    finetune = {"epochs": 1, "at": [], "compressions": study["compressions"]} | dict(study.get("finetune", {}))
    moments, methods = len(study["prune_epochs"]), len(study["methods"])
    masks = methods * len(study["compressions"])
    tuned = methods * len(finetune["compressions"]) * networks if finetune["at"] else 0
    times = len(set(finetune["at"]) & set(study["prune_epochs"]))
    one = training({**study, "steps": finetune["epochs"] * count / study["batch_size"]}, data, max(1, tuned), gpu, threads, times)
    scored = 2 * products * count / 6 * masks * moments * networks  # forward only, a sixth as many test images
    fits = 10 * parameters * study["window"] ** 2 * moments * networks  # products of states, and modes of several ranks
    seconds = one.seconds + (scored + fits) / (PER_THREAD * threads) + 0.5 * moments * networks
    states = parameters * (8 * study["window"] / 50 + 16 * 40 + 2 * masks)  # a block of states, modes, masks
    return Size(one.mem_mb + 100 + states / 2**20, seconds)


def spectra(setup: Mapping, data: Mapping, seeds: int, copies: int, capture_every: int, threads: int = 1) -> Size:
    """Return the size of fitting a Koopman operator to each seed of a set-up; nothing larger than a Gram matrix is held."""
    _, shape = _images(data)
    observed = min(_observed(setup["model"], setup["koopman"]["observables"]), _network(setup["model"], shape)[0])
    rows = observed * (setup["koopman"]["delays"] + 1)
    columns = copies * (setup["steps"] // capture_every + 1)
    side = min(rows, columns)
    operations = 2 * rows * columns * side + 12 * side**3
    return Size(LIBRARIES_MB + 6 * 8 * side**2 / 2**20, START_SECONDS + seeds * (0.1 + operations / (PER_THREAD * threads)))


def trajectory(paths: str | list[str], delays: int) -> Size:
    """Return the size of fitting a user's trajectory: it is read twice, in blocks, at the speed of a shared disk."""
    size = sum(map(_bytes, [paths] if isinstance(paths, str) else paths))
    return Size(LIBRARIES_MB + 400 + min(size / 2**20, 1000), START_SECONDS + size * (delays + 2) / 5e7)


def series(spec: Mapping) -> Size:
    """Return the size of forecasting one series with all methods from all origins."""
    length = _bytes(spec["path"]) / 30 if spec.get("path") else spec.get("length", 3000)
    return Size(LIBRARIES_MB + length * 0.1, START_SECONDS + 0.015 * length)


def _images(data: Mapping) -> tuple[float, tuple[int, int, int]]:
    """Return how many images there are to train on, and their shape; a guess where only the file itself knows."""
    spec, named = data["spec"], data.get("named", {})
    while "like" in spec and spec["source"] not in IMAGES and spec["like"] in named:
        spec = {**named[spec["like"]], **{key: spec[key] for key in ("train_size",) if key in spec}}
    if spec.get("source") == "npz":
        side = spec.get("size", 28)
        shape = (spec.get("channels", 1), side, side)
        count = _bytes(spec.get("path", "")) / math.prod(shape)
    elif spec.get("source") == "image_folder":
        shape = (spec.get("channels", 3), spec.get("size", 32), spec.get("size", 32))
        count = _in_tree(os.path.join(spec.get("path", ""), "train"))
    else:
        count, shape = IMAGES.get(spec.get("like", spec["source"]), IMAGES.get(spec["source"], (60000, (3, 32, 32))))
    return min(count, spec.get("train_size", count)), shape


def _network(model: Mapping, shape: tuple[int, int, int]) -> tuple[float, float]:
    """Return the parameters of a network and its multiplications per image."""
    if model.get("name", "mlp") in ("mlp", "lenet"):
        widths = [math.prod(shape), *model.get("widths", (300, 100)), 10]
        dense = sum(a * b for a, b in pairwise(widths))
        return dense, dense
    parameters, products = NETWORKS.get(model["name"], UNKNOWN)
    counted_at = COUNTED_AT.get(model["name"])
    return parameters, products * shape[1] * shape[2] / counted_at**2 if counted_at else products


def _observed(model: Mapping, observables: list) -> float:
    """Return how many parameters a fit observes: the last layer's, or all of an unknown network."""
    return 10 * model.get("widths", [100])[-1] if list(observables) == ["last"] else math.inf


def _in_tree(path: str) -> float:
    """Return how many files a tree of class folders holds, as if each class were as large as the first; ImageNet's where there is none."""
    classes = sorted(os.listdir(path)) if os.path.isdir(path) else []
    folder = os.path.join(path, classes[0]) if classes else ""
    return float(len(classes) * len(os.listdir(folder))) if os.path.isdir(folder) else 1.28e6


def _bytes(path: str) -> float:
    """Return the size of a file, or of all files in a folder; 0 where there is none (the check of the stage says so)."""
    if os.path.isdir(path):
        return float(sum(entry.stat().st_size for entry in os.scandir(path) if entry.is_file()))
    return float(os.path.getsize(path)) if os.path.isfile(path) else 0.0
