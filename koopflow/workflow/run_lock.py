"""One run at a time in a folder of results.

The lock belongs to the operating system and ends with the process that holds it, however that dies.
A lock file would have to be removed by hand after a kill before the run could continue.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from koopflow.core.errors import KoopflowError

ROOM = 256 << 10
"""Bytes that Snakemake's own records and scripts need at the start of a run."""
ROUGH_MB = 100
"""Runs that write less are not compared with the free space: their estimates are rough."""


def hold(folder: str | Path, results: str | Path = "") -> int | None:
    """Lock the folder `results` until this process ends; the lock's file lies in `folder`.

    Returns
    -------
    int or None
        The open file that holds the lock; None where the platform or the file system has no locks.

    Raises
    ------
    KoopflowError
        If another process holds the lock.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no flock
        return None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(str(Path(results).resolve()).encode()).hexdigest()[:16]
    handle = os.open(folder / f"koopflow-{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise KoopflowError(
            f"{results or folder.resolve().parent}: another run is using this folder; wait until it ends"
        ) from None
    except OSError:  # a shared file system without locks
        os.close(handle)
        return None
    return handle


def writable(results: str | Path) -> None:
    """Check that files can be written where the folder `results` is or will be, and leave none
    behind.

    Raises
    ------
    KoopflowError
        If the disk is full or read-only, or the folder may not be written to.
    """
    folder = Path(results).absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM))
            file.flush()
    except OSError as error:
        raise KoopflowError(
            f"{results}: {str(error.strerror).lower()}; free space or fix the problem, then run again"
        ) from None


def enough_space(results: str | Path, written_mb: float) -> str | None:
    """Return a warning if less than `written_mb` MB are free where the results will be, else None.

    Raises
    ------
    KoopflowError
        If not even half of it is free: estimates of sizes are right within a factor of two.
    """
    folder = Path(results).absolute()
    while not folder.exists():
        folder = folder.parent
    free_mb = shutil.disk_usage(folder).free / 2**20
    if free_mb >= written_mb or written_mb < ROUGH_MB:
        return None
    line = (
        f"{results}: this run will write about {written_mb / 1024:.1f} GB, and {free_mb / 1024:.1f} GB are free; "
        "free space, or name another folder (`results`)"
    )
    if free_mb < written_mb / 2:
        raise KoopflowError(line)
    return line


def refuse_leftovers(folder: str | Path) -> None:
    """Check that SLURM runs no jobs of an earlier run in `folder`: a run killed with SIGKILL cannot
    cancel them.

    Raises
    ------
    KoopflowError
        If SLURM runs any. Nothing is raised without SLURM or without an answer from it.
    """
    if shutil.which("squeue") is None:
        return
    command = ["squeue", "--noheader", "--user", str(os.getuid()), "--format=%i|%Z|%k"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return
    jobs = [line.split("|", 2) for line in told.splitlines()]
    # Snakemake's plugin sets the comment; a user's shell or notebook in this folder has none.
    left = [
        number
        for number, place, comment in jobs
        if Path(place) == Path(folder).resolve() and comment.startswith("rule_")
    ]
    if left:
        raise KoopflowError(
            f"{Path(folder).resolve()}: SLURM still runs jobs of an earlier run here ({', '.join(left)}); "
            "wait until they end, or end them: "
            f"scancel {' '.join(left)}"
        )


def needs_slurm() -> None:
    """Check that SLURM answers here, as it does on a login node: Snakemake's plugin fails job by job
    without it, and does not end.

    Raises
    ------
    KoopflowError
        If ``sinfo`` is not there or fails. One that is slow to answer passes.
    """
    try:
        subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, timeout=20, check=True)
    except subprocess.TimeoutExpired:
        return
    except OSError:
        reason = "there is no sinfo"
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["sinfo failed"])[-1]
    else:
        return
    raise KoopflowError(f"SLURM does not answer on this machine ({reason}); start the run on a login node")
