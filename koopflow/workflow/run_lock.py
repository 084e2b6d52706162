"""One run at a time in a folder of results: a lock that the operating system takes back when its holder dies, however it dies.

A lock file that must be removed by hand after a kill would stand between the user and "interrupted means resumed".
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from koopflow.core.errors import KoopflowError

ROOM = 256 << 10
"""Bytes without which Snakemake's own records and scripts cannot be written, and a run would end in the middle of nothing."""


def hold(folder: str | Path, results: str | Path = "") -> int | None:
    """Take the folder `results` for this process, until it ends; the lock itself lies in `folder`.

    Returns
    -------
    int or None
        The open file that holds the lock; None where the platform, or the file system, has no such locks.

    Raises
    ------
    KoopflowError
        If another process holds the results.
    """
    try:
        import fcntl
    except ImportError:  # no flock on Windows: there two runs must keep apart by themselves
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
            f"{results or folder.resolve().parent}: another run is at work in this folder; wait until it ends"
        ) from None
    except OSError:  # a shared file system without locks: there two runs must keep apart by themselves
        os.close(handle)
        return None
    return handle


def writable(results: str | Path) -> None:
    """See that there is room for a start where results, or Snakemake's records, go; nothing is left there.

    Raises
    ------
    KoopflowError
        If the disk is full or read-only, or the folder belongs to somebody else.
    """
    folder = Path(results).absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM))
            file.flush()
    except OSError as error:
        raise KoopflowError(f"{results}: {str(error.strerror).lower()}; make room or mend it, then run again") from None


def refuse_leftovers(folder: str | Path) -> None:
    """Look whether SLURM still runs jobs for this folder that an earlier run left: one that was killed with -9 could not cancel them.

    Raises
    ------
    KoopflowError
        If there are any. Nothing is raised where there is no SLURM, or it does not answer.
    """
    if shutil.which("squeue") is None:
        return
    asked = ["squeue", "--noheader", "--user", str(os.getuid()), "--format=%i|%Z|%k"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return
    jobs = [line.split("|", 2) for line in told.splitlines()]
    # The comment is that of Snakemake's plugin: a user's shell or notebook in this folder is no job of a run.
    left = [number for number, place, comment in jobs if Path(place) == Path(folder).resolve() and comment.startswith("rule_")]
    if left:
        raise KoopflowError(
            f"{Path(folder).resolve()}: SLURM still runs jobs of an earlier run here ({', '.join(left)}); wait until they end, or end them: "
            f"scancel {' '.join(left)}"
        )
