"""Digests of files and folders by content, remembered as long as size and time of a file stay the same."""

import hashlib
import json
import os
from pathlib import Path

from koopflow.io.atomic import atomic_write

PIECE = 1 << 22
"""Bytes read at a time."""


class Digests:
    """Digests by content; those of unchanged files come from `memory` instead of being computed again.

    Parameters
    ----------
    memory : path
        A JSON file of earlier digests. It may be absent or damaged: it only saves time.
    """

    def __init__(self, memory: str | Path):
        self._memory = Path(memory)
        self._known: dict[str, list[object]] = _read(self._memory)
        self._changed = False

    def of(self, path: str | Path) -> str:
        """Return the digest of a file's content, or of the names and contents in a folder; "absent" where there is neither."""
        path = Path(path)
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file())
            parts = [(file.relative_to(path).as_posix(), self.of(file)) for file in inside]
            return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
        if not path.is_file():
            return "absent"
        status = path.stat()
        now = [status.st_size, status.st_mtime_ns, status.st_ino]
        known = self._known.get(key := os.path.abspath(path))
        if known is None or known[1:] != now:
            known = self._known[key] = [_content(path), *now]
            self._changed = True
        return str(known[0])

    def save(self) -> None:
        """Write what is known to the memory; a folder that cannot be written is no error."""
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
    """Return the digests in `memory`; none where it cannot be read."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
