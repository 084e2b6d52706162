"""Arrays on disk: .npz files tagged with kind and version, written atomically and verified on
reading.

Reading checks the CRC-32 that the zip format stores for each array. Nothing is ever unpickled.
"""

import json
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write

ABOUT = "koopflow"
SMALL = 1 << 28
"""Bytes that any archive may inflate to."""
MOST_INFLATION = 100
"""Times its size to which a larger archive may inflate."""
REMEDY = "remove it and run the same command again to recreate it"


def save(
    path: str | os.PathLike[str], kind: str, version: int, arrays: Mapping[str, ArrayLike], compress: bool = False
) -> None:
    """Write `arrays` to `path` as a file of this `kind` and `version`; equal arrays give equal
    bytes."""
    about = np.array(json.dumps({"kind": kind, "version": version}))
    stored: dict[str, Any] = {ABOUT: about, **arrays}
    with atomic_write(path, concurrent=True) as partial, open(partial, "wb") as stream:
        (np.savez_compressed if compress else np.savez)(stream, **stored)


def load(
    path: str | os.PathLike[str], kind: str, version: int, needed: Collection[str] = ()
) -> dict[str, NDArray[Any]]:
    """Return all arrays of the file at `path`, verified.

    Raises
    ------
    KoopflowError
        If the file is missing, damaged, of another kind or version, or lacks one of `needed`; the
        message gives the remedy.
    """
    found_kind, found, arrays = read(path)
    if (found_kind, found) != (kind, version):
        what = "a newer koopflow wrote it" if found > version else "an older koopflow wrote it"
        what = what if found_kind == kind else f"it holds {found_kind}"
        raise KoopflowError(f"{path}: must be a {kind} file in format {version}, but {what} (format {found}); {REMEDY}")
    for name in needed:
        if name not in arrays:
            raise KoopflowError(f"{path}: damaged, array {name} is missing; {REMEDY}")
    return arrays


def read(path: str | os.PathLike[str]) -> tuple[str, int, dict[str, NDArray[Any]]]:
    """Return the kind, version (0 if absent) and arrays of a koopflow .npz file.

    Raises
    ------
    KoopflowError
        If the file is missing or damaged.
    """
    if not Path(path).is_file():
        raise KoopflowError(f"{path}: no such file; rerun the command that creates it")
    refuse_inflation(path)
    try:
        # opened here, because NumPy leaves a damaged file open
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about: Any = (
            json.loads(str(arrays.pop(ABOUT))) if ABOUT in arrays else {"kind": "arrays of unknown kind", "version": 0}
        )
        return str(about["kind"]), int(about["version"]), arrays
    except Exception as error:  # zipfile, zlib and NumPy raise many exception types for a damaged file
        raise KoopflowError(f"{path}: damaged or not an .npz file ({_reason(error)}); {REMEDY}") from None


def refuse_inflation(path: str | os.PathLike[str]) -> None:
    """Raise a KoopflowError if the arrays of the archive at `path` are far larger than the archive.

    A few kilobytes can be made to inflate without end; arrays of data do not shrink by such
    factors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inflated = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # whoever reads the arrays says what is wrong
    packed = Path(path).stat().st_size
    if inflated > SMALL and inflated > MOST_INFLATION * packed:
        raise KoopflowError(
            f"{path}: its {packed:,} bytes inflate to {inflated:,}; at most {MOST_INFLATION} times as "
            "many are accepted, so save"
            " the arrays uncompressed"
        )


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (
        lines[0][:200]
        if lines and not isinstance(error, zipfile.BadZipFile)
        else f"{type(error).__name__}: {error}"[:200]
    )
