"""Checkpoint files: all that a training needs to resume with bit-identical results, even after kill
−9.

Batch orders, initializations and dropout are derived by name and step (`koopflow.core.seeds`), so
no generator's state is saved: the step is the position in the data and in every stream of random
numbers.
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
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from koopflow.core.dependencies import code_digest
from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write
from koopflow.io.paths import check_regular

Facts = Mapping[str, object]
"""Plain values by name: all that a job's numbers depend on, apart from arrays."""

State = dict[str, Any]
"""Tensors, numbers, strings, and lists and dicts of them, by name."""

# torch does not verify the checksums of the zip file that it writes, so a line with a checksum
# precedes it.
HEAD = b"koopflow checkpoint 2\n"


@dataclass(frozen=True)
class Checkpoint:
    """Where checkpoints are saved, and how often.

    Attributes
    ----------
    directory : str
        A folder that no rule declares, so that Snakemake leaves it alone.
    every_seconds : float
        Time between checkpoints, in seconds.
    every_steps : int, optional
        Steps between checkpoints, in addition.
    """

    directory: str
    every_seconds: float = 60.0
    every_steps: int | None = None


class Store:
    """One job's checkpoint file, written atomically and named by a hash of all that the job's
    numbers depend on.

    Parameters
    ----------
    checkpoint : Checkpoint
    about : Facts
        Settings, seeds and names, as values that JSON can hold.
    arrays : mapping of str to array or None
        Data that the numbers depend on.
    code : str
        Dotted name of the module that computes: editing it or what it imports starts the job from
        the beginning.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        about: Facts,
        arrays: Mapping[str, NDArray[Any] | None],
        code: str = "koopflow.training.ensemble",
    ):
        self._checkpoint = checkpoint
        self.path = Path(checkpoint.directory) / f"{_fingerprint(about, arrays, code)}.pt"
        self._saved_at = time.monotonic()

    def due(self, step: int) -> bool:
        """Return whether it is time for the next checkpoint, after `step` updates."""
        every = self._checkpoint.every_steps
        return bool(every and step % every == 0) or time.monotonic() - self._saved_at >= self._checkpoint.every_seconds

    def save(self, state: State) -> None:
        """Write `state` (tensors, numbers, strings, and lists and dicts of them) atomically."""
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

    def load(self) -> State | None:
        """Return the saved state, or None if there is no checkpoint."""
        if not self.path.is_file():
            return None
        return read(self.path)

    def remove(self) -> None:
        """Remove the checkpoint of a job that is complete."""
        self.path.unlink(missing_ok=True)


def read(path: Path) -> State:
    """Return the state in the checkpoint at `path`, once its checksum is verified.

    Raises
    ------
    KoopflowError
        If the file is damaged, or of another format version.
    """
    check_regular(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KoopflowError(f"{path}: cannot be read ({error.strerror})") from None
    if not content.startswith(HEAD):
        older = content.startswith((b"koopflow checkpoint ", b"PK"))
        what = "a checkpoint of another format version" if older else "damaged, or not a checkpoint"
        raise KoopflowError(f"{path}: {what}; remove it to train from the beginning")
    digest, _, rest = content[len(HEAD) :].partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        raise KoopflowError(
            f"{path}: a damaged checkpoint (its checksum does not match); remove it to train from the beginning"
        )
    try:
        state: State = torch.load(io.BytesIO(rest), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for what it refuses to read
        raise KoopflowError(
            f"{path}: an unreadable checkpoint ({type(error).__name__}); remove it to train from the beginning"
        ) from error
    return state


def _fingerprint(about: Facts, arrays: Mapping[str, NDArray[Any] | None], code: str) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name, array in sorted(arrays.items()):
        digest.update(name.encode())
        if array is not None:
            array = np.ascontiguousarray(array)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.view(np.uint8).reshape(-1).data)
    digest.update(code_digest(code).encode())
    return digest.hexdigest()[:32]


class StopRequest:
    """Whether SIGTERM has arrived."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_request(active: bool) -> Iterator[StopRequest]:
    """While active, turn SIGTERM into a flag, so that a training can save a checkpoint before it
    stops."""
    request = StopRequest()
    if not active or threading.current_thread() is not threading.main_thread():
        yield request
        return

    def ask(signum: int, frame: FrameType | None) -> None:
        request.asked = True

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield request
    finally:
        signal.signal(signal.SIGTERM, before)
