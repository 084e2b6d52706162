"""A GPU named where there is none ends a run in one line, before anything is computed."""

import os
import subprocess

import pytest
import yaml

from koopflow.core.errors import KoopflowError
from koopflow.studies.checks.device import check_device
from koopflow.studies.discovery import discover
from tests.house import command, copy_of_the_house

STUDY = {
    "device": "cuda",
    "equivalence": {
        "windows": {},
        "training": {
            "seeds": 2,
            "copies": 1,
            "base": {"steps": 20, "koopman": {"delays": 1, "rank": 2}},
            "setups": {"a": {}},
            "comparisons": {},
        },
    },
}
TARGETS = ("results/checks/equivalence.json", "results/equivalence/training/a/0/replicas.csv")
LINE = "koopflow: device: this machine has no CUDA device; set device to auto or cpu (got cuda)"


def without_gpu() -> dict[str, str]:
    """The environment of a machine without a CUDA device, on a machine that has one too."""
    return {**os.environ, "CUDA_VISIBLE_DEVICES": ""}


def test_on_this_machine_a_check_says_so_before_anything_is_trained(tmp_path):
    house = copy_of_the_house(tmp_path / "house")
    (house / "mine.yaml").write_text(yaml.safe_dump(STUDY))
    words = command(*TARGETS, "--configfile", "mine.yaml")
    done = subprocess.run(words, cwd=house, env=without_gpu(), capture_output=True, text=True)
    assert done.returncode == 1
    told = (done.stdout + done.stderr).splitlines()
    assert told.count(LINE) == 1, done.stdout + done.stderr
    assert not any(line.startswith("Traceback") for line in told)
    assert not list((house / "logs").rglob("train_ensemble*")), "a training had begun"


def test_the_checks_of_exactly_the_stages_that_train_look_for_the_device():
    assert {name for name, stage in discover().items() if stage.check and stage.check.trains} == {
        "equivalence",
        "grokking",
        "pruning",
        "tickets",
    }


def test_a_stage_that_trains_nothing_needs_no_device():
    check_device("cuda:99", [])
    with pytest.raises(KoopflowError, match="got 'mps'"):
        check_device("mps", ["a"])
