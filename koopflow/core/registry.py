"""Registries of the names used in YAML: models, sources, scores, couplings, forecasters, measures.

A registry maps names to import targets ("koopflow.rg.couplings:share"), so listing names imports
nothing. A user's own target, ``package.module:name``, is accepted wherever a registered name is.
"""

import importlib
import inspect
import json
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from koopflow.core.errors import KoopflowError
from koopflow.core.suggest import nearest

Options = Mapping[str, Any]
"""Options of a registered function: values by parameter name."""


class Registry(Mapping[str, str]):
    """A mapping from the names of one kind of object to their import targets.

    >>> couplings = Registry("coupling", {"share": "koopflow.rg.couplings:share"})
    >>> list(couplings)
    ['share']

    Parameters
    ----------
    kind : str
        What an entry is called in messages: "score".
    targets : mapping of str to str
        Name to "package.module:attribute".
    """

    def __init__(self, kind: str, targets: Mapping[str, str]):
        self.kind = kind
        self._targets = dict(targets)

    def __getitem__(self, name: str) -> str:
        return self._targets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)

    def check(self, name: str, key: str) -> None:
        """Raise a KoopflowError for `key` unless `name` is registered or has the form
        package.module:name. Imports nothing."""
        if name not in self and not is_target(name):
            raise KoopflowError(
                f"{key}: no {self.kind} named {name!r}{nearest(name, self)}; available: {', '.join(self)}, or "
                "package.module:name"
            )

    def load(self, name: str, key: str | None = None) -> Any:
        """Import and return the object that `name` refers to.

        Parameters
        ----------
        name : str
            A registered name, or "package.module:name".
        key : str, optional
            The key named in errors; the kind by default.

        Raises
        ------
        KoopflowError
            For an unknown name, or a target that cannot be imported or is not callable.
        """
        key = key or self.kind
        self.check(name, key)
        return imported(self._targets.get(name, name), key, self.kind)


def is_target(name: str) -> bool:
    """Return whether `name` has the form package.module:name."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))


def imported(target: str, key: str, kind: str) -> Any:
    """Import and return the callable "package.module:name"; raise a KoopflowError for `key` on any
    failure, but for a package that koopflow itself misses: that is the environment's, and a job says
    where to add it."""
    module, _, attribute = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # importing a user's module may raise anything
        missing = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
        if module.startswith("koopflow.") and missing and not missing.startswith("koopflow"):
            raise
        raise KoopflowError(f"{key}: {kind} {target} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise KoopflowError(f"{key}: {kind} {target} is not callable")
    return found


def options_of(function: Any, first: int = 1) -> dict[str, inspect.Parameter]:
    """Return the options of a registered function by name: its parameters after the first
    `first`."""
    return dict(list(inspect.signature(function).parameters.items())[first:])


def check_options(function: Any, options: Options, key: str, first: int = 1) -> dict[str, Any]:
    """Return `options`, checked against the signature of `function`.

    Values are checked strictly against the annotations, so text never passes for a number. A list
    becomes a tuple where the signature has one. Options without an annotation, or taken by a ``**``
    parameter, are not checked.

    Parameters
    ----------
    function : callable
    options : mapping of str to object
        Values by parameter name.
    key : str
        The key named in errors, such as "pruning.methods.mine.options".
    first : int
        Number of leading parameters that are not options.

    Raises
    ------
    KoopflowError
        For an unknown or missing option, or a value of the wrong type.
    """
    accepted = options_of(function, first)
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values())
    named = {name: one for name, one in accepted.items() if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)}
    for name in options:
        if name not in named and not takes_any:
            raise KoopflowError(
                f"{key}.{name}: unknown option{nearest(name, named)}; accepted: {', '.join(named) or 'none'}"
            )
    for name, parameter in named.items():
        if parameter.default is parameter.empty and name not in options:
            raise KoopflowError(f"{key}.{name}: required option is missing")
    types = _annotations(function)
    return {
        name: _typed(value, types[name], f"{key}.{name}") if name in named and name in types else value
        for name, value in options.items()
    }


def _annotations(function: Any) -> dict[str, Any]:
    """Return the parameter types of `function`; empty if they cannot be resolved."""
    try:
        return typing.get_type_hints(function.__init__ if inspect.isclass(function) else function)
    except Exception:  # a name that only a type checker imports
        return {}


def _typed(value: Any, annotation: Any, key: str) -> Any:
    """Return `value` as the type `annotation`; raise a KoopflowError for `key` if it has another
    type."""
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    try:
        adapter = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True, strict=True))
    except PydanticUserError:  # the type brings its own configuration
        adapter = TypeAdapter(annotation)
    try:
        # YAML lists stand for tuples and sets; pydantic's strict mode converts them only when
        # reading JSON.
        return adapter.validate_json(json.dumps(value)) if isinstance(value, list) else adapter.validate_python(value)
    except (ValidationError, TypeError, ValueError):
        wanted = annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
        raise KoopflowError(f"{key}: must be {wanted} (got {value!r})") from None
