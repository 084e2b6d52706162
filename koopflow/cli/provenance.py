"""Where a result comes from: ``koopflow provenance results/claims.csv``.

Snakemake records each output (rule, parameters, inputs with their checksums), and each job's log
begins with the code and packages that ran. This command reads both for a file and for every step
before it, and asks Snakemake whether the current code and configuration would make the file again.

For a results folder instead of a file, it shows the record of the run (`koopflow.cli.record`).
"""

import argparse
import ast
import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from koopflow.cli import record
from koopflow.cli.history import RECORDS, lines_of, sums_of
from koopflow.core.errors import KoopflowError
from koopflow.core.facts import noted
from koopflow.io.checksums import checksum
from koopflow.workflow.job import PARAMETER

LONGEST_NAME = 255
WIDTH = 120  # of a printed line


@dataclass(frozen=True)
class Step:
    """One job that led to a file.

    Attributes
    ----------
    rule : str
    time : datetime
        Start of the job.
    seconds : float
    params : tuple of (str, str)
        Names and values of its parameters.
    code, inputs : tuple of str
        Its code files, and its other inputs.
    changed : tuple of str
        Inputs that have changed since.
    software : str
        Versions of the code and of packages.
    sums : dict of str to str
        Checksums of its outputs, from its log.
    host : str
        What it ran on; empty if its log does not tell.
    """

    rule: str
    time: datetime
    seconds: float
    params: tuple[tuple[str, str], ...]
    code: tuple[str, ...]
    inputs: tuple[str, ...]
    changed: tuple[str, ...]
    software: str
    sums: dict[str, str]
    host: str


def record_path(file: str) -> Path:
    """Return the path of Snakemake's record of the output `file`: its name in base64, split into
    folders if it is too long."""
    name = base64.urlsafe_b64encode(file.encode()).decode()
    pieces = [name[i : i + LONGEST_NAME - 1] for i in range(0, len(name), LONGEST_NAME - 1)]
    return RECORDS.joinpath(*(f"@{piece}" for piece in pieces[:-1]), pieces[-1])


def read_step(file: str) -> Step | None:
    """Return the step that made `file`, or None if no rule did (a user's file, or code)."""
    try:
        made = json.loads(record_path(file).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    inputs = _literal(made["input"])
    sums = _literal(made.get("input_checksums") or "{}")
    code = [name for name in inputs if name.endswith(".py")]
    changed = [name for name in inputs if name in sums and _checksum(name) != sums[name]]
    host = (noted(lines_of(made.get("log") or []), "host") or [{}])[-1]
    start, end = made["starttime"] or 0, made["endtime"] or 0
    return Step(
        rule=made["rule"],
        time=datetime.fromtimestamp(start),
        seconds=end - start,
        params=_named([str(value) for value in _literal(made["params"])], made.get("log") or []),
        code=tuple(code),
        inputs=tuple(name for name in inputs if name not in code),
        changed=tuple(changed),
        software=_software(made.get("log") or []),
        sums=sums_of(made.get("log") or []),
        host=", ".join(f"{key} {value}" for key, value in host.items()),
    )


def steps_of(file: str) -> dict[tuple, Step]:
    """Return the steps that led to `file`, latest first.

    Raises
    ------
    KoopflowError
        If there is no such file, or no run in this folder made it.
    """
    if not Path(file).is_file():
        raise KoopflowError(f"{file}: no such file")
    if read_step(file) is None:
        raise KoopflowError(f"{file}: no run in this folder made it; `snakemake --summary` lists its results")
    found: dict[tuple, Step] = {}
    waiting = [file]
    while waiting:
        step = read_step(waiting.pop(0))
        # A job with several outputs has several records, whose times differ by microseconds.
        if step is not None and (key := (step.rule, step.params, step.inputs)) not in found:
            found[key] = step
            waiting.extend(step.inputs)
    return found


def again(file: str, words: list[str]) -> tuple[bool, list[str]]:
    """Return whether `file` is up to date with the current code and configuration, and Snakemake's
    reasons if not."""
    # `--quiet host` overrides a profile that leaves the reasons out.
    command = [sys.executable, "-m", "snakemake", file, "--dry-run", "--nolock", "--quiet", "host", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    told = done.stdout + done.stderr
    if done.returncode:
        raise KoopflowError(f"snakemake --dry-run {file}: {told.strip().splitlines()[-1]}")
    reasons = [
        line.strip().removeprefix("reason: ") for line in told.splitlines() if line.strip().startswith("reason:")
    ]
    return "Nothing to be done" in told, list(dict.fromkeys(reasons))


def describe(file: str, words: list[str]) -> str:
    """Return where `file` comes from, as text for the terminal."""
    steps = list(steps_of(file).values())
    lines = [file]
    for number, step in enumerate(steps):
        lines += [
            "",
            f"{'made by' if number == 0 else 'before it'}: {step.rule}, {step.time:%Y-%m-%d %H:%M:%S}, "
            f"{step.seconds:.1f} s",
        ]
        lines += [f"  software   {step.software}", *([f"  host       {step.host}"] if step.host else [])]
        lines += [line for name, value in step.params for line in _told(name, value)]
        lines += [f"  input      {name}" for name in step.inputs]
        lines += [f"  code       {len(step.code)} files: {', '.join(step.code)}"]
        lines += [f"  changed since: {name}" for name in step.changed]
    same, reasons = again(file, words)
    lines += [
        "",
        "This file is up to date with the current code and configuration."
        if same
        else "A run would make this file again:",
    ]
    lines += [] if same else [f"  {reason}" for reason in reasons]
    return "\n".join(lines)


def _literal(value: Any) -> Any:
    """Return the list or dict that Snakemake stored, as such or as text."""
    return ast.literal_eval(value) if isinstance(value, str) else value


def _checksum(name: str) -> str:
    return checksum(name) if Path(name).is_file() else "gone"


def _software(logs: list[str]) -> str:
    for line in lines_of(logs)[:5]:
        if "koopflow " in line and "Python " in line:
            return line[line.index("koopflow ") :]
    return "not recorded (its log is gone)"


def _named(values: list[str], logs: list[str]) -> tuple[tuple[str, str], ...]:
    """Return names and values of the parameters: Snakemake records only the values, the job's log
    holds the names."""
    logged = [line.split(PARAMETER, 1)[1].partition(" = ") for line in lines_of(logs) if line[9:].startswith(PARAMETER)]
    names: dict[str, list[str]] = {}
    for name, _, value in logged:
        names.setdefault(value, []).append(name)
    return tuple(sorted((names[value].pop(0) if names.get(value) else "(name not logged)", value) for value in values))


def _told(name: str, value: str, depth: int = 0) -> list[str]:
    """Return a parameter as lines: one, or one per key of a mapping too long for one line."""
    start = "  parameter  " + "  " * depth + f"{name}: "
    try:
        inner = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        inner = None
    if not isinstance(inner, dict) or len(start + value) <= WIDTH:
        return [start + value]
    return [start.rstrip(), *(line for key, own in inner.items() for line in _told(str(key), repr(own), depth + 1))]


def main(words: list[str] | None = None) -> None:
    """Read the command line and print where the file comes from."""
    parser = argparse.ArgumentParser(prog="koopflow provenance", description=__doc__)
    parser.add_argument(
        "file",
        nargs="?",
        default="results",
        help="a table or figure of a run, for example results/claims.csv; or the results folder (default)",
    )
    parser.add_argument(
        "snakemake", nargs="*", help="after --: the options of the run, for example -- --configfile config/paper.yaml"
    )
    asked = parser.parse_args(words)
    try:
        folder = Path(asked.file)
        print("\n".join(record.summary(folder)) if folder.is_dir() else describe(asked.file, asked.snakemake))
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")


if __name__ == "__main__":
    main()
