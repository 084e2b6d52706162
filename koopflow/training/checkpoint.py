"""Checkpoints: all that a training needs to go on after kill −9 as if nothing had happened.

Batch orders, initializations and dropout are derived by name and step (`koopflow.core.seeds`), so there is no generator's
state to keep: the
step is the position in the data and in every stream of random numbers. What is kept is the weights, running
statistics, the optimizer's
memory, losses, kept states, scores, and how many states of the open trajectory belong to it.
"""

import hashlib
import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write

# torch does not compare the checksums of the zip file that it writes, so a line with one stands before it.
HEAD = b"koopflow checkpoint 2\n"


@dataclass(frozen=True)
class Checkpoint:
    """Where checkpoints go and how often.

    Attributes
    ----------
    directory : str
        A folder that no rule declares, so that Snakemake leaves it alone; the file is named by a hash of the whole set-up.
    every_seconds : float
    every_steps : int or None
        Also every so many steps.
    """

    directory: str
    every_seconds: float = 60.0
    every_steps: int | None = None


class Store:
    """One training's checkpoint file, written atomically."""

    def __init__(self, checkpoint: Checkpoint, about: Mapping, arrays: Mapping[str, np.ndarray | None]):
        self._checkpoint = checkpoint
        self.path = Path(checkpoint.directory) / f"{_fingerprint(about, arrays)}.pt"
        self._saved_at = time.monotonic()

    def due(self, step: int) -> bool:
        """Return whether it is time for the next checkpoint, after `step` updates."""
        every = self._checkpoint.every_steps
        return bool(every and step % every == 0) or time.monotonic() - self._saved_at >= self._checkpoint.every_seconds

    def save(self, state: dict) -> None:
        """Write `state` (tensors, numbers, strings, and lists and dicts of them), whole or not at all."""
        content = io.BytesIO()
        torch.save(state, content)
        with atomic_write(self.path, concurrent=True) as partial, partial.open("wb") as file:
            file.write(HEAD + hashlib.sha256(content.getbuffer()).hexdigest().encode() + b"\n")
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._saved_at = time.monotonic()

    def load(self) -> dict | None:
        """Return the saved state, or None where there is none."""
        if not self.path.is_file():
            return None
        return read(self.path)

    def remove(self) -> None:
        """Remove the checkpoint of a training that is complete."""
        self.path.unlink(missing_ok=True)


def read(path: Path) -> dict:
    """Return the state in the checkpoint at `path`, after comparing its checksum; raises KoopflowError for a damaged or older one."""
    content = path.read_bytes()
    if not content.startswith(HEAD):
        older = content.startswith((b"koopflow checkpoint ", b"PK"))
        what = "a checkpoint of another format version" if older else "a damaged checkpoint, or none"
        raise KoopflowError(f"{path}: {what}; remove it to train anew")
    digest, _, rest = content[len(HEAD) :].partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        raise KoopflowError(f"{path}: a damaged checkpoint (its checksum does not match); remove it to train anew")
    try:
        return torch.load(io.BytesIO(rest), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for what it will not read
        raise KoopflowError(f"{path}: an unreadable checkpoint ({type(error).__name__}); remove it to train anew") from error


def _fingerprint(about: Mapping, arrays: Mapping[str, np.ndarray | None]) -> str:
    """Return a hash of everything the numbers depend on: set-up, arrays and this library's own training code."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name, array in sorted(arrays.items()):
        digest.update(name.encode())
        if array is not None:
            array = np.ascontiguousarray(array)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.view(np.uint8).reshape(-1).data)
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:32]


class StopRequest:
    """Whether a termination was asked for (SIGTERM)."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_request(active: bool) -> Iterator[StopRequest]:
    """While active, turn SIGTERM into a flag, so that training can save a checkpoint before it stops."""
    request = StopRequest()
    if not active or threading.current_thread() is not threading.main_thread():
        yield request
        return

    def ask(signum, frame) -> None:
        request.asked = True

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield request
    finally:
        signal.signal(signal.SIGTERM, before)
