"""The frame of one job: its log, its threads, and how it fails.

Scripts pass plain values, so nothing here knows Snakemake. Scripts import heavy libraries inside
the frame, because BLAS and torch read the thread limits when they are imported.
"""

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from koopflow.core import facts, progress, versions
from koopflow.core.errors import TERMINATED, KoopflowError
from koopflow.io.checksums import checksum, is_unsigned
from koopflow.workflow import host, outside

logger = logging.getLogger("koopflow")

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
PARAMETER = "parameter "
"""The first word of a log line that holds a parameter; koopflow.cli.provenance reads these
lines."""
FAILED = "failed: "
"""The first word of a log's last entry, of a job that failed; koopflow.cli.terminal reads it."""
STOPPED = "stopped by SIGTERM before the end of its work (near its time limit, or cancelled)"
"""What a job says that was asked to stop; koopflow.workflow.slurm_failures reads it."""


@contextmanager
def job(
    log: str | Path, threads: int = 1, params: Mapping[str, object] | None = None, outputs: Iterable[str] = ()
) -> Iterator[logging.Logger]:
    """Run the body as one job: log to `log`, use `threads` threads, turn expected failures into one
    line.

    Parameters
    ----------
    log : path
        File that receives every message, and the traceback of an unexpected failure.
    threads : int
        Threads for BLAS and torch.
    params : mapping, optional
        The job's parameters. The log holds their names, because Snakemake records only their
        values.
    outputs : paths
        The files that the job makes. The log ends with checksums of the files that contain none
        (`koopflow.io.checksums.is_unsigned`), and with what the job ran on
        (`koopflow.workflow.host`).

    Raises
    ------
    SystemExit
        With status 1, after any failure is printed in one line (the log has the traceback of one
        that nobody expected); with status 143 after SIGTERM, which clusters send before they end a job. A training
        saves a checkpoint first.
    """
    _limit_threads(threads)
    level = logger.level
    handler = _start_log(log, params or {})
    started = time.monotonic()
    with outside.silenced(), _exit_on_request(), progress.shown():
        try:
            yield logger
            for path in filter(is_unsigned, outputs):
                logger.debug("%s %s", checksum(path), path)
            facts.note("host", threads=threads, **host.describe())
            logger.info("done in %.1f s%s", time.monotonic() - started, _gpu_memory())
        except KoopflowError as error:
            _fail(str(error))
        except SystemExit as ending:
            if ending.code == TERMINATED:
                _fail(STOPPED, status=TERMINATED)
            raise
        except Exception as error:
            if (line := outside.explained(error)) is not None:
                _fail(line, at_once="errno = " in str(error))
            logger.error(traceback.format_exc())
            _fail(outside.unexpected(error))
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            with suppress(OSError):  # the unwritten rest of the log
                handler.close()


@contextmanager
def _exit_on_request() -> Iterator[None]:
    """Make SIGTERM end the body with SystemExit; a training that saves first handles it itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _limit_threads(threads: int) -> None:
    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


class _LogFile(logging.FileHandler):
    """A log file. On a full disk, lines are lost without a traceback each."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def _start_log(log: str | Path, params: Mapping[str, object]) -> logging.Handler:
    """Open the log, and record the code, its parameters and the packages."""
    try:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(log, mode="w", encoding="utf-8")
    except OSError as error:
        if error.errno not in outside.MEANINGS:
            raise
        _fail(f"{log}: {outside.MEANINGS[error.errno]}; {outside.REMEDY}")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.debug("%s; %s", versions.code(), versions.packages())
    for name, value in params.items():
        logger.debug(PARAMETER + "%s = %r", name, value)
    return handler


def _gpu_memory() -> str:
    """Return the job's peak GPU memory as text, empty if it used no GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return ""
    return f", at most {torch.cuda.max_memory_allocated() / 2**20:.0f} MB of the GPU {torch.cuda.get_device_name()}"


def _fail(message: str, at_once: bool = False, status: int = 1) -> NoReturn:
    """Print `message` and end the job with `status`; `at_once` skips the clean-up of libraries."""
    logger.error(FAILED + message)
    print(f"koopflow: {message}", file=sys.stderr, flush=True)
    if at_once:
        _leave()
    raise SystemExit(status) from None


def _leave() -> None:
    """End the process now: on a full disk HDF5 cannot close its file, and would print tracebacks or
    crash on its way out."""
    logging.shutdown()
    os._exit(1)
