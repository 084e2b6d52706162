"""The frame around one job of the workflow: its log, its threads, its signals and how it fails.

Nothing here knows the workflow engine; scripts pass plain values. Heavy libraries are imported by the scripts inside the frame, so that
the thread limits set here are in place before BLAS and torch read them.
"""

import errno
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from koopflow.core import versions
from koopflow.core.errors import KoopflowError
from koopflow.io.checksums import checksum, is_unsigned

logger = logging.getLogger("koopflow")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

PARAMETER = "parameter "  # begins a line of the log, which koopflow.cli.provenance reads

# Failures of the outside world that a user can mend, and what each means in plain words.
OUTSIDE = {
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.ENOLCK: "the file system has no locks (HDF5_USE_FILE_LOCKING=FALSE in the environment goes without)",
}

# What torch says, as a RuntimeError, when the host or the GPU has no more memory.
OUT_OF_MEMORY = ("allocate memory", "out of memory")


@contextmanager
def job(log: str | Path, threads: int = 1, params: Mapping | None = None, outputs: Iterable[str] = ()) -> Iterator[logging.Logger]:
    """Run the body as one job: log to `log` and the terminal, use `threads` threads, turn expected failures into one line.

    Parameters
    ----------
    log : path
        File that receives every message, and the traceback of an unexpected failure.
    threads : int
        Number of threads for BLAS and torch.
    params : mapping, optional
        The job's parameters: they go to the log by name, because Snakemake's own record keeps their values alone.
    outputs : paths
        What the job makes: the log ends with the checksums of those that carry none of their own (`koopflow.io.checksums.is_unsigned`).

    Raises
    ------
    SystemExit
        With status 1 after a `KoopflowError`, a failure of the disk or of memory, whose one line has been printed.
    """
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        to_file: logging.Handler = logging.FileHandler(log, mode="w", encoding="utf-8")
    except OSError as error:
        if error.errno not in OUTSIDE:
            raise
        _fail(f"{log}: {OUTSIDE[error.errno]}; make room or mend it, then run again")
    to_file.handleError = lambda record: None  # a log that cannot be written must not add a traceback to each line
    to_file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.addHandler(to_file)
    logger.setLevel(logging.DEBUG)
    logger.debug("%s; %s", versions.code(), versions.packages())
    for name, value in (params or {}).items():
        logger.debug(PARAMETER + "%s = %r", name, value)
    started = time.monotonic()
    hooks = sys.excepthook, sys.unraisablehook
    sys.excepthook, sys.unraisablehook = _without_outside(*hooks)
    try:
        yield logger
        for path in filter(is_unsigned, outputs):
            logger.debug("%s %s", checksum(path), path)
        logger.info("done in %.1f s%s", time.monotonic() - started, _gpu_memory())
    except KoopflowError as error:
        _fail(str(error))
    except (OSError, MemoryError, RuntimeError) as error:
        line = _outside(error)
        if line is None:
            logger.error(traceback.format_exc())
            raise
        _fail(line, last="errno = " in str(error))
    except Exception:
        logger.error(traceback.format_exc())
        raise
    finally:
        sys.excepthook, sys.unraisablehook = hooks
        logger.removeHandler(to_file)
        with suppress(OSError):  # what was still to be written of the log
            to_file.close()


def _gpu_memory() -> str:
    """Say how much memory of a GPU the job took at most, where it used one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return ""
    return f", at most {torch.cuda.max_memory_allocated() / 2**20:.0f} MB of the GPU {torch.cuda.get_device_name()}"


def _outside(error: BaseException | None) -> str | None:
    """Return one line on a failure of disk or memory, with what to do; None for anything else.

    HDF5 reports a full disk as OSError or RuntimeError, the number and the file in its words.
    """
    if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
        return f"not enough memory ({error}); take smaller networks, batches or replicas_per_job, or a machine with more"
    words = re.search(r"filename = '([^']*)'.*?errno = (\d+)", str(error), re.DOTALL)
    number = int(words[2]) if words else getattr(error, "errno", None)
    name = words[1] if words else getattr(error, "filename", None)
    if number not in OUTSIDE:
        return None
    return f"{name or 'writing the results'}: {OUTSIDE[number]}; make room or mend it, then run again"


def _without_outside(say: Callable, say_ignored: Callable) -> tuple[Callable, Callable]:
    """Return the interpreter's two hooks for errors that nobody catches, silent on failures of disk or memory.

    HDF5's objects, let go of on a full disk, try to write once more, and h5py has each attempt reported as a traceback of its own.
    """

    def excepthook(kind, error, trace):
        if _outside(error) is None:
            say(kind, error, trace)

    def unraisablehook(unraisable):
        if _outside(unraisable.exc_value) is None:
            say_ignored(unraisable)

    return excepthook, unraisablehook


def _fail(message: str, last: bool = False) -> None:
    """Say what is wrong and end the job with status 1; `last`: without giving libraries the time to say or do more."""
    logger.error(message)
    print(f"koopflow: {message}", file=sys.stderr, flush=True)
    if last:
        _leave()
    raise SystemExit(1) from None


def _leave() -> None:
    """End the process now: HDF5, whose file cannot be closed on a full disk, would write tracebacks, or crash, on its way out."""
    logging.shutdown()
    os._exit(1)
