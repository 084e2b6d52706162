"""The source of koopflow as syntax trees: what the tests of its architecture look at."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "koopflow"


@cache
def modules() -> dict[str, Path]:
    """Return every module of koopflow by its dotted name; a package's name stands for its
    ``__init__``."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    """Return the syntax tree of the module `name`."""
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def _executed(module: ast.Module) -> Iterator[ast.AST]:
    """Yield every node of a module outside ``if TYPE_CHECKING:``."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        yield node
        checking = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        waiting += node.orelse if checking else ast.iter_child_nodes(node)


@cache
def imports(name: str) -> frozenset[str]:
    """Return the koopflow modules that `name` imports, at its top or inside its functions.

    Packages on the way do not count, nor do imports for type checkers only.
    """
    known, found = modules(), set()
    for node in _executed(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {module for module in inner if module in known}
            if node.module in known and not inner <= known.keys():  # it also takes an object of the module itself
                found.add(node.module)
    return frozenset(found - {name})


def room(name: str) -> str:
    """Return the room that a module stands in; the package itself is called ``koopflow``."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else PACKAGE


def functions(name: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function of the module `name`, methods and inner functions included, with its
    dotted name in the module."""

    def walk(node: ast.AST, place: tuple[str, ...]) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            inside = (*place, child.name) if named else place
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield ".".join(inside), child
            yield from walk(child, inside)

    yield from walk(tree(name), ())
