"""Which source files a script depends on: the transitive closure of its koopflow imports, read from syntax trees.

The workflow declares these files as inputs of each rule, so that editing a module reruns exactly the jobs that use it. Only the standard
library is needed, and nothing is executed: the workflow file is parsed again in every cluster job.
"""

import ast
import re
from functools import cache
from pathlib import Path

PACKAGE = "koopflow"
TARGET = re.compile(r'"(koopflow(?:\.\w+)+):\w+"')  # what a koopflow.core.registry.Registry imports by name
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where statements hold statements; expressions hold no import


def source_files(root: str | Path, *names: str) -> list[str]:
    """Return the files that `names` depend on, relative to `root` and sorted.

    Parameters
    ----------
    root : path
        The repository: the folder that holds ``koopflow`` and ``scripts``.
    *names : str
        Scripts by name ("train_ensemble" for scripts/train_ensemble.py) or modules by dotted name ("koopflow.koopman.dmd").
    """
    root = Path(root)
    start = [_module_file(root, name) if name.split(".")[0] == PACKAGE else root / "scripts" / f"{name}.py" for name in names]
    for name, file in zip(names, start):
        if file is None or not file.is_file():
            raise FileNotFoundError(f"no script or module named {name!r} under {root}")
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imported_files(root, file))
    return sorted(file.relative_to(root).as_posix() for file in found)


@cache
def _imported_files(root: Path, file: Path) -> tuple[Path, ...]:
    """Return the koopflow files that `file` imports, at its top or inside its functions, with the packages they stand in."""
    text = file.read_text(encoding="utf-8")
    modules: set[str] = set(TARGET.findall(text))
    waiting: list[ast.AST] = [ast.parse(text)]
    face = file == root / PACKAGE / "__init__.py"
    while waiting:
        node = waiting.pop()
        if face and isinstance(node, ast.If):  # for type checkers: the face imports a name when it is used, scripts use the rooms
            continue
        waiting += [inner for field in BLOCKS for inner in getattr(node, field, ()) if isinstance(inner, ast.AST)]
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    files: set[Path] = set()
    for module in modules:
        parts = module.split(".")
        if parts[0] == PACKAGE:
            files.update(_module_file(root, ".".join(parts[:end])) for end in range(1, len(parts) + 1))
    return tuple(sorted(files - {None}))


def _module_file(root: Path, module: str) -> Path | None:
    """Return the file of `module`, or None when the dotted name is an object inside a module."""
    path = root.joinpath(*module.split("."))
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None
