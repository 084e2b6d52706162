"""Estimates of time and memory beside the benchmark files of a finished run.

``python -m tests.workflow.benchmarks FOLDER WORDS...`` compares any run: FOLDER holds its benchmark files
(``logs/results/benchmarks``), WORDS are those of its Snakemake, such as ``all --configfile config/grokking.yaml``.
"""

import csv
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from koopflow.workflow.estimates import QUEUE_SECONDS

PLANNED = """
import json, sys
from dataclasses import asdict
from koopflow.cli.plan import plan
words = [*sys.argv[1:], "--config", "results=nothing-yet/results"]
print(json.dumps({rule: asdict(jobs) for rule, jobs in plan(words).rules.items()}))
"""
SECOND = 1.5
"""Estimates are whole seconds, and starting Python takes one or two."""


def planned(house: Path, *words: str) -> dict[str, dict[str, list[int]]]:
    """Return what a plan of the whole study expects of the jobs of each rule."""
    done = subprocess.run([sys.executable, "-c", PLANNED, *words], cwd=house, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def measured(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Return the benchmark files of each rule: processor and wall time in seconds, and largest memory in MB."""
    found = defaultdict(list)
    for file in folder.rglob("*.tsv"):
        rule = file.relative_to(folder).parts[0].removesuffix(".tsv")
        rule = "check_stage" if rule.startswith("check_") else "report" if rule == "write_report" else rule
        with file.open(newline="") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        if row["max_rss"] != "NA":  # a job that ended before it was measured
            found[rule].append({"cpu": float(row["cpu_time"]), "wall": float(row["s"]), "mb": float(row["max_rss"])})
    return found


def near(expected: float, found: float, slack: float, most: float | None = None) -> bool:
    """Return whether `expected` is within a factor of two of `found`; `most` replaces `found` above."""
    return found / 2 - slack <= expected <= 2 * (found if most is None else most) + slack


def compare(
    planned: dict[str, dict[str, list[int]]], measured: dict[str, list[dict[str, float]]]
) -> dict[str, tuple[str, bool]]:
    """Return a line for each rule, expected beside measured, and whether both time and memory are within a factor of
    two."""
    found = {}
    for rule, rows in sorted(measured.items()):
        asked = planned[rule]
        seconds = sum(asked["expected_s"]) / len(asked["expected_s"]) - QUEUE_SECONDS
        # Snakemake reads the processor time at intervals, up to 30 s, and misses a job's end; the wall time has it.
        took, passed = (sum(row[name] for row in rows) / len(rows) for name in ("cpu", "wall"))
        largest, held = max(asked["expected_mb"]), max(row["mb"] for row in rows)
        right = near(seconds, took, SECOND, most=passed)
        right &= took < 1 or held / 2 <= largest  # shorter jobs end before their memory is seen
        # On a loaded machine the few looks of Snakemake come before the job has loaded its libraries.
        right &= took < max(1, passed / 2) or largest <= 2 * held
        line = f"{rule}: {seconds:.1f} s expected, {took:.1f} to {passed:.1f} s measured; "
        found[rule] = line + f"{largest} MB expected, {held:.0f} MB measured", right
    return found


def main() -> None:
    folder, *words = sys.argv[1:]
    expected, found = planned(Path.cwd(), *words), measured(Path(folder))
    for rule in sorted(found.keys() - expected.keys()):
        print(f"? {rule}: not in this plan")
    lines = compare(expected, {rule: rows for rule, rows in found.items() if rule in expected})
    for line, right in lines.values():
        print(f"{' ' if right else '!'} {line}")
    sys.exit(not all(right for _, right in lines.values()))


if __name__ == "__main__":
    main()
