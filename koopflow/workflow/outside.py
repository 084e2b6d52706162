"""Failures that the user can fix: a full disk, a quota, permissions, memory, a missing package. Each
becomes one line that says what to do."""

import errno
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from koopflow.core.dependencies import PACKAGE

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

MEANINGS = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.ENOLCK: "the file system has no locks (set HDF5_USE_FILE_LOCKING=FALSE in the environment to do without)",
}
REMEDY = "free space or fix the problem, then run again"
# Messages of the RuntimeErrors that torch raises when the host or the GPU has no memory left; the
# last one is of CUDA's libraries.
OUT_OF_MEMORY = ("allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


def explained(error: BaseException | None) -> str | None:
    """Return a one-line message for a failure of disk or memory or a missing package, None for any
    other error.

    HDF5 reports a full disk as OSError or RuntimeError, with the number and the file in its
    message.
    """
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != PACKAGE:
        return (
            f"the environment of this job has no package that provides the module {error.name}; add it to the file of "
            "this rule's environment in envs/, or, without --sdm, install requirements.txt (`make`)"
        )
    if not isinstance(error, OSError | MemoryError | RuntimeError):
        return None
    if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
        return (
            f"not enough memory ({error}); reduce the networks, batches or replicas_per_job, or use a "
            "machine with more memory"
        )
    words = re.search(r"filename = '([^']*)'.*?errno = (\d+)", str(error), re.DOTALL)
    number = int(words[2]) if words else getattr(error, "errno", None)
    name = words[1] if words else getattr(error, "filename", None)
    if number not in MEANINGS:
        return None
    return f"{name or 'writing the results'}: {MEANINGS[number]}; {REMEDY}"


def unexpected(error: BaseException) -> str:
    """Return one line for an error that nobody expected: where it was raised, and what it says.

    The place is the last line of a user's own function or of koopflow, not of another package or of
    Python's library that these call.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _ours(frame.filename)]
    place = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""
    words = " ".join(str(error).split())
    return f"{place}{type(error).__name__}{': ' * bool(words)}{words} (the log has the traceback)"


def _ours(file: str) -> bool:
    """Return whether a line of `file` says more to a user than its caller."""
    installed = "site-packages" in file or file.startswith(("<", sysconfig.get_path("stdlib")))
    return not installed or Path(file).is_relative_to(Path(__file__).parents[1])


@contextmanager
def silenced() -> Iterator[None]:
    """Keep failures of disk and memory that nobody catches from being printed as tracebacks.

    HDF5's objects try to write once more when they are released on a full disk, and h5py reports
    each attempt.
    """
    hooks = sys.excepthook, sys.unraisablehook

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if explained(error) is None:
            hooks[0](kind, error, trace)

    def unraisablehook(unraisable: "UnraisableHookArgs") -> None:
        if explained(unraisable.exc_value) is None:
            hooks[1](unraisable)

    sys.excepthook, sys.unraisablehook = excepthook, unraisablehook
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks
