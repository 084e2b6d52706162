"""Checksums of results that contain none: text tables and figures. Each job logs the checksums of
its outputs."""

import hashlib
from pathlib import Path

UNSIGNED = (".csv", ".json", ".png", ".pdf", ".rst", ".md")
"""Suffixes of results whose content has no built-in checksum. Reports are left out: they contain
the time."""


def is_unsigned(path: str | Path) -> bool:
    """Return whether `path` is a file without a built-in checksum."""
    return Path(path).suffix in UNSIGNED and Path(path).is_file()


def checksum(path: str | Path) -> str:
    """Return the checksum of a file as Snakemake writes it: ``sha256:`` and 64 hexadecimal
    digits."""
    return f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
