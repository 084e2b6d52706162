"""The page of all keys with type, range, default and meaning, from the JSON schema."""

import json
from collections.abc import Iterator
from typing import Any

HEAD = """# Configuration

<!-- Written by `make schema` from the models in koopflow/config/; do not edit. -->

These are the keys of `config.yaml` and of the files given by `--configfile`, which are merged over
it. NAME stands for a name of your choice. A key without a default may be omitted. A *required* key
of a set-up or study must be set in its own block or in `base`.
"""
MERGED = {
    "replace": "A map in a file given by `--configfile` replaces the one in `config.yaml`.",
    "replace on request": "Entries in a file given by `--configfile` are added to those in `config.yaml`, or replace "
    "them with `replace: true` beside them.",
    None: "Entries in a file given by `--configfile` are added to those in `config.yaml`.",
}
"""How a user's map joins the default one, by its mark."""
NOUNS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
}
BOUNDS = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))

Schema = dict[str, Any]
"""A part of a JSON schema."""


def page(schema: Schema) -> str:
    """Return the page in Markdown.

    Parameters
    ----------
    schema : dict
        As `koopflow.config.schema.json_schema` returns it.
    """
    return "\n".join([HEAD, *_Page(schema).section("", schema)])


class _Page:
    """The sections, one per block; a block that occurs again is a link to its section."""

    def __init__(self, schema: Schema):
        self._definitions: Schema = schema["$defs"]
        self._described: dict[str, str] = {}

    def section(self, path: str, node: Schema) -> Iterator[str]:
        """Yield the lines of a block and of the blocks inside it."""
        inner: list[tuple[str, Schema]] = []
        yield f"## `{path}`\n\n{node['description']}\n" if path else "## Keys of all stages\n"
        rows = []
        for name, key in node.get("properties", {}).items():
            key, seen = self._follow(key, f"{path}.{name}" if path else name)
            entry = self._entry(key)
            if seen:
                rows.append(
                    f"| `{name}` | as [`{seen}`](#{_anchor(seen)}) | {_default(name, key, node)} | "
                    f"{key['description']} |"
                )
            elif "properties" in key or entry is not None:
                inner.append((f"{path}.{name}" if path else name, key))
            else:
                rows.append(f"| `{name}` | {_type(key)} | {_default(name, key, node)} | {key['description']} |")
        if rows:
            yield "| key | value | default | meaning |\n|---|---|---|---|"
            yield from rows
            yield ""
        for where, block in inner:
            yield from self._block(where, block)

    def _block(self, path: str, block: Schema) -> Iterator[str]:
        entry = self._entry(block)
        if entry is None:
            yield from self.section(path, block)
            return
        told = block["description"]
        merged = MERGED[block.get("x-named")]
        entry, seen = self._follow(entry, f"{path}.NAME")
        if "properties" in entry and not seen:
            about = " ".join(filter(None, [told, entry.get("description"), merged]))
            yield from self.section(f"{path}.NAME", {**entry, "description": about})
            return
        each = f"Each has the keys of [`{seen}`](#{_anchor(seen)})." if seen else f"Each is a {_type(entry)}."
        yield f"## `{path}.NAME`\n\n{told} {each} {merged}\n"

    def _entry(self, node: Schema) -> Schema | None:
        """Return the schema of the entries of a map; None for anything else."""
        entry = node.get("additionalProperties")
        return entry if isinstance(entry, dict) and "propertyNames" in node else None

    def _follow(self, node: Schema, path: str) -> tuple[Schema, str]:
        """Return the schema that `node` refers to, and the path of its section if it has one."""
        name = node.get("$ref", "").rpartition("/")[2]
        if not name:
            return node, ""
        seen = self._described.setdefault(name, path)
        return {**self._definitions[name], **node}, "" if seen == path else seen


def _type(node: Schema) -> str:
    """Return the type and range of a value in words."""
    if "anyOf" in node and "x-kind" in node:
        names = ", ".join(f"`{name}`" for name in node["anyOf"][0]["enum"])
        return f"{node['x-kind']}: {names}, or `package.module:name`"
    if "anyOf" in node:
        return ", or ".join(_type(option) for option in node["anyOf"])
    kinds = [node["type"]] if isinstance(node.get("type"), str) else list(node.get("type", ["object"]))
    if "enum" in node:
        said = ", ".join(f"`{value}`" for value in node["enum"])
    elif kinds[0] == "array":
        said = _list(node)
    elif kinds[0] == "object" and isinstance(node.get("additionalProperties"), dict):
        said = f"mapping from names to {_type(node['additionalProperties'])}"
    else:
        bounds = " and ".join(f"{sign} {node[word]:g}" for word, sign in BOUNDS if word in node)
        said = f"{node.get('x-kind', NOUNS[kinds[0]])} {bounds}".strip()
    return f"{said}, or null" if "null" in kinds else said


def _list(node: Schema) -> str:
    fewest, most = node.get("minItems", 0), node.get("maxItems")
    counted = f" of {most}" if most == fewest and most else f" of {fewest} or more" if fewest > 1 else ""
    ends = f"{', not empty' if fewest == 1 else ''}{', each once' if node.get('uniqueItems') else ''}"
    contains = f", `{node['contains']['const']}` among them" if "contains" in node else ""
    return f"list{counted}: {_type(node['items'])}{ends}{contains}"


def _default(name: str, key: Schema, block: Schema) -> str:
    if name in block.get("required", ()) or key.get("x-required"):
        return "*required*"
    if "default" not in key:
        return ""
    default = key["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)}`"


def _anchor(path: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    return path.lower().replace(".", "")
