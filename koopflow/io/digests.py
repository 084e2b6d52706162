"""Content digests of files and folders, cached while a file's size and modification time stay the
same."""

import hashlib
import json
import os
from pathlib import Path

from koopflow.io.atomic import atomic_write

PIECE = 1 << 22
"""Bytes read at a time."""


class Digests:
    """Content digests; those of unchanged files are read from the cache `memory`.

    Parameters
    ----------
    memory : path
        A JSON file of earlier digests. It may be missing or damaged, since it only saves time.
    trusted : bool
        Whether to trust cached digests without checking the files. The jobs of a run do so, since
        the run wrote the cache when it began.
    """

    def __init__(self, memory: str | Path, trusted: bool = False):
        self._memory, self._trusted = Path(memory), trusted
        self._known: dict[str, list[object]] = _read(self._memory)
        self._changed = False

    def of(self, path: str | Path) -> str:
        """Return the digest of a file's content or of a folder's names and contents; "absent" if
        neither exists."""
        path, key = Path(path), os.path.abspath(path)
        known = self._known.get(key)
        if self._trusted and known is not None:
            return str(known[0])
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file())
            parts = [(file.relative_to(path).as_posix(), self.of(file)) for file in inside]
            return self._remember(key, [hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()])
        if not path.is_file():
            return "absent"
        status = path.stat()
        now = [status.st_size, status.st_mtime_ns, status.st_ino]
        return str(known[0]) if known is not None and known[1:] == now else self._remember(key, [_content(path), *now])

    def since_first_seen(self, path: str | Path) -> str:
        """Return "unchanged" while a download is absent or as first seen, and its digest once it
        differs.

        Downloading a file thus makes no result out of date; replacing it later does.
        """
        digest, key = self.of(path), f"first:{os.path.abspath(path)}"
        if digest == "absent":
            return "unchanged"
        first = str(self._known[key][0]) if key in self._known else self._remember(key, [digest])
        return "unchanged" if digest == first else digest

    def _remember(self, key: str, entry: list[object]) -> str:
        self._changed |= self._known.get(key) != entry
        self._known[key] = entry
        return str(entry[0])

    def save(self) -> None:
        """Write the cache; a folder that is not writable is ignored."""
        if not self._changed:
            return
        try:
            with atomic_write(self._memory, concurrent=True) as partial:
                partial.write_text(json.dumps(self._known), encoding="utf-8")
        except OSError:
            return
        self._changed = False


def _content(path: Path) -> str:
    """Return the digest of a file's bytes, 32 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _read(memory: Path) -> dict[str, list[object]]:
    """Return the digests in `memory`; empty if it cannot be read."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
