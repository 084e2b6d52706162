"""Files that the configuration names, checked before anything is planned."""

from pathlib import Path

from koopflow.core.errors import KoopflowError

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin")
STATES = (".npy", *CHECKPOINTS)
"""Endings of files that hold one state each: arrays, and checkpoints of PyTorch."""


def existing(trajectories: dict) -> dict:
    """Return the `trajectories` block as it is; raises KoopflowError naming the first whose path is not there."""
    for name, spec in trajectories.items():
        for path in map(Path, listed(spec["path"])):
            if not path.exists():
                partial = path.with_name(path.name + ".partial")
                hint = f"; the unfinished {partial} is there, give its name to read it" if partial.exists() else ""
                raise KoopflowError(f"trajectories.{name}.path: {path} does not exist{hint}")
    return trajectories


def listed(paths: str | list[str]) -> list[str]:
    """Return the paths that one key of the configuration names: one, or a list of them."""
    return [paths] if isinstance(paths, str) else list(paths)


def takes_torch(trajectories: dict) -> bool:
    """Return whether torch is needed to read the `trajectories` block: whether a folder of checkpoints is among its paths."""
    return any(file.endswith(CHECKPOINTS) for spec in trajectories.values() for file in read_from(spec["path"]))


def read_from(paths: str | list[str]) -> list[str]:
    """Return the files behind `paths`: each file itself, and the states in each folder, so that changing any one is noticed."""
    found = []
    for path in map(Path, listed(paths)):
        inside = sorted(file for file in path.iterdir() if file.suffix in STATES) if path.is_dir() else [path]
        found += [str(file) for file in inside or [path]]
    return found
