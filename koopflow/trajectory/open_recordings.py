"""The open recordings of this process: each file has one writer, and an ordinary end of the process
loses nothing.

At an exception, ``sys.exit``, Ctrl-C, a signal (`SIGNALS`) or the end of the script, captured states
are flushed and the partial file is left to be read or resumed.
"""

import atexit
import logging
import os
import signal
import threading
from multiprocessing import util
from pathlib import Path
from types import FrameType
from typing import TextIO

import torch

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.layout import partial_path
from koopflow.trajectory.writer import TrajectoryWriter

logger = logging.getLogger("koopflow")

SIGNALS = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")
"""Signals by which terminals and schedulers of clusters announce the end."""


class FileLock:
    """Marks a trajectory as being recorded; the end of the process, of any kind, releases it.

    Raises
    ------
    KoopflowError
        If another recorder, in this process or another, writes the same trajectory.
    """

    def __init__(self, path: Path):
        self._path = path.with_name(f".{path.name}.lock")
        self._handle: TextIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        except OSError as error:
            raise KoopflowError(f"{path}: cannot be written ({error.strerror or error})") from None
        try:
            import fcntl
        except ImportError:  # Windows has no flock
            return
        while self._handle is None:
            handle = self._path.open("w")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle.fileno()).st_ino == self._path.stat().st_ino:
                    self._handle = handle
            except BlockingIOError:
                raise KoopflowError(
                    f"{partial_path(path)}: another recorder is writing it; wait until it has closed, or choose "
                    "another name"
                ) from None
            except FileNotFoundError:
                continue  # the previous holder has just removed the file that this process locked
            except OSError:  # a file system without locks
                return
            finally:
                if self._handle is None:
                    handle.close()

    def release(self) -> None:
        """Release the lock."""
        if self._handle is not None:
            import fcntl

            self._path.unlink(missing_ok=True)
            fcntl.flock(self._handle, fcntl.LOCK_UN)  # a forked child shares the lock, and may hold it open
            self._handle.close()
            self._handle = None


class OpenRecording:
    """A writer with the lock on its file. It is flushed at the end of the process unless closed
    before."""

    def __init__(self, writer: TrajectoryWriter, lock: FileLock):
        self.writer, self._lock, self._process = writer, lock, os.getpid()
        _open[writer.path.absolute()] = self
        _watch_for_the_end()

    @property
    def mine(self) -> bool:
        """Whether this process, not a parent that forked it, opened the recording."""
        return self._process == os.getpid()

    def close(self) -> Path:
        """Complete the file and return its path."""
        path = self.writer.close()
        self._forget()
        return path

    def leave(self) -> None:
        """Flush, and leave the partial file."""
        self.writer.abandon()
        self._forget()
        if self.writer.steps_written:
            logger.warning(
                "%s keeps the %d states of a recording that was not closed: read it under this name, or "
                "continue it with resume=True",
                self.writer.temporary,
                self.writer.steps_written,
            )

    def _forget(self) -> None:
        if _open.get(self.writer.path.absolute()) is self:
            del _open[self.writer.path.absolute()]
        self._lock.release()


_open: dict[Path, OpenRecording] = {}
_watched: set[int] = set()


def opened_here(path: Path) -> OpenRecording | None:
    """Return the recording of `path` that this process has open."""
    found = _open.get(path.absolute())
    return found if found is not None and found.mine else None


def leave_all() -> None:
    """Flush and leave all recordings that this process has open."""
    for recording in list(_open.values()):
        if recording.mine:
            recording.leave()


def _watch_for_the_end() -> None:
    if os.getpid() in _watched:
        return
    _watched.add(os.getpid())
    atexit.register(leave_all)
    util.Finalize(None, leave_all, exitpriority=0)  # a worker of multiprocessing skips atexit
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _leave_and_die)


def _leave_and_die(number: int, frame: FrameType | None) -> None:
    leave_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)  # the exit status shows the signal


def process_rank() -> int:
    """Return the rank of this process among those that train together, 0 if it trains alone."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    launched = (
        "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1
    )  # torchrun, before the group is made
    return int(os.environ.get("RANK", "0")) if launched else 0
