"""Reads configuration files as YAML, and refuses what YAML silently accepts."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from koopflow.core.errors import KoopflowError
from koopflow.io.paths import check_regular

LARGEST = 1 << 20
"""Largest size of a configuration file, in bytes."""
MOST_VALUES = 100_000
"""Most values in a configuration, with aliases expanded: a few lines of nested aliases can expand
to billions."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_OTHER_BASE = re.compile(r"[-+]?(0[0-7_]+|[0-9_]+(:[0-9_.]+)+)")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, except that it refuses a key given twice, of which YAML silently keeps the
    last, and numbers that it reads with base 8 or 60."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        if (
            isinstance(node, yaml.ScalarNode)
            and node.style is None
            and node.tag in _NUMBERS
            and _OTHER_BASE.fullmatch(node.value)
        ):
            base = "60" if ":" in node.value else "8"
            raise KoopflowError(
                f"{self.name}: line {node.start_mark.line + 1}: YAML reads {node.value} with base {base}; write "
                "a number without a leading zero or a colon, or text in quotes"
            )
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        first: dict[Any, int] = {}
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            line = key.start_mark.line + 1
            if isinstance(key.value, str) and key.value in first:
                raise KoopflowError(
                    f"{self.name}: line {line} gives the key {key.value!r} again, first given in line "
                    f"{first[key.value]}; "
                    "YAML would silently keep the last; give each key once"
                )
            first.setdefault(key.value if isinstance(key.value, str) else id(key), line)
        return super().construct_mapping(node, deep)


def read(path: str | Path) -> dict[str, Any]:
    """Return the configuration in the YAML file at `path`; an empty file is an empty configuration.

    Raises
    ------
    KoopflowError
        If the file cannot be read, is not a YAML mapping, gives a key twice, or is too large, also
        after its aliases are expanded.
    """
    check_regular(path)
    try:
        with open(path, "rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise KoopflowError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise KoopflowError(f"{path}: a configuration file must be at most {LARGEST >> 20} MB")
    try:
        loader = _Loader(content)
        loader.name = str(path)
        _count(node := loader.get_single_node(), path, set())
        found = loader.construct_document(node) if node is not None else {}
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise KoopflowError(f"{path}: invalid YAML: {error}") from None
    if not isinstance(found, dict):
        raise KoopflowError(f"{path}: must be a mapping of keys (got {type(found).__name__})")
    return found


def _count(node: yaml.Node | None, path: str | Path, above: set[int], counted: int = 0) -> int:
    """Return `counted` plus the number of values in `node`; raise a KoopflowError if there are too
    many or an alias is circular."""
    counted += 1
    if counted > MOST_VALUES:
        raise KoopflowError(
            f"{path}: must hold at most {MOST_VALUES:,} values, with aliases (*name) expanded; write it without aliases"
        )
    if id(node) in above:
        raise KoopflowError(f"{path}: an alias (*name) refers to a value that contains it; write it without the alias")
    if isinstance(node, yaml.CollectionNode):
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        for part in parts:
            counted = _count(part, path, above | {id(node)}, counted)
    return counted


def updated(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return `defaults` with `given` merged over it, key by key at every depth, as Snakemake merges
    configuration files."""
    both = dict(defaults)
    for key, value in given.items():
        old = both.get(key)
        both[key] = updated(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both
