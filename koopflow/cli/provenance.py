"""Where a result comes from: ``python -m koopflow.cli.provenance results/claims.csv``.

Snakemake keeps a record of each output (rule, parameters, inputs with their checksums), and each job's log begins with the code and
packages that ran. This command reads both, for a file and all steps before it, and asks Snakemake whether the checked-out code and
configuration would make the file again.
"""

import argparse
import ast
import base64
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from koopflow.core.errors import KoopflowError
from koopflow.io.checksums import checksum
from koopflow.workflow.job import PARAMETER

RECORDS = Path(".snakemake/metadata")
LONGEST_NAME = 255
WIDTH = 120  # of a line of the account


@dataclass(frozen=True)
class Step:
    """One job that led to a file: its rule, when it ran, its parameters (name, value), code files and other inputs, and what has changed since.

    `sums` has the checksums that its log gives of what it made.
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


def record_path(file: str) -> Path:
    """Return where Snakemake keeps its record of the output `file`: named by base64, cut into folders where that is too long."""
    name = base64.urlsafe_b64encode(file.encode()).decode()
    pieces = [name[i : i + LONGEST_NAME - 1] for i in range(0, len(name), LONGEST_NAME - 1)]
    return RECORDS.joinpath(*(f"@{piece}" for piece in pieces[:-1]), pieces[-1])


def read_step(file: str) -> Step | None:
    """Return the step that made `file`, or None when no rule did (a user's file, or code)."""
    try:
        record = json.loads(record_path(file).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    inputs = _literal(record["input"])
    sums = _literal(record.get("input_checksums") or "{}")
    code = [name for name in inputs if name.endswith(".py")]
    changed = [name for name in inputs if name in sums and _checksum(name) != sums[name]]
    start, end = record["starttime"] or 0, record["endtime"] or 0
    return Step(
        rule=record["rule"],
        time=datetime.fromtimestamp(start),
        seconds=end - start,
        params=_named([str(value) for value in _literal(record["params"])], record.get("log") or []),
        code=tuple(code),
        inputs=tuple(name for name in inputs if name not in code),
        changed=tuple(changed),
        software=_software(record.get("log") or []),
        sums=_sums(record.get("log") or []),
    )


def steps_of(file: str) -> dict[tuple, Step]:
    """Return the steps that led to `file`, its own first, each once.

    Raises
    ------
    KoopflowError
        If `file` is not there, or no run in this folder made it.
    """
    if not Path(file).is_file():
        raise KoopflowError(f"{file}: no such file")
    if read_step(file) is None:
        raise KoopflowError(f"{file}: no run in this folder made it; results are named as in `snakemake --summary`")
    found: dict[tuple, Step] = {}
    waiting = [file]
    while waiting:
        step = read_step(waiting.pop(0))
        # Snakemake keeps a record for each output, so a job with several has several, which differ in their time by microseconds.
        if step is not None and (key := (step.rule, step.params, step.inputs)) not in found:
            found[key] = step
            waiting.extend(step.inputs)
    return found


def again(file: str, words: list[str]) -> tuple[bool, list[str]]:
    """Ask Snakemake whether `file` is what the checked-out code and configuration make; if not, return its reasons."""
    # `--quiet host` overrides a profile that leaves the reasons out.
    command = [sys.executable, "-m", "snakemake", file, "--dry-run", "--nolock", "--quiet", "host", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    told = done.stdout + done.stderr
    if done.returncode:
        raise KoopflowError(f"snakemake --dry-run {file}: {told.strip().splitlines()[-1]}")
    reasons = [line.strip().removeprefix("reason: ") for line in told.splitlines() if line.strip().startswith("reason:")]
    return "Nothing to be done" in told, list(dict.fromkeys(reasons))


def describe(file: str, words: list[str]) -> str:
    """Return the whole account of `file`, for the terminal."""
    steps = list(steps_of(file).values())
    lines = [file]
    for number, step in enumerate(steps):
        lines += [
            "",
            f"{'made by' if number == 0 else 'before it'}: {step.rule}, {step.time:%Y-%m-%d %H:%M:%S}, {step.seconds:.1f} s",
        ]
        lines += [f"  software   {step.software}"]
        lines += [line for name, value in step.params for line in _told(name, value)]
        lines += [f"  input      {name}" for name in step.inputs]
        lines += [f"  code       {len(step.code)} files: {', '.join(step.code)}"]
        lines += [f"  changed since: {name}" for name in step.changed]
    same, reasons = again(file, words)
    lines += [
        "",
        "The checked-out code and configuration make this file: it is up to date." if same else "It would be made anew, because:",
    ]
    lines += [] if same else [f"  {reason}" for reason in reasons]
    return "\n".join(lines)


def _literal(value):
    """Return what Snakemake stored as a list or as the text of one."""
    return ast.literal_eval(value) if isinstance(value, str) else value


def _checksum(name: str) -> str:
    return checksum(name) if Path(name).is_file() else "gone"


def _software(logs: list[str]) -> str:
    for line in _lines(logs)[:5]:
        if "koopflow " in line and "Python " in line:
            return line[line.index("koopflow ") :]
    return "not recorded (its log is gone)"


def _sums(logs: list[str]) -> dict[str, str]:
    return {found[2]: found[1] for line in _lines(logs) if (found := re.fullmatch(r"[0-9:]+ (sha256:[0-9a-f]{64}) (.+)", line))}


def _named(values: list[str], logs: list[str]) -> tuple[tuple[str, str], ...]:
    """Return (name, value) of the parameters: Snakemake records the values alone, the job's log says whose they are."""
    logged = [line.split(PARAMETER, 1)[1].partition(" = ") for line in _lines(logs) if line[9:].startswith(PARAMETER)]
    names: dict[str, list[str]] = {}
    for name, _, value in logged:
        names.setdefault(value, []).append(name)
    return tuple(sorted((names[value].pop(0) if names.get(value) else "(name not logged)", value) for value in values))


def _told(name: str, value: str, depth: int = 0) -> list[str]:
    """Return a parameter in lines: a mapping that is too long for one has a line for each of its keys."""
    start = "  parameter  " + "  " * depth + f"{name}: "
    try:
        inner = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        inner = None
    if not isinstance(inner, dict) or len(start + value) <= WIDTH:
        return [start + value]
    return [start.rstrip(), *(line for key, own in inner.items() for line in _told(str(key), repr(own), depth + 1))]


def _lines(logs: list[str]) -> list[str]:
    return [line for name in logs if Path(name).is_file() for line in Path(name).read_text(encoding="utf-8").splitlines()]


def main(words: list[str] | None = None) -> None:
    """Read the command line and print the account."""
    parser = argparse.ArgumentParser(prog="koopflow provenance", description=__doc__)
    parser.add_argument("file", help="a table or figure of a run in this folder, for example results/claims.csv")
    parser.add_argument(
        "snakemake", nargs="*", help="after --: the options of the run, for example -- --configfile config/paper.yaml"
    )
    asked = parser.parse_args(words)
    try:
        print(describe(asked.file, asked.snakemake))
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")


if __name__ == "__main__":
    main()
