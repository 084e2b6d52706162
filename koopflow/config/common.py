"""Types that many blocks share: numbers within bounds, names, paths, lists."""

import operator
import re
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Gt, Lt, MinLen
from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    ValidationInfo,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from koopflow.core.primes import is_prime
from koopflow.core.registry import is_target
from koopflow.core.suggest import nearest

T = TypeVar("T")
Kind = Literal["integer", "number", "string", "array", "null"]


# ------------------------------------------------------------------------------------------- checks
def _is(kind: Kind, value: object) -> bool:
    """Return whether `value` is of a JSON type; 3.0 is an integer, true is not a number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "integer":
            return number and value == int(value)  # type: ignore[call-overload]
        case "number":
            return number
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list | tuple)
    return value is None


class Needs:
    """Refuses values of any JSON type other than `kinds`."""

    def __init__(self, *kinds: Kind):
        self.kinds = kinds

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def check(self, value: Any) -> Any:
        if not any(_is(kind, value) for kind in self.kinds):
            raise PydanticCustomError("wrong_type", "{kinds}", {"kinds": " ".join(self.kinds)})
        return value


class Matching:
    """Refuses text that does not match `pattern`.

    `what` describes the accepted text for messages, `kind` names it in one word.
    """

    def __init__(self, pattern: str, kind: str, what: str):
        self.pattern, self.kind, self.what = re.compile(pattern), kind, what

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern.pattern, "x-kind": self.kind}

    def check(self, value: str) -> str:
        if not self.pattern.fullmatch(value):
            raise PydanticCustomError("needed", "{what}", {"what": self.what})
        return value


class Registered:
    """Marks a registered name, or ``package.module:name``.

    The registries belong to higher packages, so a name is checked only if `Settings.load` gets the
    known names of its kind.
    """

    def __init__(self, kind: str):
        self.kind = kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "x-kind": self.kind}

    def check(self, value: str, info: ValidationInfo) -> str:
        known: Mapping[str, Collection[str]] = info.context or {}
        if self.kind in known and value not in known[self.kind] and not is_target(value):
            names = (
                f"{nearest(value, known[self.kind])}; available: {', '.join(known[self.kind])}, or package.module:name"
            )
            raise PydanticCustomError(
                "registered",
                "no {kind} named {value}{names}",
                {"kind": self.kind, "value": repr(value if len(value) <= 60 else f"{value[:60]}…"), "names": names},
            )
        return value


class _Distinct:
    """Refuses a list with duplicates."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "uniqueItems": True}

    def check(self, values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        twice = [value for place, value in enumerate(values) if value in values[:place]]
        if twice:
            raise PydanticCustomError("distinct", "{twice}", {"twice": repr(twice[0])})
        return values


class Including:
    """Refuses a list without `item`."""

    def __init__(self, item: str):
        self.item = item

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "contains": {"const": self.item}}

    def check(self, values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
        if self.item not in values:
            raise PydanticCustomError("contains", "{what}", {"what": self.item})
        return values


class NotNull:
    """Turns "T or null" into "T": the key may be omitted, but null is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


def _short_names(path: str) -> str:
    """Refuse a path with a name that no file can have."""
    if len(path.encode(errors="replace")) > 4000 or any(len(n.encode(errors="replace")) > 255 for n in path.split("/")):
        raise PydanticCustomError("needed", "{what}", {"what": "a path whose names have at most 255 bytes"})
    return path


def _whole(value: Any) -> Any:
    """Read 3.0 and numpy's integers as whole numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else value


def _prime(number: int) -> int:
    if not is_prime(number):
        raise PydanticCustomError("needed", "{what}", {"what": "a prime number, such as 113"})
    return number


def _unchanged(value: Any, check: Callable[[Any], Any]) -> Any:
    """Check a number and return it unchanged: a rank of 10 must not become 10.0."""
    check(value)
    return value


def _fraction(value: Any, check: Callable[[Any], Any]) -> Any:
    if _is("number", value) and not 0 < value < 1:
        raise PydanticCustomError("needed", "{what}", {"what": "strictly between 0 and 1"})
    return _unchanged(value, check)


def one_or_several(value: Any) -> str:
    """Return the tag of a value: one item, or a list of several."""
    return "(several)" if isinstance(value, list | tuple) else "(one)"


# ------------------------------------------------------------------------------------------ numbers
Whole = Annotated[int, BeforeValidator(_whole)]
Natural = Annotated[int, Ge(0), BeforeValidator(_whole)]
"""A whole number, at least 0."""
Count = Annotated[int, Ge(1), BeforeValidator(_whole)]
"""A whole number, at least 1."""
Prime = Annotated[int, Ge(2), Lt(10_000), BeforeValidator(_whole), AfterValidator(_prime)]
"""A modulus p, whose p^2 pairs are held in memory."""
CountOrNull = Annotated[Count | None, Needs("integer", "null")]
Number = Annotated[float, WrapValidator(_unchanged)]
NumberOrNull = Annotated[Number | None, Needs("number", "null")]
NonNegative = Annotated[float, Ge(0), WrapValidator(_unchanged)]
Positive = Annotated[float, Gt(0), WrapValidator(_unchanged)]
Fraction = Annotated[float, Gt(0), Lt(1), WrapValidator(_fraction)]
"""A number strictly between 0 and 1."""
Rank = Annotated[float, Ge(-1), WrapValidator(_unchanged)]
"""``svd_rank`` as in PyDMD: 0 for the optimal hard threshold, 0 < r < 1 for a share of the energy,
an integer for a number of modes, -1 for all."""
Compression = Annotated[float, Ge(1), WrapValidator(_unchanged)]
"""Number of weights over number of kept weights."""

# --------------------------------------------------------------------------------------------- text
Text = Annotated[str, MinLen(1)]
Name = Annotated[
    str,
    Matching(
        r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z",
        "name",
        "a name: a letter or digit, then up to 99 letters, digits, '_', '-' and '.'",
    ),
]
PathText = Annotated[
    str,
    # Snakemake reads braces and angle brackets as wildcards.
    Matching(r"^[^\x00-\x1f{}<>]+\Z", "path", "a path without braces, angle brackets and line breaks"),
    AfterValidator(_short_names),
]
Colour = Annotated[str, Matching(r"^#[0-9A-Fa-f]{6}\Z", "colour", "a colour such as '#0072B2'")]

# -------------------------------------------------------------------------------------------- lists
Items = Annotated[tuple[T, ...], Strict(False)]
"""A list of any length."""
DistinctItems = Annotated[tuple[T, ...], Strict(False), _Distinct()]
"""A list without duplicates."""
Omittable = Annotated[T | None, NotNull()]
"""A key that may be omitted (then None); null is refused."""
