"""One idea a module, one thing a function: both stay short enough to be read at once."""

import ast

import pytest

from tests.architecture.source import ROOT, functions, modules

LONGEST_MODULE, LONGEST_FUNCTION, LONGEST_SCRIPT = 300, 60, 60
SCIENCES = ("koopman", "equivalence", "pruning", "tickets", "rg", "forecast", "training")


def test_no_module_is_longer_than_300_lines():
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    found = {name for name, count in lines.items() if count > LONGEST_MODULE}
    assert found == set()


def test_no_script_is_longer_than_60_lines():
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "scripts").glob("*.py")}
    assert {name for name, count in lines.items() if count > LONGEST_SCRIPT} == set()


def test_no_function_is_longer_than_60_lines():
    found = {
        f"{name}:{function}"
        for name in modules()
        for function, node in functions(name)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    }
    assert found == set()


def test_the_sciences_take_no_dict_of_settings():
    found = {
        f"{name}:{function}({argument.arg})"
        for name in modules()
        if name.split(".")[1:2] and name.split(".")[1] in SCIENCES
        for function, node in functions(name)
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if argument.annotation is not None and is_dict_of_anything(argument.annotation)
    }
    assert found == set(), "take a model of koopflow.config or a dataclass"


def is_dict_of_anything(annotation: ast.expr) -> bool:
    """Return whether a dict or mapping of nothing in particular stands anywhere in `annotation`."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return is_dict_of_anything(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.Subscript):
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        last = parts[-1]
        if _is_dict(annotation.value) and _name(last) in ("Any", "object"):
            return True
        return any(is_dict_of_anything(part) for part in parts)
    if isinstance(annotation, ast.BinOp):
        return is_dict_of_anything(annotation.left) or is_dict_of_anything(annotation.right)
    return _is_dict(annotation)


def _is_dict(node: ast.expr) -> bool:
    return _name(node) in ("dict", "Mapping", "MutableMapping", "Dict")


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize(
    ("text", "anything"),
    [
        ("dict", True),
        ("Mapping", True),
        ("Mapping | None", True),
        ("dict[str, Any]", True),
        ("Mapping[str, Mapping]", True),
        ("list[dict]", True),
        ("Sequence[Mapping[str, object]]", True),
        ("Mapping[str, NDArray[np.float64]]", False),
        ("dict[str, list[int]] | None", False),
        ("TicketStudy", False),
    ],
)
def test_dicts_of_anything_are_told_from_arrays_by_name(text, anything):
    assert is_dict_of_anything(ast.parse(text, mode="eval").body) is anything
