"""One run at a time in a folder: a lock that the operating system takes back when its holder dies, however it dies.

A lock file that must be removed by hand after a kill would stand between the user and "interrupted means resumed".
"""

import os
from pathlib import Path

from koopflow.errors import KoopflowError


def hold(folder: str | Path) -> int | None:
    """Take the folder for this process, until it ends.

    Returns
    -------
    int or None
        The open file that holds the lock; None where the platform has no such locks.

    Raises
    ------
    KoopflowError
        If another process holds the folder.
    """
    try:
        import fcntl
    except ImportError:  # no flock on Windows: there two runs must keep apart by themselves
        return None
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "koopflow.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise KoopflowError(f"{folder.resolve().parent}: another run is at work in this folder; wait until it ends") from None
    return handle
