"""Source files that a script depends on: the transitive closure of its koopflow imports.

The workflow declares these files as inputs of each rule, so that editing a module reruns exactly
the jobs that use it.
"""

from pathlib import Path

from koopflow.core.dependencies import PACKAGE, closure, module_file


def source_files(root: str | Path, *names: str) -> list[str]:
    """Return the sorted paths, relative to `root`, of all files that `names` depend on.

    Parameters
    ----------
    root : path
        The repository: the folder that holds ``koopflow`` and ``scripts``.
    *names : str
        Scripts by name ("train_ensemble" for scripts/train_ensemble.py) or modules by dotted name
        ("koopflow.koopman.dmd").

    Raises
    ------
    FileNotFoundError
        If there is no script or module of that name.
    """
    root = Path(root)
    start = []
    for name in names:
        file = module_file(root, name) if name.split(".")[0] == PACKAGE else root / "scripts" / f"{name}.py"
        if file is None or not file.is_file():
            raise FileNotFoundError(f"no script or module named {name!r} under {root}")
        start.append(file)
    return sorted(file.relative_to(root).as_posix() for file in closure(root, start))
