"""The JSON schema and the page of all keys: as the models have them, and as strict."""

import copy
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from koopflow.cli.schema import written
from koopflow.config.base import Block, Settings, plain
from koopflow.config.reference import page
from koopflow.config.schema import json_schema
from koopflow.config.study import Study

ROOT = Path(__file__).resolve().parents[2]
WORDS = {
    *(
        "$schema",
        "$defs",
        "$ref",
        "type",
        "properties",
        "additionalProperties",
        "required",
        "propertyNames",
        "description",
        "default",
    ),
    *(
        "minimum",
        "exclusiveMinimum",
        "maximum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "uniqueItems",
    ),
    *("items", "enum", "anyOf", "contains", "const", "pattern", "x-named", "x-kind", "x-required"),
}


def models(model: type[Settings]):
    """Yield the models of a model's fields, those of maps included."""
    yield model
    for field in model.model_fields.values():
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, Settings):
                yield from models(inner)


def nodes(schema):
    """Yield every schema inside a schema."""
    yield schema
    for word, value in schema.items():
        if word in ("properties", "$defs"):
            for inner in value.values():
                yield from nodes(inner)
        elif isinstance(value, dict) and word not in ("default", "const"):
            yield from nodes(value)
        elif word in ("anyOf",):
            for inner in value:
                yield from nodes(inner)


@pytest.mark.parametrize("name", written())
def test_the_files_in_git_are_as_make_schema_writes_them(name):
    assert (ROOT / name).read_text(encoding="utf-8") == written()[name], "run make schema"


def test_it_is_a_valid_schema_in_standard_words():
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert {word for node in nodes(schema) for word in node} <= WORDS


def test_every_key_is_described():
    assert [
        model.__name__ for model in models(Study) for field in model.model_fields.values() if not field.description
    ] == []
    for node in nodes(json_schema()):
        for key, inner in node.get("properties", {}).items():
            assert inner["description"].endswith("."), key


def test_the_studies_in_git_follow_it():
    validator = Draft202012Validator(yaml.safe_load((ROOT / "config/config.schema.yaml").read_text(encoding="utf-8")))
    for path in (ROOT / "config.yaml", *(ROOT / "config").glob("*.yaml")):
        if path.name != "config.schema.yaml":
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
            assert list(validator.iter_errors(values)) == [], path


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": True},
        {"seed": 1.5},
        {"gpu": 2},
        {"results": "a{b}"},
        {"data": {"a b": {"source": "digits"}}},
        {"data": {"a": {"source": "digitz"}}},
        {"data": {"a": {}}},
        {"series": {}},
        {"series": {"a": {"length": 99}}},
        {"series": {"a": {"period": None}}},
        {"forecast": {"methods": ["ets", "arima"]}},
        {"pruning": {"base": {"compressions": [1, 1]}}},
        {"pruning": {"base": {"optimizer": {"betas": [0.9, 1]}}}},
        {"figures": {"style": {"colours": {"a": "red"}}}},
        {"nothing": 1},
    ],
)
def test_it_is_as_strict_as_the_models(wrong):
    validator = Draft202012Validator(yaml.safe_load((ROOT / "config/config.schema.yaml").read_text(encoding="utf-8")))
    assert list(validator.iter_errors(wrong)) != []


def test_names_of_registered_things_come_from_the_registries():
    schema = json_schema(known={"coupling": ["mine"]})
    assert schema["$defs"]["TicketsSettings"]["properties"]["coupling"]["anyOf"][0] == {"enum": ["mine"]}


def test_the_defaults_of_the_models_are_the_values_of_the_default_study():
    given = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    study = copy.deepcopy(given)
    for block, parts in {
        "equivalence.training": ["base"],
        "pruning": ["base"],
        "tickets": ["base"],
        "forecast": ["methods"],
        "grokking": ["base", "pairs"],
    }.items():
        for name in parts:
            inner = study
            for key in block.split("."):
                inner = inner[key]
            inner.pop(name)
    compare(Study, study, "")


def compare(model: type[Block], given: dict, path: str) -> None:
    for name, field in model.model_fields.items():
        if name in given and isinstance(field.annotation, type) and issubclass(field.annotation, Block):
            compare(field.annotation, given[name], f"{path}{name}.")
        elif name in given and not isinstance(given[name], dict):
            assert given[name] == plain(field.default), f"{path}{name}"


def test_the_page_has_every_key():
    text = page(json_schema())
    for model in models(Study):
        for name in model.model_fields:
            assert f"`{name}`" in text or f".{name}" in text or f"## `{name}" in text, name
