"""What a run costs, before it starts: ``koopflow plan -- --configfile config/paper.yaml``.

A dry run of Snakemake lists the remaining jobs and the resources that each requests. This command
adds them up by rule, with jobs grouped as in profiles/slurm. Expected times are estimates from the
configuration (koopflow/workflow/estimates.py).
"""

import argparse
import contextlib
import io
import logging
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from koopflow.core.errors import KoopflowError
from koopflow.workflow.run_end import count

PROFILE = Path("profiles/slurm/config.yaml")
COLUMNS = ("rule", "jobs", "cores", "GPUs", "memory", "limit", "expected", "at most", "disk")


@dataclass
class Jobs:
    """The jobs of one rule: threads, GPUs, memory (MB), time limit (minutes), expected time
    (seconds) and memory (MB), and size of the files (MB) of each; and how many of them are guesses."""

    threads: list[int] = field(default_factory=list)
    gpus: list[int] = field(default_factory=list)
    mem_mb: list[int] = field(default_factory=list)
    runtime: list[int] = field(default_factory=list)
    expected_s: list[int] = field(default_factory=list)
    expected_mb: list[int] = field(default_factory=list)
    written_mb: list[int] = field(default_factory=list)
    guessed: int = 0

    @property
    def hours(self) -> float:
        """Expected node hours."""
        return sum(self.expected_s) / 3600

    @property
    def at_most(self) -> float:
        """Node hours if every job uses its whole time limit."""
        return sum(self.runtime) / 60


@dataclass
class Plan:
    """The remaining jobs of a run.

    Attributes
    ----------
    rules : dict of str to Jobs
        By rule, in the order in which Snakemake lists them.
    grouped, groups : int
        Jobs that share a submitted job with others, and how many submitted jobs they share.
    here : set of str
        Rules whose jobs run where Snakemake runs.
    """

    rules: dict[str, Jobs]
    grouped: int
    groups: int
    here: set[str]

    @property
    def submitted(self) -> int:
        """Jobs submitted to the scheduler."""
        elsewhere = sum(len(jobs.threads) for rule, jobs in self.rules.items() if rule not in self.here)
        return elsewhere - self.grouped + self.groups


class _Listener(logging.Filter):
    """Keeps Snakemake's records of jobs and groups.

    A filter, because Snakemake removes handlers that it does not know.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) is not None:
            self.records.append(record)
        return True


def plan(words: list[str], profile: Path = PROFILE) -> Plan:
    """Return the plan of a run without running it.

    Parameters
    ----------
    words : list of str
        Targets and options of Snakemake.
    profile : path
        The profile whose groups are used.

    Raises
    ------
    KoopflowError
        If Snakemake cannot plan the run, with its message.
    """
    from snakemake import cli
    from snakemake.logging import logger

    groups = [
        f"{rule}={group}" for rule, group in yaml.safe_load(profile.read_text(encoding="utf-8"))["groups"].items()
    ]
    listener, said = _Listener(), io.StringIO()
    command = ["--dry-run", "--nolock", "--cores", "all", *words, "--groups", *groups]
    logger.addFilter(listener)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli.main(command)
    except SystemExit as end:
        if end.code:
            told = [line for line in [*said.getvalue().splitlines(), str(end.code)] if line.startswith("koopflow: ")]
            raise KoopflowError(
                told[-1].removeprefix("koopflow: ") if told else said.getvalue().strip()[-500:]
            ) from None
    finally:
        logger.removeFilter(listener)
    return _added_up(listener.records)


def _added_up(records: list[Any]) -> Plan:
    """Return the plan that Snakemake's log records add up to."""
    rules: dict[str, Jobs] = defaultdict(Jobs)
    grouped, groups, here = 0, 0, set()
    for record in records:
        if record.event == "group_info":
            groups += 1
            grouped += len(list(record.jobs))
        elif record.event == "job_info" and "expected_s" in dict(record.resources.items()):
            jobs, asked = rules[record.rule_name], record.resources
            jobs.threads.append(record.threads)
            jobs.gpus.append(asked.get("gpu", 0))
            jobs.mem_mb.append(asked["mem_mb"])
            jobs.runtime.append(asked["runtime"])
            jobs.expected_s.append(asked["expected_s"])
            jobs.expected_mb.append(asked["expected_mb"])
            jobs.written_mb.append(asked["written_mb"])
            jobs.guessed += asked.get("guessed", 0)
            if asked.get("turns", 1) > 1 or record.rule_name == "report":
                here.add(record.rule_name)
    return Plan(dict(rules), grouped, groups, here)


def table(found: Plan) -> str:
    """Return the plan as text: a line for each rule, and the total."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    for rule, jobs in found.rules.items():
        cores = "here" if rule in found.here else _range(jobs.threads)
        memory, limit = f"{_range([round(mb / 1000, 1) for mb in jobs.mem_mb])} GB", f"{_range(jobs.runtime)} min"
        rows.append(
            (
                rule,
                str(len(jobs.threads)),
                cores,
                _range(jobs.gpus),
                memory,
                limit,
                f"{jobs.hours:.2f} h",
                f"{jobs.at_most:.1f} h",
                _size(sum(jobs.written_mb)),
            )
        )
    total, most = sum(jobs.hours for jobs in found.rules.values()), sum(jobs.at_most for jobs in found.rules.values())
    written = sum(sum(jobs.written_mb) for jobs in found.rules.values())
    rows.append(
        (
            "total",
            str(sum(len(jobs.threads) for jobs in found.rules.values())),
            "",
            "",
            "",
            "",
            f"{total:.2f} h",
            f"{most:.1f} h",
            _size(written),
        )
    )
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths))
        )
        for row in rows
    ]
    gpu = sum(jobs.hours for jobs in found.rules.values() if any(jobs.gpus))
    return "\n".join(
        [
            *lines,
            f"{found.submitted} jobs submitted: {found.grouped} small steps share {found.groups} of them; "
            "checks run where snakemake runs.",
            f"Expected: {total:.1f} node hours, {gpu:.1f} of them with a GPU, and {_size(written)} on disk. "
            f"Each job runs on one node. These are estimates{_guesses(found)}.",
        ]
    )


def _guesses(found: Plan) -> str:
    guessed = sum(jobs.guessed for jobs in found.rules.values())
    if not guessed:
        return ""
    return f", and guesses for {count(guessed, 'job')} that train networks of your own, whose speed is not known"


def _size(megabytes: float) -> str:
    """Return a size as text, in MB or GB."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def main(words: list[str] | None = None) -> None:
    """Read the command line and print the plan."""
    parser = argparse.ArgumentParser(prog="koopflow plan", description=__doc__)
    parser.add_argument(
        "snakemake",
        nargs="*",
        help="after --: targets and options of the run, for example -- --configfile config/paper.yaml",
    )
    try:
        found = plan(parser.parse_args(words).snakemake)
        print(table(found) if found.rules else "Nothing is left to do.")
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")


if __name__ == "__main__":
    main()
