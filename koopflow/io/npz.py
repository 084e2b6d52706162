"""Arrays on disk: .npz files that say what they are, whole or not at all, verified when read.

A zip file carries the CRC-32 of each member, and reading compares it; what is added here is the kind and version of the content, and an
error that names file and remedy. Nothing is ever unpickled.
"""

import json
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import whole

ABOUT = "koopflow"
REMEDY = "remove it and run the same command again: it is made anew"


def save(path: str | os.PathLike, kind: str, version: int, arrays: Mapping[str, np.ndarray], compress: bool = False) -> None:
    """Write `arrays` to `path` as a file of this `kind` and `version`; equal arrays give equal bytes."""
    about = np.array(json.dumps({"kind": kind, "version": version}))
    with whole(path, several=True) as partial, open(partial, "wb") as stream:
        (np.savez_compressed if compress else np.savez)(stream, **{ABOUT: about}, **arrays)


def load(path: str | os.PathLike, kind: str, version: int, needed: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Return the arrays of the file at `path`, every one read and verified.

    Raises
    ------
    KoopflowError
        When the file is absent, damaged, of another kind or version, or lacks one of `needed`; one line with the remedy.
    """
    found_kind, found, arrays = read(path)
    if (found_kind, found) != (kind, version):
        what = "a newer koopflow wrote it" if found > version else "an older koopflow wrote it"
        what = what if found_kind == kind else f"it holds {found_kind}"
        raise KoopflowError(f"{path}: {kind} in format {version} is needed, but {what} (format {found}); {REMEDY}")
    for name in needed:
        if name not in arrays:
            raise KoopflowError(f"{path}: damaged, the array {name} is missing; {REMEDY}")
    return arrays


def read(path: str | os.PathLike) -> tuple[str, int, dict[str, np.ndarray]]:
    """Return kind, version (0 where nothing is said) and the arrays of any .npz file of koopflow."""
    if not Path(path).is_file():
        raise KoopflowError(f"{path}: no such file; run the command that makes it again")
    try:
        # Opened here, because numpy leaves a damaged file open.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(str(arrays.pop(ABOUT))) if ABOUT in arrays else {"kind": "arrays of unknown kind", "version": 0}
        return str(about["kind"]), int(about["version"]), arrays
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for a damaged file
        raise KoopflowError(f"{path}: damaged or no .npz file ({_reason(error)}); {REMEDY}") from None


def _reason(error: Exception) -> str:
    words = str(error).strip().splitlines()
    return words[0][:200] if words and not isinstance(error, zipfile.BadZipFile) else f"{type(error).__name__}: {error}"[:200]
