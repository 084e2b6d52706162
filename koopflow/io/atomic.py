"""Atomic writes: a reader finds the old file or the complete new one, never a partial one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from koopflow.core.errors import KoopflowError


@contextmanager
def atomic_write(path: str | os.PathLike[str], concurrent: bool = False) -> Iterator[Path]:
    """Yield a temporary path; it replaces `path` when the block ends without an error.

    The folder of `path` is created if needed. If the block raises, the temporary file is removed
    and `path` stays as it was.

    Parameters
    ----------
    path : path
        The file to write.
    concurrent : bool
        Whether several processes may write `path` at once. Each process then gets its own temporary
        path, and the last to finish wins.

    Yields
    ------
    Path
        The temporary path, in the folder of `path`.

    Raises
    ------
    KoopflowError
        If `path` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise KoopflowError(f"{path}: is a folder; name a file in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f".{os.getpid()}" if concurrent else ""
    partial = path.with_name(f".{path.name}{own}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
