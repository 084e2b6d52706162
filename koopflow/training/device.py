"""Chooses the device for training: the CPU, or a GPU that no other job on this machine uses.

A scheduler that counts GPUs gives each job its own. Without one, two jobs would both take the first
GPU; here a job locks the GPU that it uses, and the operating system releases the lock when the job
ends, even if it is killed.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from koopflow.core.errors import KoopflowError

logger = logging.getLogger("koopflow")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; ``auto`` is a GPU if there is one, else the CPU.

    ``auto`` and ``cuda`` wait for a GPU that no other job holds and hold it until this process
    ends; ``cuda:1`` is used without waiting. On a GPU, torch computes deterministically.

    Raises
    ------
    KoopflowError
        If the name is unknown, or the GPU that is asked for is not there.
    """
    require(name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device(name)
    compute_deterministically()
    return torch.device(f"cuda:{_own_gpu()}" if name == "cuda" else name)


def require(name: str) -> None:
    """Raise a KoopflowError if this machine does not have the device called `name`."""
    if name in ("auto", "cpu"):
        return
    if not name.startswith("cuda"):
        raise KoopflowError(f"device must be auto, cpu or cuda (got {name!r})")
    if not torch.cuda.is_available():
        raise KoopflowError(f"device: this machine has no CUDA device; set device to auto or cpu (got {name})")
    count = torch.cuda.device_count()
    if name != "cuda" and name not in [f"cuda:{number}" for number in range(count)]:
        there = "cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise KoopflowError(
            f"device: this machine has {there}; set device to auto, cpu, cuda or one of them (got {name!r})"
        )


def compute_deterministically() -> None:
    """Make torch and the libraries below it compute deterministically, in the precision of a CPU;
    operations that cannot warn.

    Source: PyTorch's notes on reproducibility. cuBLAS reads its variable when it is first used.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # convolutions would keep 10 bits of each number


@contextmanager
def own_random_numbers(seed: int | None = None) -> Iterator[None]:
    """Within the block, torch's random numbers start at `seed`; the caller's go on after it, on the
    CPU and on every GPU in use."""
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=list(gpus)):
        if seed is not None:
            torch.manual_seed(seed)
        yield


def seed_device(number: int, device: torch.device) -> None:
    """Seed the random numbers that are drawn on `device`.

    On a CPU this sets the same state as ``torch.manual_seed``, which also queues a seed for a GPU
    that is not in use, with a traceback: that takes longer than a step of a small network.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(number)
    else:
        torch.manual_seed(number)


@cache
def _own_gpu() -> int:
    """Return the number of the GPU that this process holds until it ends."""
    return reserve([str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())])


def reserve(devices: Sequence[str], folder: str | Path | None = None) -> int:
    """Hold the first of `devices` that no other process holds, until this process ends; wait while
    all are held.

    Parameters
    ----------
    devices : sequence of str
        Names that are the same in every process, such as the UUIDs of GPUs (CUDA_VISIBLE_DEVICES
        renumbers them).
    folder : path, optional
        Folder of the locks; by default one for the whole machine.

    Returns
    -------
    int
        Index of the device; 0, with nothing held, on a platform without file locks (Windows).
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return 0
    folder = Path(folder or Path(tempfile.gettempdir(), "koopflow-gpus"))
    folder.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        for place, device in enumerate(devices):
            handle = os.open(folder / device, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return place
            except OSError:
                os.close(handle)
        if not waited:
            logger.info("other jobs hold all %d GPUs of this machine; waiting for one", len(devices))
        waited = True
        time.sleep(1)
