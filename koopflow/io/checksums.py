"""Checksums of results that carry none themselves: text tables and figures. Each job logs those of
its outputs."""

import hashlib
from pathlib import Path

UNSIGNED = (".csv", ".json", ".png", ".pdf", ".rst", ".md")
"""Suffixes of results without a checksum of all their content. Reports are left out: they contain
the time."""


def is_unsigned(path: str | Path) -> bool:
    """Return whether `path` is a file that carries no checksum of its own."""
    return Path(path).suffix in UNSIGNED and Path(path).is_file()


def checksum(path: str | Path) -> str:
    """Return the checksum of a file as Snakemake writes it: ``sha256:`` and 64 hexadecimal
    digits."""
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
