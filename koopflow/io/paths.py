"""Paths in the configuration, checked before any job is planned."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koopflow.core.errors import KoopflowError

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".tar")
STATES = (".npy", *CHECKPOINTS)
"""Suffixes of files that hold one state each: arrays and checkpoints."""
BESIDE = (".index.json", "trainer_state.json")
"""Files next to states that record which shards belong together, and the step."""


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise a KoopflowError if `path` is a folder, a device, a pipe, a socket or a circular link.

    Reading a pipe or device could wait or go on without end. A missing file passes: its reader says
    what it is.
    """
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise KoopflowError(f"{path}: cannot be read ({error})") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise KoopflowError(f"{path}: cannot be read: it is {what}, not a file")


def existing(trajectories: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Return the `trajectories` block unchanged; raise a KoopflowError that names the first missing
    path."""
    for name, spec in trajectories.items():
        for path in map(Path, listed(spec["path"])):
            if not path.exists():
                partial = path.with_name(path.name + ".partial")
                hint = f"; to read the unfinished recording, set it to {partial}" if partial.exists() else ""
                raise KoopflowError(f"trajectories.{name}.path: {path} does not exist{hint}")
    return trajectories


def listed(paths: str | Sequence[str]) -> list[str]:
    """Return one path, or a list of paths, as a list."""
    return [paths] if isinstance(paths, str) else list(paths)


def takes_torch(trajectories: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether reading the `trajectories` block needs torch: whether any path holds
    checkpoints."""
    return any(file.endswith(CHECKPOINTS) for spec in trajectories.values() for file in read_from(spec["path"]))


def read_from(paths: str | Sequence[str]) -> list[str]:
    """Return the files behind `paths`: each file, and each state in a folder, so that any change is
    detected."""
    found = []
    for path in map(Path, listed(paths)):
        found += [str(file) for file in (_states_in(path) if path.is_dir() else [path]) or [path]]
    return found


def _states_in(folder: Path, depth: int = 4) -> list[Path]:
    """Return the state files in `folder`, or in its subfolders if it contains no series of its
    own."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in inside if path.is_file() and (path.suffix in STATES or path.name.endswith(BESIDE))]
    numbered = [path for path in files if any(letter.isdigit() for letter in path.stem)]
    if depth and len(numbered) < 2:
        files += [file for path in inside if path.is_dir() for file in _states_in(path, depth - 1)]
    return files
