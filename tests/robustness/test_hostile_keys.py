"""Every key of the configuration that takes text, found in the models: hostile texts are refused in
one line or kept as they are. A new key is covered as soon as its model has it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from koopflow.config import files, references
from koopflow.config.resolution import resolve
from koopflow.config.schema import TARGET, json_schema
from koopflow.core.errors import KoopflowError
from koopflow.studies.discovery import discover, figures_of, settings_model
from koopflow.studies.known_names import KNOWN_NAMES
from koopflow.studies.report import Contents
from tests.house import ROOT
from tests.report.test_hostile_texts import MARKUP
from tests.robustness.test_hostile_corpus import NAMES, one_line

STAGES = discover()
MODEL = settings_model(STAGES)
SCHEMA = json_schema(MODEL, KNOWN_NAMES)
TEXTS = list(dict.fromkeys([*NAMES, *MARKUP]))
DEFAULTS = files.read(ROOT / "config.yaml")
SOME = ["<b>", "a\nb", "$x$", "{a}", "x" * 300, "nul\x00", "*a*"]
"""Texts that are read with the whole configuration, as at the start of a run."""

SHOWN = {"claims.statements.NAME.paper", "claims.statements.NAME.statement", "own_figures.NAME.caption"}
"""Keys whose text readers see. tests/report/test_hostile_texts.py shows that each is shown as it was
written; a new one needs such a test."""
OTHERS = {
    "a column of a user's file": "series.NAME.time series.NAME.time[] series.NAME.value series.NAME.id "
    "series.NAME.regressors[] series.NAME.beside[] "
    "hub.hubs.NAME.reference hub.hubs.NAME.renamed.NAME hub.hubs.NAME.renamed.KEY",
    "a pattern of names": "exclude[] include[] initial_except[] trajectories.NAME.parameters[]",
    "a label by which series are counted, not shown": "series.NAME.group",
    "the name of an option": "arguments.KEY options.KEY claims.statements.NAME.KEY",
    "a name that the check of its stage looks up": "observables[] series.NAME.step series.NAME.holidays",
    "a name that is looked up once its study is made": "tickets.base.data",
    "a colour's name, not shown": "figures.style.colours.KEY",
}
"""Keys that keep texts of any kind, and why that does no harm."""
PATHS = "path path[] folder trajectory results data_root cache"


class Key(NamedTuple):
    """A key that takes text: its path, and the configuration in which it has a value."""

    path: str
    given: Callable[[Any], dict[str, Any]]


def found(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = {**SCHEMA["$defs"][node["$ref"].rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def example(node: dict[str, Any]) -> Any:
    """Return a value that a node of the schema accepts."""
    node = found(node)
    for key, pick in (
        ("const", lambda one: one),
        ("enum", lambda many: many[0]),
        ("anyOf", lambda many: example(many[0])),
    ):
        if key in node:
            return pick(node[key])
    if node.get("default") is not None:
        return node["default"]
    kind = node.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "string":
            return "module:function" if node.get("pattern") == TARGET else "word"
        case "integer" | "number":
            return node.get("minimum", 1)
        case "array":
            return [example(node["items"])] * max(1, node.get("minItems", 1))
        case "object":
            return {key: example(node["properties"][key]) for key in node.get("required", [])}
    return True


def keys(node: dict[str, Any], given: Callable[[Any], dict[str, Any]], path: str = "") -> Iterator[Key]:
    """Yield the keys at and below a node that take text."""
    node = found(node)
    for part in node.get("anyOf", []):
        yield from keys(part, given, path)
    kinds = node.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "string" in kinds and "enum" not in node and "const" not in node:
        yield Key(path, given)
    if "array" in kinds and isinstance(node.get("items"), dict):
        several = max(1, node.get("minItems", 1))
        filler = example(node["items"]) if several > 1 else None
        yield from keys(node["items"], lambda value: given([value, filler, "other"][:several]), f"{path}[]")
    if "object" in kinds:
        base = {key: example(node["properties"][key]) for key in node.get("required", [])}
        for key, inner in node.get("properties", {}).items():
            yield from keys(inner, lambda value, key=key: given({**base, key: value}), f"{path}.{key}".strip("."))
        extra = node.get("additionalProperties")
        if isinstance(extra, dict):
            yield from keys(extra, lambda value: given({"word": value}), f"{path}.NAME")
        if extra:
            value = example(extra) if isinstance(extra, dict) else 1
            yield Key(f"{path}.KEY", lambda name: given({**base, name: value}))


KEYS = list(keys(SCHEMA, lambda value: value))


def read(given: dict[str, Any]) -> None:
    """Read a configuration as the start of a run does, up to the plans and captions of its stages."""
    study = resolve(files.updated(DEFAULTS, given), given, MODEL, KNOWN_NAMES)
    references.check(study, KNOWN_NAMES["image source"])
    plans = {name: stage.plan(study) for name, stage in STAGES.items()}
    contents = Contents(STAGES, plans, ROOT / "report")
    for figure in figures_of(STAGES, plans):
        contents.place(figure.captioned, figure.of)


def kept(key: Key, text: str) -> bool:
    """Return whether a text is accepted; fail if it is refused in another way than by one line."""
    try:
        study = MODEL.load(key.given(text), known=KNOWN_NAMES)
    except KoopflowError as error:
        one_line(error)
        return False
    assert text in texts_in(study.dump()), (key.path, text)
    return True


def texts_in(value: Any) -> list[Any]:
    """Return all texts in nested values, keys included."""
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in [key, *texts_in(inner)]]
    return [text for inner in value for text in texts_in(inner)] if isinstance(value, list | tuple) else [value]


def test_the_keys_are_those_of_the_models():
    paths = {key.path for key in KEYS}
    assert {*SHOWN, "results", "series.NAME.path", "series.KEY", "tickets.coupling", "hub.team"} <= paths
    assert len(paths) > 80


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_a_text_is_kept_or_refused_in_one_line(key):
    kept_ones = [text for text in TEXTS if kept(key, text)]
    ends = [*(path for paths in OTHERS.values() for path in paths.split()), *SHOWN]
    if "<b>" in kept_ones and not key.path.endswith(tuple(ends)):
        # It stands for something else: a name that is looked up when the stages make their plans.
        with pytest.raises(KoopflowError):
            read(key.given("<b>"))
    if key.path.endswith(tuple(f".{path}" for path in PATHS.split())):
        assert not [text for text in kept_ones if set(text) & set("\0\n\r{}<>") or len(text) > 255]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_the_start_of_a_run_reads_a_text_or_refuses_it_in_one_line(key):
    for text in SOME:
        try:
            read(key.given(text))
        except KoopflowError as error:
            one_line(error)
