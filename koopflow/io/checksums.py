"""Checksums of results that carry none of their own: tables of text and figures. Each job's log ends with those of what it made."""

import hashlib
from pathlib import Path

BARE = (".csv", ".json", ".png", ".pdf", ".rst", ".md")
"""Kinds of results without a checksum inside, or with one of a part only; a report is made anew in a moment, and holds the time."""


def bare(path: str | Path) -> bool:
    """Return whether `path` is a file whose content nothing in it vouches for."""
    return Path(path).suffix in BARE and Path(path).is_file()


def checksum(path: str | Path) -> str:
    """Return the checksum of a file as Snakemake writes it: ``sha256:`` and 64 digits."""
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
