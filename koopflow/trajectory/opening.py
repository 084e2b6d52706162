"""Open a trajectory file for reading: finished, still growing, or left behind by a process that
died."""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.checksums import REMEDY, Verifier
from koopflow.trajectory.layout import FORMAT, FORMAT_VERSION, partial_path

ACCEPTED = "expected a file written by koopflow's TrajectoryRecorder"
UPGRADE = (
    "run the same command again to recreate it, or keep one of your own with `python -m "
    "koopflow.cli.verify --upgrade FILE`"
)


def open_for_reading(path: Path) -> tuple[h5py.File, Verifier]:
    """Return the opened file and its checksums.

    Raises
    ------
    KoopflowError
        If the file is missing, truncated, damaged outside its weights, or not HDF5.
    """
    if not path.exists():
        partial = partial_path(path)
        hint = f"; {partial} exists, unfinished: give its name to read what it holds" if partial.exists() else ""
        raise KoopflowError(f"{path}: no such file{hint}")
    if path.is_dir() or not h5py.is_hdf5(path):
        raise KoopflowError(f"{path}: not an HDF5 file, or one whose beginning is lost; {ACCEPTED}")
    verifier = Verifier(path)
    try:
        return h5py.File(path, "r", rdcc_nbytes=0, **_locking(path)), verifier
    except OSError as error:
        unfinished = _is_partial(path) or "already open for write" in str(error)
        if not unfinished:  # opened as a growing file, HDF5 would retry a damaged one at ever longer intervals
            how = "truncated HDF5 file, its end is lost" if "truncated" in str(error) else "damaged HDF5 file"
            raise KoopflowError(f"{path}: a {how} ({error}); {REMEDY}") from None
        try:
            return h5py.File(path, "r", swmr=True, rdcc_nbytes=0), verifier  # being written, or its writer died
        except OSError:
            raise KoopflowError(f"{path}: a truncated or damaged HDF5 file ({error})") from None


def require_format(file: h5py.File, path: Path) -> None:
    """Raise a KoopflowError unless `file` is a trajectory of this format version, with axes and
    types as in `layout`."""
    if file.attrs.get("format", "") != FORMAT:
        raise KoopflowError(
            f"{path}: an HDF5 file, but not a koopflow trajectory (no attribute format = {FORMAT!r}); {ACCEPTED}"
        )
    version = int(file.attrs["format_version"])
    if version > FORMAT_VERSION:
        raise KoopflowError(
            f"{path}: format version {version}, this koopflow reads up to {FORMAT_VERSION}; update koopflow"
        )
    if version < FORMAT_VERSION:
        raise KoopflowError(f"{path}: the older format version {version}; {UPGRADE}")
    for name, axes in (("weights", 3), ("steps", 1), ("loss", 2)):
        if name not in file or file[name].ndim != axes:
            found = f"shape {file[name].shape}" if name in file else "nothing"
            raise KoopflowError(f"{path}: /{name} must have {axes} axes (got {found})")
    if file["weights"].dtype != np.float32:
        raise KoopflowError(f"{path}: /weights must be float32 (got {file['weights'].dtype})")


def _is_partial(path: str | os.PathLike[str]) -> bool:
    return Path(path).name.endswith(".partial")


def _locking(path: Path) -> dict[str, Any]:
    """Return h5py's option for locks: no locks for a finished file, which nobody writes and some
    file systems cannot lock."""
    return {} if _is_partial(path) else {"locking": False}
