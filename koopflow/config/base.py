"""The base of all settings: frozen models that check a mapping and return it unchanged."""

import functools
from collections.abc import Callable, Collection, Mapping
from types import GenericAlias
from typing import Any, Self, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from koopflow.config.common import NotNull
from koopflow.config.messages import infinite, not_finite, one_line
from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import nearest

Known = Mapping[str, Collection[str]]
"""Registered names by kind: model, score, measure, forecaster, coupling, image or series source."""


class Settings(BaseModel):
    """Settings of one thing, read by attribute.

    Models are frozen, refuse unknown keys and convert nothing: neither true nor the text "1e-3" is
    a number. A whole number may be written 3.0. Two settings are equal if their values are, whether
    given or default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    _given: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _remember_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(data, Mapping) and cls.model_config.get("extra") == "forbid":
            cls._refuse_unknown(data)
        settings = handler(data)
        if isinstance(data, Mapping):
            settings._given = tuple(data)
        return settings

    @classmethod
    def _refuse_unknown(cls, data: Mapping[Any, Any]) -> None:
        known = cls.model_fields
        for name in sorted((key for key in data if key not in known), key=str):
            told = f"{nearest(name, known)}; known keys here are {', '.join(sorted(known))}"
            raise PydanticCustomError("unknown_key", "unknown key {name}", {"name": str(name), "known": told})

    @classmethod
    def load(
        cls, settings: "Mapping[str, Any] | Self", key: str = "", base: str = "", known: Known | None = None
    ) -> Self:
        """Return the model of a mapping, such as a block of YAML; a model is returned unchanged.

        Parameters
        ----------
        settings : mapping
            Keys and values as YAML holds them.
        key : str
            Path of the mapping in the configuration, such as "pruning.studies.mine". Errors begin
            with it.
        base : str
            Path of a block that may supply missing keys, such as "pruning.base". Errors name it.
        known : mapping of str to collection of str, optional
            Registered names by kind; other names are refused. By default, names are not checked.

        Raises
        ------
        KoopflowError
            If a setting is wrong: one line with the key, what it must be, and the value found.
        """
        if isinstance(settings, cls):
            return settings
        for name, value in not_finite(settings, key):
            raise KoopflowError(infinite(name, value))
        try:
            return cls.model_validate(dict(settings) if isinstance(settings, Mapping) else settings, context=known)
        except ValidationError as error:
            raise KoopflowError(one_line(error, key, base)) from None

    def dump(self) -> dict[str, Any]:
        """Return the given keys, in their order, as plain dicts, lists and scalars."""
        values = {**{name: getattr(self, name) for name in type(self).model_fields}, **(self.model_extra or {})}
        return {name: plain(values[name]) for name in self._keys()}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Settings)
            and type(self) is type(other)
            and self.__dict__ == other.__dict__
            and self.model_extra == other.model_extra
        )

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def _keys(self) -> list[str]:
        given = self.model_fields_set
        return list(
            dict.fromkeys(
                [*(name for name in self._given if name in given), *(n for n in type(self).model_fields if n in given)]
            )
        )


class OpenSettings(Settings):
    """Settings that accept further keys, which `options` returns."""

    model_config = ConfigDict(extra="allow")

    @property
    def options(self) -> dict[str, Any]:
        """The further keys and their values."""
        return dict(self.model_extra or {})


class Block(Settings):
    """A block whose dump is complete: the given keys, then the defaults of all others.

    It leaves out omitted keys that have no default.
    """

    def _keys(self) -> list[str]:
        fields = type(self).model_fields.items()
        defaults = [name for name, field in fields if not any(isinstance(mark, NotNull) for mark in field.metadata)]
        return list(dict.fromkeys([*super()._keys(), *defaults]))


def plain(value: Any) -> Any:
    """Return `value` with models as dicts and tuples as lists."""
    if isinstance(value, Settings):
        return value.dump()
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


REPLACED: dict[str, Any] = {"x-named": "replace"}
"""Marks a map that a user's map replaces. Other maps are merged."""
REPLACED_ON_REQUEST: dict[str, Any] = {"x-named": "replace on request"}
"""Marks a map that a user's map replaces if the block's key ``replace`` is true."""


class PartOf:
    """Marks a mapping with some of a model's keys: a base, or a set-up that overrides its base.

    The mapping is checked like the model, except that keys may be missing, and stays a mapping
    until it is merged.
    """

    def __init__(self, model: type[Settings]):
        self.model = model

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        part: Callable[[Settings], dict[str, Any]] = Settings.dump
        return core_schema.no_info_after_validator_function(part, handler.generate_schema(partial(self.model)))


@functools.cache
def partial(model: type[Settings]) -> type[Settings]:
    """Return `model` with every field optional, at every level."""
    fields: dict[str, Any] = {
        name: (_partial(info.annotation), _optional(info)) for name, info in model.model_fields.items()
    }
    base = OpenSettings if issubclass(model, OpenSettings) else Settings
    return create_model(f"{model.__name__}Part", __base__=base, __module__=__name__, __doc__=model.__doc__, **fields)


def _partial(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return partial(annotation)
    if get_origin(annotation) is dict:
        name, inner = get_args(annotation)
        return GenericAlias(dict, (name, _partial(inner)))
    if get_origin(annotation) is Union or type(annotation).__name__ == "UnionType":
        return Union[tuple(_partial(inner) for inner in get_args(annotation))]  # noqa: UP007
    return annotation


def _optional(info: FieldInfo) -> Any:
    required = info.is_required()
    told: dict[str, Any] = {
        "description": info.description,
        "json_schema_extra": {"x-required": True} if required else info.json_schema_extra,
    }
    if info.default_factory is None:
        told["default"] = None if required else info.default
    else:
        told["default_factory"] = info.default_factory
    optional: Any = Field(**told)
    optional.metadata = list(info.metadata)
    return optional
