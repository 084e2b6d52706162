"""One-line error messages: the key, what it must be, what was found."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from koopflow.core.suggest import nearest

NEEDED = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys",
    "null": "null",
}
KINDS = {
    "int_type": "integer",
    "float_type": "number",
    "string_type": "string",
    "bool_type": "boolean",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
}
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("greater than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
    "too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
}


def not_finite(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield key and value of infinite numbers, NaN, and integers of more than 63 bits."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from not_finite(inner, joined(key, name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from not_finite(inner, joined(key, index))
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) >= 2**63):
        yield key, value


def infinite(key: str, value: Any) -> str:
    """Return the message for a number that `not_finite` found."""
    return f"{key or 'config'} must be a finite number below 2^63 in magnitude (got {shown(value)})"


def joined(*parts: object) -> str:
    """Return the key path of `parts`, without empty ones; long or unprintable ones are cut or
    quoted."""
    texts = [str(part) for part in parts if part != ""]
    return ".".join(text if text.isprintable() and len(text) <= 200 else shown(text) for text in texts)


def one_line(error: ValidationError, key: str = "", base: str = "") -> str:
    """Return a one-line message for the first error at the least depth.

    Parameters
    ----------
    error : pydantic.ValidationError
    key : str
        Path of the checked mapping in the configuration.
    base : str
        Path of a block that may supply missing keys.
    """
    first = min((each for each in error.errors() if not _follows(each)), key=_depth)
    path = [part for part in first["loc"] if part not in ("(one)", "(several)")]
    if first["type"] == "missing":
        return f"{joined(key, *path)} is missing" + (f"; set it here or in {joined(base, *path)}" if base else "")
    if first["type"] == "unknown_key":
        return f"{joined(key, *path, first['ctx']['name'])}: unknown key{first['ctx']['known']}"
    of_key = bool(path) and path[-1] == "[key]"
    where = joined(key, *(path[:-2] if of_key else path)) or "config"
    if first["type"] == "registered":
        return f"{where}: {first['msg']}"
    needed = _needed(first)
    return f"{where}{': each key' if of_key else ''} must {needed} (got {shown(first['input'])}){_hint(first)}"


def shown(found: Any) -> str:
    """Return the text of a value, cut to 80 characters."""
    text = repr(found)
    return text if len(text) <= 80 else text[:77] + "..."


def _follows(error: ErrorDetails) -> bool:
    """Return whether an error only follows from another one.

    pydantic counts only the valid entries of a list, and builds no default that depends on an
    invalid field.
    """
    if error["type"] == "default_factory_not_called":
        return True
    if error["type"] == "too_short" and hasattr(error["input"], "__len__"):
        return len(error["input"]) >= error["ctx"]["min_length"]
    return False


def _depth(error: ErrorDetails) -> tuple[int, str]:
    """Return the depth of an error; a missing key is an error of the mapping that lacks it."""
    return len(error["loc"]) - (error["type"] == "missing"), str(error["loc"])


def _kinds(error: ErrorDetails) -> list[str]:
    if error["type"] == "wrong_type":
        return error["ctx"]["kinds"].split()
    return [KINDS[error["type"]]] if error["type"] in KINDS else []


def _needed(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kinds := _kinds(error):
        return f"be {' or '.join(NEEDED[name] for name in kinds)}"
    if kind == "literal_error":
        return f"be one of {', '.join(_names(error))}"
    if kind in ("too_short", "too_long"):
        words, bound = BOUNDS[kind]
        return f"have {words} {context[bound]} {'entry' if context[bound] == 1 else 'entries'}"
    if kind in BOUNDS:
        words, bound = BOUNDS[kind]
        return f"be {words} {context[bound]:g}"
    match kind:
        case "string_too_short":
            return "not be empty"
        case "string_too_long":
            return f"have at most {context['max_length']} {'character' if context['max_length'] == 1 else 'characters'}"
        case "distinct":
            return f"not contain {context['twice']} twice"
        case "contains":
            return f"contain {context['what']}"
        case "needed":
            return f"be {context['what']}"
    return f"be valid: {error['msg']}"


def _names(error: ErrorDetails) -> list[str]:
    """Return the values that are accepted."""
    return error["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")


def _hint(error: ErrorDetails) -> str:
    """Return a suggestion: the nearest name, or a number without the quotes around it."""
    if error["type"] == "literal_error":
        return nearest(error["input"], _names(error)).replace(" (", "; ").replace(")", "")
    kinds, found = _kinds(error), error["input"]
    if isinstance(found, bool) and "string" in kinds:
        return "; YAML reads no, yes, on and off as true or false; write the word in quotes"
    if not isinstance(found, str) or not {"integer", "number"} & set(kinds):
        return ""
    try:
        number = float(found)
    except ValueError:
        return ""
    whole = number.is_integer() and abs(number) < 2**53
    if not math.isfinite(number) or (not whole and "number" not in kinds):
        return ""
    return (
        f"; YAML reads 1e-3 and values nested after --config as text; write {int(number) if whole else number!r} "
        "without quotes in a file"
    )
