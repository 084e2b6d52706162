"""The configuration, resolved: defaults filled in, a user's maps in place of the default ones."""

import copy
import re
from pathlib import Path
from typing import get_args

import yaml

from koopflow.config.resolution import merge, replaced_maps, resolve
from koopflow.config.study import Study
from koopflow.config.training import OptimizerSettings, ScheduleSettings
from koopflow.training import optimizers

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def resolved(overrides):
    return resolve(merge(DEFAULT, overrides), overrides)


def test_every_key_of_the_default_is_explained():
    lines = (ROOT / "config.yaml").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("seed:"))
    end = next(number for number, line in enumerate(lines) if line.startswith("    setups:"))
    for above, line in zip(lines[start - 1 :], lines[start:end]):
        if re.match(r"\s*\w+: \S", line):
            assert "#" in line or above.strip().startswith("#"), line


def test_the_default_says_which_maps_a_users_file_replaces():
    head = (ROOT / "config.yaml").read_text().split("seed:")[0].split("added to")
    for path in replaced_maps(Study):
        assert path[-1] in head[0], path
    for path in ("data", "pruning.methods", "forecast.forecasters", "claims.statements", "figures.style.colours"):
        assert path in head[1], path
    assert {".".join(path) for path in replaced_maps(Study)} == {
        *(
            "equivalence.training.setups",
            "equivalence.training.comparisons",
            "equivalence.windows",
            "grokking.settings",
            "pruning.studies",
            "tickets.studies",
            "tickets.elastic",
        ),
        *("tickets.external", "series", "trajectories"),
    }


def test_claims_are_added_and_replace_when_asked():
    claim = {"paper": "mine", "statement": "it is so", "measure": "excess_distance", "comparison": "width", "above": 0}
    given = {"statements": {"mine": claim, "width_changes": {"above": 0.5}}}
    added = resolved({"claims": given}).claims.statements
    assert {*DEFAULT["claims"]["statements"], "mine"} == {*added}
    assert added["width_changes"].above == 0.5
    only = {"replace": True, "statements": {"mine": claim}}
    assert {*resolved({"claims": only}).claims.statements} == {"mine"}
    kept = {"replace": False, "statements": {"mine": claim}}
    assert len(resolved({"claims": kept}).claims.statements) == len(DEFAULT["claims"]["statements"]) + 1
    assert {*resolved({"claims": {"replace": True}}).claims.statements} == {*DEFAULT["claims"]["statements"]}


def test_defaults_fill_what_is_left_out():
    study = resolve({"series": {"a": {}}}, {})
    assert study.seed == 0
    assert study.dump()["equivalence"]["optimizers"]["states"] == 100


def test_a_named_map_replaces_the_default_one_and_other_keys_merge():
    training = resolved(
        {"equivalence": {"training": {"setups": {"mine": {}}, "comparisons": {}, "seeds": 3}}}
    ).equivalence.training
    assert list(training.setups) == ["mine"]
    assert training.seeds == 3
    assert training.copies == DEFAULT["equivalence"]["training"]["copies"]


def test_another_name_replaces_the_options_of_the_old_one():
    base = {"optimizer": {"name": "sgd", "momentum": 0.9}}
    assert merge(base, {"optimizer": {"name": "adam"}}) == {"optimizer": {"name": "adam"}}
    assert merge(base, {"optimizer": {"momentum": 0.5}}) == {"optimizer": {"name": "sgd", "momentum": 0.5}}


def test_every_optimizer_and_schedule_can_be_trained_with():
    options = {"warmup": 3, "milestones": [5], "factor": 0.5, "final": 0.1}
    assert set(ScheduleSettings.model_fields) == {"name", *options}
    assert set(get_args(OptimizerSettings.model_fields["name"].annotation)) == {"momentum", *optimizers.OPTIMIZERS}
    assert set(get_args(ScheduleSettings.model_fields["name"].annotation)) == set(optimizers.SCHEDULES)
    known = {"learning_rate", "schedule", *(key for keys in optimizers.OPTIMIZERS.values() for key in keys)}
    assert set(OptimizerSettings.model_fields) == {"name", *known}
    for name, accepted in optimizers.SCHEDULES.items():
        optimizers.optimizer_settings(
            {"name": "momentum", "learning_rate": 0.1, "schedule": {"name": name} | {k: options[k] for k in accepted}}
        )


def test_resolving_changes_nothing_it_was_given():
    given = copy.deepcopy(DEFAULT)
    resolve(given, {})
    assert given == DEFAULT
