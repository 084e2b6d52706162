"""The JSON schema of the configuration, from the models."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from koopflow.config.base import Known, plain
from koopflow.config.study import Study

BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""pydantic's names of bounds, which it leaves untranslated on an optional number."""
TARGET = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z"
"""package.module:name"""


class _Generator(GenerateJsonSchema):
    """pydantic's generator, with defaults as `plain` values."""

    def encode_default(self, dft: Any) -> Any:
        return plain(dft)


def json_schema(model: type[Study] = Study, known: Known | None = None) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of the whole configuration.

    Parameters
    ----------
    model : type of Study
    known : mapping of str to collection of str, optional
        Registered names by kind; a key of such a kind then accepts these, or package.module:name.

    Returns
    -------
    dict
        The standard keywords, and ``x-kind``: the kind of a text or registered name; ``x-named:
        replace``: a user's map replaces this one (with ``on request``: if the block has
        ``replace: true``); ``x-required: true``: a set-up or study must have
        this key, from its own block or from its base.
    """
    made = model.model_json_schema(schema_generator=_Generator)
    definitions = {name: _tidy(inner, known or {}) for name, inner in sorted(made.pop("$defs").items())}
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_tidy(made, known or {})}
    return {**whole, "$defs": definitions}


def _tidy(node: Any, known: Known) -> Any:
    if isinstance(node, list):
        return [_tidy(inner, known) for inner in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {key: value for key, value in node.items() if key != "title" or not isinstance(value, str)}
    found = {BOUNDS.get(key, key): value for key, value in found.items()}
    found |= {BOUNDS[key]: value for key, value in node.items() if key in BOUNDS}
    found = _map(_without_default(_alternatives(found)))
    if found.get("x-kind") in known:
        found["anyOf"] = [{"enum": list(known[found["x-kind"]])}, {"pattern": TARGET}]
    ordered = {key: found[key] for key in ("type", *found) if key in found}
    return {key: value if key == "default" else _tidy(value, known) for key, value in ordered.items()}


def _alternatives(node: dict[str, Any]) -> dict[str, Any]:
    """Write "T or null" as a type of two names, and a choice by type as ``anyOf``."""
    if "oneOf" in node:
        node = {"anyOf": node["oneOf"], **{key: value for key, value in node.items() if key != "oneOf"}}
    options = node.get("anyOf", [])
    if len(options) == 2 and options[1] == {"type": "null"}:
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return {**options[0], "type": [options[0]["type"], "null"], **rest}
    return node


def _without_default(node: dict[str, Any]) -> dict[str, Any]:
    """Drop defaults that cannot be written in YAML: null where it is refused, and blocks of
    defaults."""
    default = node.get("default")
    nullable = isinstance(node.get("type"), list) and "null" in node["type"]
    if "default" in node and ((default is None and not nullable) or isinstance(default, dict)):
        return {key: value for key, value in node.items() if key != "default"}
    return node


def _map(node: dict[str, Any]) -> dict[str, Any]:
    """Move the pattern of a map's keys to ``propertyNames``, which refuses all other keys."""
    patterns = node.get("patternProperties")
    if not isinstance(patterns, dict) or len(patterns) != 1:
        return node
    ((pattern, inner),) = patterns.items()
    rest = {key: value for key, value in node.items() if key != "patternProperties"}
    return {**rest, "propertyNames": {"pattern": pattern}, "additionalProperties": inner}
