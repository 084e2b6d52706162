"""Bad configurations, made from the schema by the hundred and by hypothesis: each is refused in one
line that names its key, or is complete."""

import copy
import functools
import json
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from koopflow.claims.verdicts import check_claims
from koopflow.config import references
from koopflow.config.base import plain
from koopflow.config.pruning_studies import pruning_studies
from koopflow.config.resolution import resolve
from koopflow.config.setups import parts, setups
from koopflow.config.study import Study
from koopflow.config.ticket_studies import ticket_studies
from koopflow.config.tickets import CheckedStudy
from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.data.series.loading import load as load_series
from koopflow.forecast.choices import check as check_series
from koopflow.pruning.checks import check_study
from koopflow.studies.discovery import discover, settings_model
from koopflow.studies.known_names import KNOWN_NAMES
from koopflow.tickets.checks import check_data
from koopflow.training.check import checked
from tests.house import command, copy_of_the_house

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "config" / "config.schema.yaml").read_text(encoding="utf-8"))
MODEL = settings_model(discover())
# The default study, with one entry in each map that is empty there.
STUDY = yaml.safe_load((ROOT / "config.yaml").read_text())
STUDY["trajectories"] = {"mine": {"path": str(ROOT / "config.yaml")}}
STUDY["tickets"]["external"] = {"mine": {"folder": str(ROOT / "tests")}}
EXAMPLES = {bool: True, int: 3, float: 2.5, str: "word", list: [], dict: {}, type(None): None}
ACCEPTED = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def planned(overrides: dict, study: dict = STUDY) -> Study:
    """Do what the Snakefile does with a config file of `overrides`, up to the planning of jobs."""
    config = copy.deepcopy(study)
    update_config(config, copy.deepcopy(overrides))
    found = resolve(config, overrides, MODEL, KNOWN_NAMES)
    references.check(found, KNOWN_NAMES["image source"])
    training = found.equivalence.training
    setups(training, found.data)
    parts(training.seeds, training.copies, found.replicas_per_job)
    pruning_studies(found.pruning, found.data)
    ticket_studies(found.tickets, found.data)
    return found


def checked_by_first_jobs(study: Study) -> None:
    """Do what the stages' first jobs do, before anything is trained."""
    config = study.dump()
    check_claims(study.claims)
    for name, pruned in pruning_studies(study.pruning, study.data).items():
        check_study(name, pruned, study.pruning.methods, images(config, pruned.data))
    for name, setup in setups(study.equivalence.training, study.data).items():
        checked(f"equivalence.training.setups.{name}", setup, images(config, setup.data), setup.koopman.observables)
    tickets = ticket_studies(study.tickets, study.data)
    tasks = {task: images(config, task) for chains in tickets.values() for task in chains.tasks}
    checked_studies = {
        name: CheckedStudy.load({key: plain(getattr(chains, key)) for key in CheckedStudy.model_fields})
        for name, chains in tickets.items()
    }
    check_data(checked_studies, study.tickets.elastic, {}, tasks)
    for name, series in study.series.items():
        check_series(load_series(name, series.dump(), study.seed), series)


def images(config: dict, name: str):
    return _images(json.dumps(config["data"], sort_keys=True), name, config["seed"])


@functools.cache
def _images(data: str, name: str, seed: int):
    named = json.loads(data)
    return load(named[name], seed=seed, named=named)


def refusal(overrides: dict, study: dict = STUDY, jobs: bool = True) -> str:
    """Return the one line that a configuration is refused with, or nothing; any other exception
    fails the test."""
    try:
        config = planned(overrides, study)
        if jobs:
            checked_by_first_jobs(config)
    except KoopflowError as error:
        line = str(error)
        assert line
        assert "\n" not in line
        assert len(line) < 1000
        return line
    return ""


def dereferenced(schema: dict) -> dict:
    """Return a schema with its reference followed."""
    while "$ref" in schema:
        target = SCHEMA
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def keys(schema: dict, value, path: tuple = ()):
    """Yield path and schema of every key that the schema knows, one entry standing for all entries
    of a map."""
    schema = dereferenced(schema)
    if path:
        yield path, schema
    for name, sub in schema.get("properties", {}).items():
        yield from keys(sub, value.get(name) if isinstance(value, dict) else None, (*path, name))
    if isinstance(schema.get("additionalProperties"), dict) and isinstance(value, dict) and value:
        name = next(iter(value))
        yield from keys(schema["additionalProperties"], value[name], (*path, name))


def at(path: tuple, value) -> dict:
    for name in reversed(path):
        value = {name: value}
    return value


def types_of(schema: dict) -> set[str]:
    """Return the JSON types that are accepted."""
    given = schema.get("type", [name for option in schema.get("anyOf", []) for name in types_of(option)])
    return {given} if isinstance(given, str) else set(given)


def wrong_values(schema: dict):
    """Yield values of every type that is not accepted, and values out of range."""
    types = types_of(schema)
    accepted = tuple(kind for name in types for kind in ACCEPTED.get(name, (type(None),)))
    yield from (
        example
        for kind, example in EXAMPLES.items()
        if kind not in accepted and not (kind is int and float in accepted)
    )
    if any("enum" in option for option in (schema, *schema.get("anyOf", []))):
        yield 2 if "integer" in types else "no such word"
    elif {"integer", "number"} & types:
        yield from ("1e-3", "three", float("nan"), float("inf"), -float("inf"), 10**400)
        yield from (schema[key] - 1 for key in ("minimum", "exclusiveMinimum") if key in schema)
        yield from (schema[key] + 1 for key in ("maximum", "exclusiveMaximum") if key in schema)
        yield from (schema[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in schema)
    if "items" in schema:
        yield [["deep"]] if schema["items"].get("type") != "array" else [[]]
    if "pattern" in schema:
        yield from ("", "line\nbreak", "{braces}")


KEYS = list(keys(SCHEMA, STUDY))


def test_every_wrong_value_is_refused_by_its_name():
    refused = 0
    for path, schema in KEYS:
        for value in wrong_values(schema):
            line = refusal(at(path, value), jobs=False)
            assert line.startswith(".".join(path)), f"{path} = {value!r}: {line or 'accepted'}"
            refused += 1
    assert refused > 900, refused


def test_every_misspelt_key_is_refused_by_its_name():
    refused = 0
    for path, schema in KEYS:
        if schema.get("additionalProperties") is False:
            for name in schema["properties"]:
                wrong = name[:-1] + "qx"
                line = refusal(at(path, {wrong: None}), jobs=False)
                assert line.startswith(f"{'.'.join(path)}.{wrong}: unknown key"), line
                refused += 1
    for name in SCHEMA["properties"]:
        assert refusal({f"{name}x": None}, jobs=False).startswith(f"{name}x: unknown key (did you mean {name}?)")
        refused += 1
    assert refused > 150, refused


def test_every_key_can_be_missing_and_is_then_filled_in_or_named():
    seen = {"refused": 0, "filled in": 0}
    for path, _ in KEYS:
        study = copy.deepcopy(STUDY)
        block = study
        for name in path[:-1]:
            block = block.get(name, {})
        if block.pop(path[-1], None) is not None:
            seen["refused" if refusal({}, study) else "filled in"] += 1
    assert seen["refused"] > 30, seen
    assert seen["filled in"] > 50, seen


DANGLING = [
    (
        {"data": {"clusters": {"like": "digit"}}},
        "data.clusters.like: no data set or source named 'digit' (did you mean digits?)",
    ),
    (
        {"data": {"a": {"source": "teacher", "like": "b"}, "b": {"source": "teacher", "like": "a"}}},
        "leads back to itself",
    ),
    ({"equivalence": {"training": {"base": {"data": "digit"}}}}, "did you mean digits?"),
    (
        {"equivalence": {"training": {"setups": {"a": {"data": "x"}}, "comparisons": {}}}},
        "equivalence.training.setups.a.data",
    ),
    ({"equivalence": {"training": {"comparisons": {"x": ["width-5", "widht-10"]}}}}, "no set-up named 'widht-10'"),
    ({"equivalence": {"training": {"comparisons": {"x": ["width-5", "width-5"]}}}}, "must not name a set-up twice"),
    (
        {"equivalence": {"training": {"base": {"model": {"name": "mpl"}}}}},
        "base.model.name: no model named 'mpl' (did you mean mlp?)",
    ),
    ({"equivalence": {"training": {"base": {"model": {"name": "no.module:here"}}}}}, "cannot be imported"),
    ({"equivalence": {"training": {"base": {"koopman": {"observables": ["fc9.*"]}}}}}, "fc9.*"),
    (
        {"equivalence": {"training": {"base": {"batch_size": 10_000}}}},
        "batch_size must be at most 1438, the training images of digits (got 10000)",
    ),
    ({"pruning": {"base": {"data": "digit"}}}, "pruning.studies.digits_mlp.data: no data set named 'digit'"),
    ({"pruning": {"studies": {"a": {"methods": ["randon"]}}}}, "did you mean random?"),
    (
        {"pruning": {"studies": {"a": {"pairs": [["random", "nothing"]]}}}},
        "pruning.studies.a.pairs: no method named 'nothing'",
    ),
    (
        {"pruning": {"studies": {"a": {"prune_epochs": [30]}}}},
        "pruning.studies.a.prune_epochs must be at most 20, the epochs of training (got 30)",
    ),
    (
        {"pruning": {"studies": {"a": {"finetune": {"at": [1, 4]}}}}},
        "pruning.studies.a.finetune.at must be among prune_epochs, 1, 2, 3, 5, 10, 20 (got 4)",
    ),
    (
        {"pruning": {"studies": {"a": {"save_masks": {"at": [7]}}}}},
        "pruning.studies.a.save_masks.at must be among prune_epochs",
    ),
    ({"pruning": {"studies": {"a": {"window": 5000}}}}, "pruning.studies.a: window: must be from 2 to 44"),
    (
        {"pruning": {"studies": {"a": {"model": {"name": "nothing"}}}}},
        "pruning.studies.a.model.name: no model named 'nothing'",
    ),
    ({"pruning": {"methods": {"random": {"score": "randon"}}}}, "randon"),
    ({"pruning": {"methods": {"random": {"score": "no.module:here"}}}}, "no.module"),
    ({"tickets": {"studies": {"a": {"tasks": ["digit"]}}}}, "tickets.studies.a.tasks: no data set named 'digit'"),
    ({"tickets": {"studies": {"a": {}}}}, "tickets.studies.a.tasks is missing; set it here or in tickets.base.tasks"),
    (
        {"tickets": {"base": {"rewind_step": 200}}},
        "tickets.studies.digits.rewind_step must be less than 200, the steps of training (got 200)",
    ),
    (
        {"tickets": {"base": {"controls": {"rounds": [15]}}}},
        "tickets.studies.digits.controls.rounds must be less than 15",
    ),
    (
        {"tickets": {"base": {"transfer": {"rounds": [99]}}}},
        "tickets.studies.digits.transfer.rounds must be less than 15, the rounds of the chain (got 99)",
    ),
    (
        {"tickets": {"elastic": {"a": {"studies": ["digits", "b"], "rounds": [3]}}}},
        "tickets.elastic.a.studies: no study named 'b'",
    ),
    ({"tickets": {"external": {"a": {"folder": "absent"}}}}, "tickets.external.a.folder: no folder absent"),
    ({"trajectories": {"a": {"path": "absent.h5"}}}, "trajectories.a.path: absent.h5 does not exist"),
    ({"series": {"a": {"path": "absent.csv", "time": "t", "value": "v"}}}, "series.a.path: absent.csv: no such file"),
    ({"series": {"a": {"source": "csv"}}}, "series.a.path"),
    ({"series": {"a": {"source": "sunspots", "window": 10_000}}}, "series.a.window: 10000"),
    (
        {"claims": {"statements": {"a": {"paper": "p", "statement": "s", "measure": "nothing", "above": 0}}}},
        "no measure named 'nothing'",
    ),
    (
        {"equivalence": {"training": {"setups": {}, "comparisons": {}}}},
        "equivalence.training.setups must have at least 1 entry (got {})",
    ),
    ({"pruning": {"studies": {}}}, "pruning.studies must have at least 1 entry (got {})"),
    ({"series": {}}, "series must have at least 1 entry (got {})"),
    ({"figures": {"style": {"colours": {"a": "no colour"}}}}, "must be a colour such as '#0072B2' (got 'no colour')"),
    ({"forecast": {"methods": ["ets", "arima"]}}, "forecast.methods must contain sliding (got ['ets', 'arima'])"),
    ({"forecast": {"methods": ["sliding", "sliding"]}}, "forecast.methods must not contain 'sliding' twice"),
]


@pytest.mark.parametrize(("overrides", "words"), DANGLING)
def test_every_dangling_reference_is_refused_by_its_name(overrides, words):
    assert words in refusal(overrides)


def test_a_whole_number_written_with_a_point_is_one():
    study = planned({"seed": 3.0, "equivalence": {"training": {"seeds": 4.0, "base": {"model": {"widths": [5.0]}}}}})
    assert isinstance(study.seed, int)
    assert isinstance(study.equivalence.training.seeds, int)
    assert isinstance(study.equivalence.training.base["model"]["widths"][0], int)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1e-3", "3", "digits"])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(st.tuples(st.sampled_from([path for path, _ in KEYS]), ANYTHING), min_size=1, max_size=3))
def test_anything_at_all_is_refused_in_one_line_or_complete(given_values):
    overrides: dict = {}
    for path, value in given_values:
        update_config(overrides, at(path, value))
    if not refusal(overrides, jobs=False):
        config = planned(overrides).dump()
        assert resolve(config, {}, MODEL, KNOWN_NAMES).dump() == config


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    ANYTHING.filter(lambda value: isinstance(value, dict))
    | st.dictionaries(st.sampled_from(list(SCHEMA["properties"])), ANYTHING)
)
def test_any_mapping_at_all_is_refused_in_one_line_or_complete(overrides):
    refusal(overrides, jobs=False)


REAL_RUNS = [
    (["--config", "sed=1"], "koopflow: sed: unknown key (did you mean seed?)"),
    (["--config", "seed=three"], "koopflow: seed must be a whole number (got 'three')"),
    (
        ["--config", "equivalence={training: {seeds: 4}}"],
        "koopflow: equivalence.training.seeds must be a whole number (got '4')",
    ),
    (
        ["--config", "results=a{b}"],
        "koopflow: results must be a path without braces, angle brackets and line breaks (got 'a{b}')",
    ),
    (["--configfile", "list.yaml"], "Config file must be given as JSON or YAML with keys at top level"),
    (["--configfile", "broken.yaml"], "Config file is not valid JSON or YAML"),
    (["--configfile", "folder.yaml"], "koopflow: tickets.external.mine.folder: no folder absent"),
]


@pytest.mark.parametrize(("words", "line"), REAL_RUNS)
def test_a_real_run_refuses_in_one_line_and_writes_nothing(tmp_path, words, line):
    folder = copy_of_the_house(tmp_path / "house")
    (folder / "list.yaml").write_text("- seed\n")
    (folder / "broken.yaml").write_text("seed: [1\n\tresults: 2\n")
    (folder / "folder.yaml").write_text("tickets: {external: {mine: {folder: absent}}}\n")
    before = sorted(str(path) for path in folder.rglob("*") if "__pycache__" not in path.parts)
    done = subprocess.run(command("all", *words), cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert line in said
    assert "Traceback" not in said
    after = sorted(str(path) for path in folder.rglob("*") if not {"__pycache__", ".snakemake"} & set(path.parts))
    assert after == before
