"""How much memory, time and disk a job takes, estimated from the configuration alone.

A scheduler needs both before anything runs. Estimates aim to be right within a factor of two for
the networks that the workflow knows. They are only requests: a job that needs more is tried again
with more (`asked`). Each stage (koopflow.studies) estimates its own jobs with the functions here.
Comments on constants give their origin.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from koopflow.config.data import DataSelection
from koopflow.config.training import ModelSettings
from koopflow.workflow.workloads import CHAINS, images, is_known, network

INTERPRETERS_MB = 300  # Snakemake inside the job, twice: measured about 100 MB each
LIBRARIES_MB = 200  # numpy, scipy, pandas: 120 to 280 MB measured
DRAWING_MB = 250  # with matplotlib: 190 to 330 MB measured
TORCH_MB = 750  # with torch: 570 to 870 MB measured
QUEUE_SECONDS = 5  # a Snakemake inside each job of a cluster: 3 to 5 s measured
START_SECONDS = 1.2  # imports and small data, without torch: 0.5 to 1.7 s measured
GPU_MB = 400  # more of the host's memory in a job that uses a GPU: measured on an H200
GPU_SECONDS = 6  # the first use of a GPU: 5.8 s measured on an H200
TORCH_SECONDS = 2.5  # imports and small data, with torch: 2.0 to 3.3 s measured
PIXEL_SECONDS = 6e-8  # to read or to draw one: 2.5e-8 (MNIST) to 1.7e-7 s (images of a teacher) measured
STEP_SECONDS = 0.001  # one optimizer step of small networks: 0.5 to 2 ms measured
PER_THREAD = 2.5e10  # floating-point operations per second and thread: measured on residual networks
BATCHED = 1.7  # times as many for networks without normalization: 4 to 7e10 measured
PER_GPU = 3e12  # floating-point operations per second and GPU: 3.1e12 measured on 1000 small networks on an H200
SMALL_MB = 1  # files of a job that writes tables and figures: 0.1 to 1 MB measured
SPARE = 3  # a time limit is this many times the estimate
LONGEST = 2880
"""Minutes. Partitions with a lower limit refuse the job; a training that runs out of time continues
on the next attempt."""


@dataclass(frozen=True)
class Estimate:
    """Expected memory (MB) and time (seconds) of a job's script, as Snakemake's benchmark files
    measure them, and the size of the files that it makes (MB); a `guess` if they depend on a
    network of the user's own."""

    mem_mb: float
    seconds: float
    disk_mb: float = SMALL_MB
    guess: bool = False


@dataclass(frozen=True)
class Machine:
    """The hardware of a job: `threads` threads, or `gpu` GPUs."""

    threads: int = 1
    gpu: int = 0

    @property
    def speed(self) -> float:
        """Floating-point operations per second of a training."""
        return PER_GPU if self.gpu else PER_THREAD * self.threads


@dataclass(frozen=True)
class Training:
    """Networks trained together: `replicas` of them as one ensemble, `runs` ensembles one after
    another."""

    model: ModelSettings
    data: DataSelection
    batch_size: int
    steps: float
    replicas: int
    runs: float = 1


def asked(estimate: Callable[[Any], Estimate] | Estimate) -> dict[str, Callable[..., int]]:
    """Return a rule's resources, which its jobs request from a scheduler.

    Parameters
    ----------
    estimate : Estimate, or a function of a job's wildcards that returns one

    Returns
    -------
    dict
        ``mem_mb``: 1.5 times the estimate, plus the interpreters. ``runtime``: three times the
        estimate and the start in a queue, in minutes, at least ten minutes and at most two days.
        Both grow with each attempt, so that a job that ran out of either is tried again with more.
        ``disk_mb``: 1.5 times the estimate of its files, plus as much for a checkpoint.
        ``expected_s``, ``expected_mb`` and
        ``written_mb``: time with that start, memory, and files as estimated; ``guessed`` is 1 if
        they are a guess. ``koopflow plan`` adds them up, and a test compares them with a finished
        run.
    """

    def of(wildcards: Any) -> Estimate:
        return estimate(wildcards) if callable(estimate) else estimate

    def mem_mb(wildcards: Any, attempt: int) -> int:
        return attempt * math.ceil((1.5 * of(wildcards).mem_mb + INTERPRETERS_MB) / 500) * 500

    def runtime(wildcards: Any, attempt: int) -> int:
        seconds = QUEUE_SECONDS + of(wildcards).seconds
        return min(LONGEST, attempt * max(10, math.ceil(SPARE * seconds / 600) * 10))

    return {
        "mem_mb": mem_mb,
        "runtime": runtime,
        "disk_mb": lambda wildcards: math.ceil(3 * of(wildcards).disk_mb / 100) * 100,
        "expected_s": lambda wildcards: math.ceil(QUEUE_SECONDS + of(wildcards).seconds),
        "expected_mb": lambda wildcards: math.ceil(of(wildcards).mem_mb),
        "written_mb": lambda wildcards: math.ceil(of(wildcards).disk_mb),
        "guessed": lambda wildcards: int(of(wildcards).guess),
    }


def small(seconds: float = START_SECONDS, mem_mb: float = LIBRARIES_MB) -> Estimate:
    """Return the estimate of a job that grows little with the study: tables, checks."""
    return Estimate(mem_mb, seconds)


def loading(sets: Sequence[DataSelection]) -> Estimate:
    """Return the estimate of a check that loads the images of `sets`, one set at a time."""
    pixels = [count * math.prod(shape) for count, shape in map(images, sets)]
    return Estimate(TORCH_MB + 12 * max(pixels, default=0) / 2**20, TORCH_SECONDS + PIXEL_SECONDS * sum(pixels))


def drawing(figures: int = 1) -> Estimate:
    """Return the estimate of a job that draws `figures` figures: 0.3 to 0.5 s each measured."""
    return Estimate(DRAWING_MB + 4 * figures, 1.5 + 0.4 * figures)


def training(work: Training, machine: Machine = Machine()) -> Estimate:
    """Return the estimate of a training."""
    count, shape = images(work.data)
    size, pixels = network(work.model, shape), math.prod(shape)
    operations = 6 * size.products * work.batch_size * work.replicas  # forward, and twice as much backward
    step = STEP_SECONDS + operations / (machine.speed * (BATCHED if work.model.name in CHAINS else 1))
    held = 12 * count * pixels + 40 * work.replicas * size.parameters + 30 * work.replicas * work.batch_size * pixels
    seconds = TORCH_SECONDS + GPU_SECONDS * machine.gpu + work.runs * work.steps * step
    return Estimate(TORCH_MB + GPU_MB * machine.gpu + held / 2**20, seconds, guess=not is_known(work.model))


def in_turn(each: Sequence[Estimate], start: float) -> Estimate:
    """Return the estimate of one job that does the work of several, one after another; each of these
    would spend `start` seconds on imports and small data."""
    return Estimate(
        max((one.mem_mb for one in each), default=0),
        start + sum(one.seconds - start for one in each),
        sum(one.disk_mb for one in each),
        guess=any(one.guess for one in each),
    )


def recorded_mb(replicas: int, states: float, parameters: float) -> float:
    """Return the size of a trajectory of `replicas` networks, in MB.

    Wide states lie in chunks of 64 states and 4096 parameters, which are stored whole.
    """
    if parameters > 4096:
        states, parameters = math.ceil(states / 64) * 64, math.ceil(parameters / 4096) * 4096
    return 4 * replicas * states * parameters / 2**20
