"""Estimates of time, memory and disk against a finished run: the benchmark files and results of the
smoke study."""

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from koopflow.cli.history import jobs_of
from koopflow.workflow.estimates import QUEUE_SECONDS

PLANNED = """
import json
from dataclasses import asdict
from koopflow.cli.plan import plan
words = ["all", "report", "--configfile", "config/smoke.yaml", "--config", "results=nothing-yet/results"]
print(json.dumps({rule: asdict(jobs) for rule, jobs in plan(words).rules.items()}))
"""
SECOND = 1.5
"""Estimates are whole seconds, and starting Python takes one or two."""
MEGABYTE = 1.5


@pytest.fixture(scope="module")
def planned(smoke_study) -> dict[str, dict[str, list[int]]]:
    """What a plan of the whole study expects of the jobs of each rule."""
    done = subprocess.run([sys.executable, "-c", PLANNED], cwd=smoke_study, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def measured(smoke_study) -> dict[str, list[dict[str, float]]]:
    """The benchmark files of each rule: processor and wall time in seconds, and largest memory in MB."""
    found = defaultdict(list)
    folder = smoke_study / "logs/results/benchmarks"
    for file in folder.rglob("*.tsv"):
        rule = file.relative_to(folder).parts[0].removesuffix(".tsv")
        rule = "check_stage" if rule.startswith("check_") else "report" if rule == "write_report" else rule
        with file.open(newline="") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        if row["max_rss"] != "NA":  # a job that ended before it was measured
            found[rule].append({"cpu": float(row["cpu_time"]), "wall": float(row["s"]), "mb": float(row["max_rss"])})
    return found


def near(expected: float, found: float, slack: float, most: float | None = None) -> bool:
    return found / 2 - slack <= expected <= 2 * (found if most is None else most) + slack


def test_every_rule_takes_the_expected_processor_time_and_memory_within_a_factor_of_two(planned, measured):
    assert len(measured) > 20
    wrong = []
    for rule, rows in measured.items():
        asked = planned[rule]
        seconds = sum(asked["expected_s"]) / len(asked["expected_s"]) - QUEUE_SECONDS
        # Snakemake reads the processor time at intervals and misses a job's end; the wall time has it.
        took, passed = (sum(row[name] for row in rows) / len(rows) for name in ("cpu", "wall"))
        largest, held = max(asked["expected_mb"]), max(row["mb"] for row in rows)
        if not near(seconds, took, SECOND, most=passed):
            wrong.append(f"{rule}: {seconds:.1f} s expected, {took:.1f} s measured")
        if took >= 1 and not near(largest, held, 0):  # shorter jobs end before their memory is seen
            wrong.append(f"{rule}: {largest} MB expected, {held:.0f} MB measured")
    assert not wrong, "; ".join(wrong)


def test_every_rule_writes_the_expected_size_within_a_factor_of_two(planned, smoke_study, monkeypatch):
    monkeypatch.chdir(smoke_study)
    written: dict[str, float] = defaultdict(float)
    for job in jobs_of(Path("results")):
        for output in map(Path, job.outputs):
            files = output.rglob("*") if output.is_dir() else [output]
            written[job.rule] += sum(os.path.getsize(file) for file in files if file.is_file()) / 2**20
    del written["report"]  # one file, which holds all figures
    assert {"train_ensemble", "train_pruning", "train_rounds", "forecast_series"} <= set(written)
    wrong = [
        f"{rule}: {sum(planned[rule]['written_mb'])} MB expected, {size:.2f} MB written"
        for rule, size in written.items()
        if not near(sum(planned[rule]["written_mb"]), size, MEGABYTE * len(planned[rule]["written_mb"]))
    ]
    assert not wrong, "; ".join(wrong)
