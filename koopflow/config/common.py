"""Types that many blocks share: numbers within bounds, names, paths, lists."""

import operator
from collections.abc import Callable, Hashable, Iterable
from typing import Annotated, Any, TypeVar

from annotated_types import Ge, Gt, Lt, MinLen
from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict, WrapValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")


def _whole(value: Any) -> Any:
    """Read 3.0 and numpy's integers as whole numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else value


def _unchanged(value: Any, check: Callable[[Any], Any]) -> Any:
    """Check a number and keep it as it was written: 10 stays a whole number, as the rank of a fit must."""
    check(value)
    return value


class _NotNull:
    """Turns "T or null" into "T": a key may be left out, but null is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


class _Distinct:
    """Refuses a list in which something appears twice."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(Annotated[source, AfterValidator(_distinct)])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "uniqueItems": True}


def _distinct(values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("distinct", "each may appear once")
    return values


class Among:
    """Marks text that must be one of `names`."""

    def __init__(self, names: Iterable[str]):
        self.names = tuple(names)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(Annotated[source, AfterValidator(self.check)])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self.names)}

    def check(self, value: str) -> str:
        if value not in self.names:
            raise PydanticCustomError("among", "accepted are {names}", {"names": ", ".join(self.names)})
        return value


# ----------------------------------------------------------------------------------------------------------------- numbers
Whole = Annotated[int, BeforeValidator(_whole)]
Natural = Annotated[int, Ge(0), BeforeValidator(_whole)]
"""A whole number, at least 0."""
Count = Annotated[int, Ge(1), BeforeValidator(_whole)]
"""A whole number, at least 1."""
Number = Annotated[float, WrapValidator(_unchanged)]
NonNegative = Annotated[float, Ge(0), WrapValidator(_unchanged)]
Positive = Annotated[float, Gt(0), WrapValidator(_unchanged)]
Fraction = Annotated[float, Gt(0), Lt(1), WrapValidator(_unchanged)]
"""A number strictly between 0 and 1."""
Rank = Annotated[float, Ge(-1), WrapValidator(_unchanged)]
"""``svd_rank`` as in PyDMD: 0 is the optimal hard threshold, 0 < r < 1 a share of the energy, an integer a number of modes, -1 all."""
Compression = Annotated[float, Ge(1), WrapValidator(_unchanged)]
"""All counted weights over the weights kept."""

# -------------------------------------------------------------------------------------------------------------------- text
Text = Annotated[str, MinLen(1)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\z",
        json_schema_extra={
            "x-accepted": "names are made of up to 100 letters, digits, '_', '-' and '.', and begin with a letter or digit"
        },
    ),
]
PathText = Annotated[
    str,
    Field(
        pattern=r"^[^\x00-\x1f{}<>]+\z",  # Snakemake reads braces and angle brackets as wildcards
        json_schema_extra={"x-accepted": "a path is needed, without braces, angle brackets and line breaks"},
    ),
]
Colour = Annotated[
    str, Field(pattern=r"^#[0-9A-Fa-f]{6}\z", json_schema_extra={"x-accepted": "a colour is written like '#0072B2'"})
]

# ------------------------------------------------------------------------------------------------------------------- lists
Items = Annotated[tuple[T, ...], Strict(False)]
"""A list of any length."""
DistinctItems = Annotated[tuple[T, ...], Strict(False), _Distinct()]
"""A list in which nothing appears twice."""
Omittable = Annotated[T | None, _NotNull()]
"""A key that may be left out (then None); null is refused."""


def one_or_several(value: Any) -> str:
    """Return the tag of a value that is either one thing or a list of them."""
    return "several" if isinstance(value, list | tuple) else "one"
