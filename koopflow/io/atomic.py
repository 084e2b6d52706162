"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | os.PathLike, several: bool = False) -> Iterator[Path]:
    """Yield the place at which to write what shall be the file `path`.

    It takes the name `path`, in a folder made for it where there is none, when the block ends, and is removed where the block fails: who
    reads `path` finds what was there before, or all of it.

    Parameters
    ----------
    path : path
    several : bool
        Several processes may write this file at once: each has a place of its own, and the last one stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f".{os.getpid()}" if several else ""
    partial = path.with_name(f".{path.name}{own}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
