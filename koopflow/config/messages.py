"""One-line messages for whatever a configuration gets wrong."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError


def not_finite(value: Any, key: str = "") -> Iterator[str]:
    """Yield the keys of infinite numbers, NaN, and integers of more than 63 bits."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from not_finite(inner, joined(key, name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from not_finite(inner, joined(key, index))
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) >= 2**63):
        yield key or "config"


def joined(*parts: object) -> str:
    """Return the key path of `parts`, without empty ones."""
    return ".".join(str(part) for part in parts if part != "")


def one_line(error: ValidationError, model: type[BaseModel], key: str = "") -> str:
    """Return one line on the first mistake in `error`: the key, what was found, what is needed."""
    first = error.errors()[0]
    return f"{joined(key, *first['loc'])}: {first['msg']}"
