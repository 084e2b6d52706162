"""Resolves the configuration: a user's values over the default study, with all defaults filled in.

Nothing heavier than pydantic is imported, because every cluster job parses the Snakefile again.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from koopflow.config.base import REPLACED, REPLACED_ON_REQUEST, Known, Settings, partial
from koopflow.config.study import Study

Model = TypeVar("Model", bound=Settings)
Whole = TypeVar("Whole", bound=Study)


def resolve(
    config: Mapping[str, Any],
    overrides: Mapping[str, Any],
    model: type[Whole] = Study,  # type: ignore[assignment]
    known: Known | None = None,
) -> Whole:
    """Return the complete, checked configuration; its ``dump()`` returns plain dicts.

    Parameters
    ----------
    config : mapping
        The default study with the user's values merged over it, key by key.
    overrides : mapping
        The user's values alone. A user's map of set-ups, comparisons, studies, series,
        trajectories, elastic or external replaces the default one; statements of claims do so with
        ``replace: true``.
    model : type of Study, optional
        Model of the whole configuration; stages may add blocks
        (`koopflow.studies.discovery.settings_model`).
    known : mapping of str to collection of str, optional
        Registered names, by kind.

    Raises
    ------
    KoopflowError
        One line: the key, what it must be, what was found.
    """
    complete = copy.deepcopy(dict(config))
    on_request = replaced_maps(model, REPLACED_ON_REQUEST)
    asked = [path for path in on_request if _get(overrides, (*path[:-1], "replace")) is True]
    for path in (*replaced_maps(model), *asked):
        replacement = _get(overrides, path)
        if isinstance(replacement, dict):
            _get(complete, path[:-1])[path[-1]] = copy.deepcopy(replacement)
    # The user's values are checked alone as well: an empty mapping in place of a number vanishes
    # when merged.
    partial(model).load(overrides, known=known)
    return model.load(complete, known=known)


def merge(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `overrides` merged over it, mapping by mapping.

    A mapping with another ``name`` replaces the base's mapping: options of one optimizer mean
    nothing to another.
    """
    merged = copy.deepcopy(dict(base))
    for key, value in overrides.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and value.get("name", old.get("name")) == old.get("name"):
            merged[key] = merge(old, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def completed(model: type[Model], base: Mapping[str, Any], own: Mapping[str, Any], key: str, base_key: str) -> Model:
    """Return the settings `own` at `key`, merged over the `base` at `base_key`.

    Raises
    ------
    KoopflowError
        If both lack a required key.
    """
    return model.load(merge(base, own), key, base_key)


def replaced_maps(
    model: type[Settings], mark: Mapping[str, Any] = REPLACED, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the maps with the `mark`: by default those that a user's map replaces."""
    for name, field in model.model_fields.items():
        if field.json_schema_extra == mark:
            yield (*path, name)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from replaced_maps(field.annotation, mark, (*path, name))


def _get(mapping: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        mapping = mapping.get(part) if isinstance(mapping, dict) else None
    return mapping
