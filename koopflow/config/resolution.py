"""The study's configuration: merged, completed with defaults and checked before anything is computed.

`resolve` is the only door. It imports nothing heavier than PyYAML and jsonschema, because the workflow file that calls it is parsed again
in every cluster job.
"""

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import nearest

TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys",
    "null": "null",
}


def load_schema(path: str | Path) -> dict:
    """Read the JSON schema (as YAML) at `path`."""
    with open(path, encoding="utf-8") as stream:
        return yaml.safe_load(stream)


def resolve(config: dict, overrides: dict, schema: dict) -> dict:
    """Return the complete, checked configuration.

    Parameters
    ----------
    config : dict
        The default study with the user's values merged over it, key by key.
    overrides : dict
        The user's values alone. Where the schema marks a map ``x-named: replace`` (the set-ups of a study, its series, its tasks), the
        user's map stands alone instead of being merged into the default one.
    schema : dict
        The JSON schema, with defaults.

    Raises
    ------
    KoopflowError
        One line: the key, what was found, what is accepted.
    """
    config = copy.deepcopy(config)
    for path in _named_maps(schema, schema):
        replacement = _get(overrides, path)
        if isinstance(replacement, dict):
            _get(config, path[:-1])[path[-1]] = copy.deepcopy(replacement)
    # The user's values are looked at by themselves as well: an empty mapping, given for a number, would vanish when merged.
    _check({key: overrides[key] for key in overrides}, schema, whole=False)
    _check(config, schema, whole=True)
    return complete(config, schema, schema)


def _check(config: dict, schema: dict, whole: bool) -> None:
    """Raise a KoopflowError for the first mistake, the least deep one; only a `whole` configuration can lack something."""
    for key in _not_finite(config):
        raise KoopflowError(f"{key}: found a number that is infinite, too large or none, a finite one is needed")
    found = (
        error
        for error in Draft202012Validator(schema).iter_errors(config)
        if whole or error.validator not in ("required", "minProperties", "contains")
    )
    errors = sorted(found, key=lambda error: (len(error.absolute_path), str(error.absolute_path)))
    if errors:
        raise KoopflowError(describe(errors[0], schema))


def merge(base: dict, overrides: dict) -> dict:
    """Return `base` with `overrides` merged over it, mapping by mapping.

    A mapping that names something else (another ``name``) replaces the base's mapping whole: the options of one optimizer mean nothing
    to another.
    """
    merged = copy.deepcopy(base)
    for key, value in overrides.items():
        old = merged.get(key)
        same_thing = isinstance(old, dict) and isinstance(value, dict) and value.get("name", old.get("name")) == old.get("name")
        merged[key] = merge(old, value) if same_thing else copy.deepcopy(value)
    return merged


def complete(value: Any, schema: dict, root: dict) -> Any:
    """Return `value` with the defaults of `schema` filled in at every level that it has."""
    schema = _dereference(schema, root)
    if isinstance(value, float) and schema.get("type") in ("integer", ["integer", "null"]):
        return int(value)  # 3.0 is a whole number to JSON schema, and none to Python
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, sub in properties.items():
            sub = _dereference(sub, root)
            if key not in value and "default" in sub:
                value[key] = copy.deepcopy(sub["default"])
        others = schema.get("additionalProperties")
        for key in value:
            sub = properties.get(key, others)
            if isinstance(sub, dict):
                value[key] = complete(value[key], sub, root)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        value = [complete(item, schema["items"], root) for item in value]
    return value


def describe(error: ValidationError, schema: dict) -> str:
    """Return one line on `error`: the key, what was found, what is accepted."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        deepest = max(error.context, key=lambda inner: len(inner.absolute_path))
        if len(deepest.absolute_path) > len(error.absolute_path):
            error = deepest
    key = ".".join(str(part) for part in error.absolute_path) or "config"
    found, wanted = error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            extra = min((name for name in found if name not in known), key=str)
            return f"{_join(key, extra)}: unknown key{nearest(str(extra), known)}; known keys here are {', '.join(known)}"
        case "required":
            missing = next(name for name in wanted if name not in found)
            return f"{_join(key, missing)}: this key is missing"
        case "type":
            return f"{key}: found {_show(found)}, {_wanted_type(wanted)} is needed{_hint(found, wanted)}"
        case "enum":
            return f"{key}: found {_show(found)}, accepted are {', '.join(map(str, wanted))}{nearest(str(found), list(map(str, wanted)))}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" | "multipleOf":
            bound = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most", "exclusiveMaximum": "less than"}
            return f"{key}: found {_show(found)}, {bound.get(error.validator, 'a multiple of')} {wanted} is needed"
        case "minItems" | "minProperties" | "minLength" | "maxItems":
            bound = "at most" if error.validator == "maxItems" else "at least"
            return f"{key}: found {len(found)} entries, {bound} {wanted} needed"
        case "anyOf" | "oneOf":
            types = [inner.validator_value for inner in error.context if inner.validator == "type"]
            if types and len(types) == len(error.context):
                flat = [name for entry in types for name in ([entry] if isinstance(entry, str) else entry)]
                return f"{key}: found {_show(found)}, {_wanted_type(flat)} is needed{_hint(found, flat)}"
            accepted = next((inner for inner in error.context if inner.validator != "type"), error.context[0])
            return describe(accepted, schema)
        case "pattern":
            return f"{key}: found {_show(found)}, {error.schema.get('x-accepted', f'text like {wanted} is needed')}"
        case "contains":
            return f"{key}: found {_show(found)}, {wanted.get('const')} must be among them"
        case "uniqueItems":
            return f"{key}: found {_show(found)}, each may appear once"
    return f"{key}: {error.message}"


def _wanted_type(wanted: str | list[str]) -> str:
    names = [wanted] if isinstance(wanted, str) else list(dict.fromkeys(wanted))
    return " or ".join(TYPE_NAMES.get(name, name) for name in names)


def _hint(found: Any, wanted: str | list[str]) -> str:
    """Explain text that looks like a number: YAML reads 1e-3 as text, and nested command-line values always arrive as text."""
    if isinstance(found, str) and {"number", "integer"} & set([wanted] if isinstance(wanted, str) else wanted):
        try:
            number = float(found)
        except ValueError:
            return ""
        whole = number.is_integer() and abs(number) < 2**53
        if not whole and "number" not in ([wanted] if isinstance(wanted, str) else wanted):
            return ""
        shown = int(number) if whole else number
        return f" (read as text, as YAML reads 1e-3, and as everything nested after --config is: write {shown!r} without quotes, in a file)"
    return ""


def _show(found: Any) -> str:
    text = f"the text {found!r}" if isinstance(found, str) else f"{found!r}"
    return text if len(text) <= 80 else text[:77] + "..."


def _join(key: str, name: Any) -> str:
    return str(name) if key == "config" else f"{key}.{name}"


def _not_finite(value: Any, key: str = "config") -> Iterator[str]:
    """Yield the keys of infinite numbers, NaN, and integers of more than 63 bits, all of which pass the range checks of a JSON schema."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _not_finite(inner, _join(key, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_finite(inner, _join(key, index))
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) >= 2**63):
        yield key


def _get(mapping: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        mapping = mapping.get(part) if isinstance(mapping, dict) else None
    return mapping


def _named_maps(schema: dict, root: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    schema = _dereference(schema, root)
    if schema.get("x-named") == "replace":
        yield path
    for key, sub in schema.get("properties", {}).items():
        yield from _named_maps(sub, root, (*path, key))


def _dereference(schema: Any, root: dict) -> dict:
    while isinstance(schema, dict) and "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema if isinstance(schema, dict) else {}
