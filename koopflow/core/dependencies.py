"""Module dependencies, read from syntax trees; nothing is imported or executed.

Names in registries count as imports. Only the standard library is needed, so this can run while a
workflow file is parsed.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "koopflow"
ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package."""

_TARGET = re.compile(r'"(koopflow(?:\.\w+)+):\w+"')  # an import target in a koopflow.core.registry.Registry
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields that hold nested statements
_IMPORT = re.compile(r"^[ \t]*((?:from[ \t]+[\w.]+[ \t]+import|import)[ \t]+(?:\([^)]*\)|[\w., \t*]+))", re.MULTILINE)


def closure(root: Path, files: Iterable[Path], package: str | None = PACKAGE) -> list[Path]:
    """Return `files` and everything under `root` that they import, directly or indirectly, sorted.

    Parameters
    ----------
    root : path
        The folder searched for modules.
    files : iterable of path
        The files whose imports are followed.
    package : str or None
        Follow imports of this package only; None follows every module under `root` except this
        library's.
    """
    found: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_imported_files(root, file, package))
    return sorted(found)


def user_files(target: str, folders: Iterable[Path]) -> list[Path]:
    """Return the files behind a user's "package.module:name": its module and the local modules it
    imports.

    Only modules inside `folders` count; installed ones are left out.
    """
    module = target.partition(":")[0]
    for root in folders:
        file = module_file(root, module)
        if file is not None:
            return closure(root, [file], package=None)
    return []


def code_digest(*modules: str) -> str:
    """Return the SHA-256 digest (hex) of the source of `modules` (dotted names) and all their
    dependencies.

    A cache keyed by this digest is invalidated exactly when the code behind it changes.
    """
    digest = hashlib.sha256()
    for file in closure(ROOT, [module_file(ROOT, module) or ROOT / module for module in modules]):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _imported_files(root: Path, file: Path, package: str | None) -> tuple[Path, ...]:
    """Return the files under `root` that `file` imports, at module level or inside functions, with
    their packages.

    The package's own ``__init__.py`` imports its public names lazily, so it counts as importing
    nothing.
    """
    if file == root / PACKAGE / "__init__.py":
        return ()
    text = file.read_text(encoding="utf-8")
    modules: set[str] = set(_TARGET.findall(text))
    for node in _import_statements(text, whole=package is None):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        else:
            module = ".".join(filter(None, [_package_of(root, file, node.level), node.module]))
            modules.add(module)
            modules.update(f"{module}.{alias.name}" for alias in node.names)
    found: set[Path] = set()
    for module in modules:
        parts = module.split(".")
        if parts[0] == package or (package is None and parts[0] != PACKAGE):
            files = (_module_file(root, ".".join(parts[:end])) for end in range(1, len(parts) + 1))
            found.update(file for file in files if file is not None)
    return tuple(sorted(found))


def _import_statements(text: str, whole: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the import statements of a module's source, at any depth.

    Unless `whole`, only the lines that begin an import are parsed, which takes a tenth of the time;
    it misses an import behind a colon or a semicolon, which this package's style does not allow.
    """
    try:
        tree = ast.parse(text if whole else "\n".join(_IMPORT.findall(text)))
    except SyntaxError:
        if not whole:  # a docstring has a line that looks like an import
            yield from _import_statements(text, whole=True)
        return  # a user's file; the check of its stage reports the error
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        waiting += [inner for field in _BLOCKS for inner in getattr(node, field, ()) if isinstance(inner, ast.AST)]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node


def _package_of(root: Path, file: Path, level: int) -> str | None:
    """Return the package at which a relative import of `level` dots in `file` starts; None if
    absolute."""
    return ".".join(file.relative_to(root).parts[:-level]) if level else None


def module_file(root: Path, module: str) -> Path | None:
    """Return the file of the dotted name `module` under `root`, or None if no such module file
    exists."""
    if not module:
        return None
    path = root.joinpath(*module.split("."))
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None


_module_file = cache(module_file)
