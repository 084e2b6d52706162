"""The jobs that made the files of a results folder, from Snakemake's records and the jobs' logs."""

import base64
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from koopflow.core import facts

RECORDS = Path(".snakemake/metadata")
"""Folder of Snakemake's records, one for each output."""


@dataclass
class Job:
    """One finished job.

    Attributes
    ----------
    rule : str
    start, end : float
        Seconds since 1970.
    outputs, inputs, code : list of str
        Its files; `code` are the inputs that are Python modules.
    checksums : dict of str to str
        Checksums of inputs and outputs, as far as Snakemake or the job recorded any.
    software : str
        Version of koopflow and of packages, as its log states them.
    host : dict
        What it ran on (`koopflow.workflow.host.describe`); empty if its log does not tell.
    data, published : list of dict
        The data sets that it read, and how files of published sets compare with the original.
    usage : dict of str to float
        Its benchmark file: seconds, memory, processor time; empty without one.
    """

    rule: str
    start: float
    end: float
    outputs: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)
    software: str = ""
    host: dict[str, Any] = field(default_factory=dict)
    data: list[dict[str, Any]] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, float] = field(default_factory=dict)


def jobs_of(results: Path, records: Path = RECORDS) -> list[Job]:
    """Return the jobs that made files in the folder `results` that are still there, or that led to
    them, in the order of their start.

    Files that the study does not keep (``keep``) are gone; their jobs are returned if the files were
    inputs of jobs that are.
    """
    found: dict[tuple[str, ...], Job] = {}
    for output, record in sorted(_records(records)):
        if not Path(output).is_relative_to(results):
            continue
        logs = _list(record.get("log"))
        key = (str(record["rule"]), *(logs or [output]))  # a job with several outputs has several records, one log
        if key not in found:
            found[key] = _job(record, logs)
        found[key].outputs.append(output)
    makers = {output: job for job in found.values() for output in job.outputs}
    waiting = [job for job in found.values() if any(Path(output).exists() for output in job.outputs)]
    led: dict[int, Job] = {}
    while waiting:
        job = waiting.pop()
        if id(job) not in led:
            led[id(job)] = job
            waiting.extend(makers[name] for name in job.inputs if name in makers)
    return sorted(led.values(), key=lambda job: (job.start, job.rule, job.outputs))


def _records(records: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and Snakemake's record of every output."""
    for file in records.rglob("*"):
        if not file.is_file():
            continue
        name = "".join(part.removeprefix("@") for part in file.relative_to(records).parts)
        try:
            yield base64.urlsafe_b64decode(name).decode(), json.loads(file.read_text(encoding="utf-8"))
        except ValueError:  # not one of Snakemake's records
            continue


def _job(record: dict[str, Any], logs: list[str]) -> Job:
    lines = lines_of(logs)
    inputs, host = _list(record["input"]), facts.noted(lines, "host")
    checksums = record.get("input_checksums")
    return Job(
        rule=record["rule"],
        start=record["starttime"] or 0,
        end=record["endtime"] or 0,
        inputs=[name for name in inputs if not name.endswith(".py")],
        code=[name for name in inputs if name.endswith(".py")],
        checksums={**(checksums if isinstance(checksums, dict) else {}), **sums_of(logs)},
        software=next((line[line.index("koopflow ") :] for line in lines[:5] if "; Python " in line), ""),
        host=host[-1] if host else {},
        data=facts.noted(lines, "data"),
        published=facts.noted(lines, "files"),
        usage=_usage(logs),
    )


def lines_of(logs: list[str]) -> list[str]:
    """Return the lines of those of these logs that exist."""
    return [
        line
        for log in logs
        if Path(log).is_file()
        for line in Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    ]


def sums_of(logs: list[str]) -> dict[str, str]:
    """Return the checksums of outputs that these logs hold, by path."""
    return {
        found[2]: found[1]
        for line in lines_of(logs)
        if (found := re.fullmatch(r"[0-9:]+ (sha256:[0-9a-f]{64}) (.+)", line))
    }


def _usage(logs: list[str]) -> dict[str, float]:
    """Return the numbers of the job's benchmark file, which lies beside its log, in the folder
    ``benchmarks`` of the results' logs."""
    for log in map(Path, logs):
        for up in range(1, len(log.parts)):
            path = Path(*log.parts[:up], "benchmarks", *log.parts[up:]).with_suffix(".tsv")
            if path.is_file():
                with path.open(encoding="utf-8", newline="") as stream:
                    row = next(csv.DictReader(stream, delimiter="\t"), {})
                return {name: float(row[name]) for name in ("s", "max_rss", "cpu_time") if _number(row.get(name))}
    return {}


def _number(text: str | None) -> bool:
    try:
        return text is not None and float(text) >= 0
    except ValueError:  # "NA": the job ended before it was measured
        return False


def _list(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
