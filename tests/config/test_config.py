"""The configuration: defaults filled in, named maps replaced, every mistake one line that names its key."""

import copy
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from koopflow.config.resolution import merge, resolve
from koopflow.config.setups import parts, setups
from koopflow.config.training import OptimizerSettings, ScheduleSettings
from koopflow.core.errors import KoopflowError
from koopflow.training import optimizers

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())


def resolved(overrides):
    return resolve(merge(DEFAULT, overrides), overrides)


def error(overrides) -> str:
    def set_up():
        study = resolved(overrides)
        return setups(study.equivalence.training, study.data)

    with pytest.raises(KoopflowError) as caught:
        set_up()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_key_of_the_default_is_explained():
    lines = (ROOT / "config.yaml").read_text().splitlines()
    start = lines.index("seed: 0                    # all randomness derives from this number and the name of what it is for")
    for above, line in zip(lines[start - 1 :], lines[start : lines.index("    setups:")]):
        if re.match(r"\s*\w+: \S", line):
            assert "#" in line or above.strip().startswith("#"), line


def test_defaults_fill_what_is_left_out():
    study = resolve({"series": {"a": {}}}, {})
    assert study.seed == 0
    assert study.dump()["equivalence"]["optimizers"]["states"] == 100


def test_a_named_map_replaces_the_default_one_and_other_keys_merge():
    training = resolved({"equivalence": {"training": {"setups": {"mine": {}}, "comparisons": {}, "seeds": 3}}}).equivalence.training
    assert list(training.setups) == ["mine"]
    assert training.seeds == 3
    assert training.copies == DEFAULT["equivalence"]["training"]["copies"]


def test_another_name_replaces_the_options_of_the_old_one():
    base = {"optimizer": {"name": "sgd", "momentum": 0.9}}
    assert merge(base, {"optimizer": {"name": "adam"}}) == {"optimizer": {"name": "adam"}}
    assert merge(base, {"optimizer": {"momentum": 0.5}}) == {"optimizer": {"name": "sgd", "momentum": 0.5}}


@pytest.mark.parametrize(
    ("overrides", "parts_of_message"),
    [
        ({"sed": 1}, ["sed", "unknown key", "did you mean seed?"]),
        ({"seed": "3"}, ["seed", "'3'", "a whole number", "write 3 without quotes"]),
        ({"seed": -1}, ["seed", "-1", "at least 0"]),
        ({"seed": True}, ["seed", "True", "a whole number"]),
        ({"device": "gpu"}, ["device", "'gpu'", "auto, cpu, cuda"]),
        ({"equivalence": {"training": {"base": {"optimizer": {"learning_rate": "1e-3"}}}}}, ["learning_rate", "'1e-3'", "0.001"]),
        ({"equivalence": {"training": {"base": {"optimizer": {"learning_rate": float("nan")}}}}}, ["learning_rate", "finite"]),
        ({"equivalence": {"training": {"setups": {"a": {"batchsize": 3}}}}}, ["setups.a.batchsize", "did you mean batch_size?"]),
        (
            {"equivalence": {"training": {"comparisons": {"x": ["width-5", "widht-10"]}}}},
            ["comparisons.x", "did you mean width-10?"],
        ),
        (
            {"equivalence": {"training": {"setups": {"a": {"data": "digit"}}, "comparisons": {}}}},
            ["a.data", "did you mean digits?"],
        ),
        (
            {"equivalence": {"training": {"setups": {"a": {"steps": 10, "koopman": {"delays": 10}}}, "comparisons": {}}}},
            ["a.koopman.delays", "10", "at most 9"],
        ),
        ({"data": {"x": {"path": "y"}}}, ["data.x.source", "missing"]),
        ({"equivalence": "none"}, ["equivalence", "'none'", "a mapping"]),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(overrides, parts_of_message):
    message = error(overrides)
    for part in parts_of_message:
        assert part in message


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


def test_an_ensemble_splits_into_whole_groups():
    assert parts(5, 10, None) == [(0, 5)]
    assert parts(5, 10, 20) == [(0, 2), (2, 4), (4, 5)]
    assert parts(2, 10, 3) == [(0, 1), (1, 2)]
