"""Where networks are trained: the processor, or a GPU that no other job of this machine is using.

A scheduler that counts GPUs gives each job its own. On a machine without one, two jobs would both take the first; here a job holds the
GPU that it took by a lock which the operating system takes back when the job ends, however it ends.
"""

import logging
import os
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from koopflow.core.errors import KoopflowError

logger = logging.getLogger("koopflow")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; ``auto`` is a GPU where there is one.

    For ``auto`` and ``cuda`` on a machine with GPUs it is one that no other job holds (this one waits until one is free), and this
    process keeps to it; torch is told to compute deterministically. ``cuda:1`` is taken as it is.

    Raises
    ------
    KoopflowError
        For an unknown name, or where a GPU is asked for and none is there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device(name)
    if not name.startswith("cuda"):
        raise KoopflowError(f"device: {name!r} is not accepted; accepted are auto, cpu and cuda")
    if not torch.cuda.is_available():
        raise KoopflowError(f"device: {name} was asked for, but no CUDA device is here; accepted are auto and cpu")
    compute_deterministically()
    return torch.device(f"cuda:{_own_gpu()}" if name == "cuda" else name)


def compute_deterministically() -> None:
    """Have torch and the libraries below it repeat a computation bit by bit; an operation that cannot be is warned of by name.

    Source: PyTorch's notes on reproducibility. cuBLAS reads its variable when it is first used.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


@cache
def _own_gpu() -> int:
    """Return the number of the GPU that this process holds until it ends."""
    return reserve([str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())])


def reserve(devices: Sequence[str], folder: str | Path | None = None) -> int:
    """Hold one of `devices`, the first that no other process holds, until this process ends; wait where all are held.

    Parameters
    ----------
    devices : sequence of str
        Names that are the same in every process, as the UUIDs of GPUs are whatever CUDA_VISIBLE_DEVICES numbers them.
    folder : path, optional
        Of the locks; one for the machine by default.

    Returns
    -------
    int
        Place in `devices`; 0, with nothing held, where the platform has no such locks.
    """
    try:
        import fcntl
    except ImportError:  # no flock on Windows: there two jobs must keep apart by themselves
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
            logger.info("all %d GPUs of this machine are held by other jobs; waiting for one", len(devices))
        waited = True
        time.sleep(1)
