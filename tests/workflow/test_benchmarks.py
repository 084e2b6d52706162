"""Estimates of time, memory and disk against a finished run: the benchmark files and results of the
smoke study."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

from koopflow.cli.history import jobs_of
from tests.workflow.benchmarks import compare, measured, near, planned

MEGABYTE = 1.5


@pytest.fixture(scope="module")
def plan(smoke_study) -> dict[str, dict[str, list[int]]]:
    """What a plan of the whole study expects of the jobs of each rule."""
    return planned(smoke_study, "all", "report", "--configfile", "config/smoke.yaml")


def test_every_rule_takes_the_expected_processor_time_and_memory_within_a_factor_of_two(plan, smoke_study):
    lines = compare(plan, measured(smoke_study / "logs/results/benchmarks"))
    assert len(lines) > 20
    assert not [line for line, right in lines.values() if not right]


@pytest.mark.parametrize(
    ("cpu", "wall", "mb", "right"),
    [
        (10, 11, 400, True),
        (30, 31, 400, False),
        (3, 4, 400, False),
        (10, 11, 900, False),
        (10, 11, 190, False),
        (10, 40, 190, True),  # a loaded machine: the time cannot be judged, nor a memory seen too early
    ],
)
def test_a_wrong_estimate_is_seen(cpu, wall, mb, right):
    plan = {"a": {"expected_s": [15, 15], "expected_mb": [400]}}
    assert compare(plan, {"a": [{"cpu": cpu, "wall": wall, "mb": mb}]})["a"][1] == right


def test_every_rule_writes_the_expected_size_within_a_factor_of_two(plan, smoke_study, monkeypatch):
    monkeypatch.chdir(smoke_study)
    written: dict[str, float] = defaultdict(float)
    for job in jobs_of(Path("results")):
        for output in map(Path, job.outputs):
            files = output.rglob("*") if output.is_dir() else [output]
            written[job.rule] += sum(os.path.getsize(file) for file in files if file.is_file()) / 2**20
    del written["report"]  # one file, which holds all figures
    assert {"train_short_setups", "train_pruning", "train_rounds", "forecast_series"} <= set(written)
    wrong = [
        f"{rule}: {sum(plan[rule]['written_mb'])} MB expected, {size:.2f} MB written"
        for rule, size in written.items()
        if not near(sum(plan[rule]["written_mb"]), size, MEGABYTE * len(plan[rule]["written_mb"]))
    ]
    assert not wrong, "; ".join(wrong)
