"""What a run prints: one line a job, the time that is left, and what failed in the last lines.

Snakemake's own messages go to its log file as they are, and to the terminal with ``--verbose``,
``--printshellcmds`` or ``--debug-dag``.
"""

import logging
import re
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TextIO

from koopflow.workflow.estimates import QUEUE_SECONDS
from koopflow.workflow.job import FAILED
from koopflow.workflow.run_end import count

STREAM = "DefaultStreamHandler"
"""The name of Snakemake's handler that writes to the terminal; with a logger plugin there is
none."""
WITHOUT_NEWS = re.compile(
    r"Assuming unrestricted shared|Building DAG of jobs|Using shell:|Provided cores|Rules claiming more threads|"
    r"Conda environments: ignored|Singularity containers: ignored|Config file .* is extended by additional|"
    r"Select jobs to execute|Execute \d+ jobs|Finished jobid|Removing output files of failed job|"
    r"Shutting down, this might|Exiting because a job execution failed|RuleException:\nCalledProcessError in file|"
    r"WorkflowError:\nAt least one job did not complete|Complete log\(s\)|Elapsed time: |\s*$"
)
"""Messages of Snakemake that say nothing about the study, or that a line of this module replaces."""
BECAUSE = re.compile(r"Reasons:\n|Some jobs were triggered by provenance|Rules with provenance triggered jobs")
"""Messages of Snakemake that are hidden with ``--quiet reason``, as in profiles/default."""
STOPS = "Will exit after finishing currently running jobs"
"""Snakemake's message after SIGTERM, which it repeats for every job that it had been told of."""
PACE = 3.0
"""The time that is left trusts the speed of this machine up to this factor of the expected one."""


class Terminal(logging.StreamHandler[TextIO]):
    """Prints a run for the person who watches it.

    Parameters
    ----------
    stream : file
        Where Snakemake's handler wrote.
    quiet : collection of str
        Snakemake's ``--quiet``: with `rules` or `progress` only warnings, failures and the last
        lines are printed; with `all` nothing.

    Attributes
    ----------
    silent : bool
        Whether nothing is to be printed at all.
    follows : bool
        Whether it only follows the run, while Snakemake's own handler prints.
    failures : dict
        Job number to its message and its log files, in the order of failing.
    """

    def __init__(self, stream: TextIO, quiet: Collection[str] = ()):
        super().__init__(stream)
        self.name = STREAM
        self.silent, self.follows = "all" in quiet, False
        self.brief, self.reasons = bool({"rules", "progress"} & set(quiet)), "reason" not in quiet
        self._stopping = False
        self._messages: dict[int, str] = {}
        self._counts = ""
        self.failures: dict[int, tuple[str, list[str]]] = {}
        self._expected: dict[int, float] | None = None
        self._cores: int | None = None
        self._started = time.monotonic()
        self._done: set[int] = set()
        self._guessed: frozenset[int] = frozenset()
        self._begun: dict[int, float] = {}
        self._took: dict[int, float] = {}

    def begin(self, expected: Mapping[int, float], cores: int | None, guessed: Collection[int] = ()) -> str:
        """Return the first line of a run of jobs that take `expected` seconds each on `cores` cores
        (None: on a cluster), and start the clock; the seconds of jobs `guessed` are not known."""
        self._guessed = frozenset(guessed)
        self._expected = {job: max(1.0, seconds - QUEUE_SECONDS) for job, seconds in expected.items()}
        self._cores, self._started = cores, time.monotonic()
        jobs = count(len(expected), "job")
        if not cores:
            return f"{jobs} to run"
        line = f"{jobs} to run, {spoken(sum(self._expected.values()) / cores)} on {count(cores, 'core')}"
        if not guessed:
            return line
        return f"{line}: a guess, since {count(len(guessed), 'job')} train networks of your own, of unknown speed"

    def emit(self, record: logging.LogRecord) -> None:
        """Write what `record` says, if it says anything new."""
        text = self._text(record)
        if text and not (self.silent or self.follows):
            # On a terminal, over the bar of a job's progress.
            self.stream.write(("\r\x1b[K" if self.stream.isatty() else "") + text + self.terminator)
            self.flush()

    def _text(self, record: logging.LogRecord) -> str | None:
        event = str(getattr(record, "event", None) or "")
        match event:
            case "job_info":
                self._begun[vars(record)["jobid"]] = time.monotonic()
                self._messages[vars(record)["jobid"]] = vars(record)["rule_msg"]
                return None if self.brief else self._job(record)
            case "job_finished":
                self._done.add(vars(record)["job_id"])
                self._took[vars(record)["job_id"]] = time.monotonic() - self._begun.get(vars(record)["job_id"], 0.0)
                self.failures.pop(vars(record)["job_id"], None)  # an earlier attempt's
            case "job_error" | "group_error":
                return self._failure(record)
            case "run_info":
                self._counts = str(record.msg)  # of jobs by rule; the first line of a run has their sum
            case "" | "error" if record.levelno > logging.DEBUG:
                return self._said(str(record.msg or ""), record.levelno)
        return None

    def _said(self, text: str, level: int) -> str | None:
        if text.startswith("This was a dry-run"):
            return f"{self._counts.rstrip()}\n\nNothing was run. `make plan` says what these jobs request."
        if again := re.match(r"Trying to restart job (\d+)", text):
            return f"{time.strftime('%H:%M:%S')}  trying again: {self._messages.get(int(again[1]), text)}"
        if text.startswith(STOPS):
            said, self._stopping = self._stopping, True
            return None if said else "Stopping when the running jobs have ended; the same command resumes the study."
        if WITHOUT_NEWS.match(text) or (self.brief and level < logging.WARNING):
            return None
        return None if BECAUSE.match(text) and not self.reasons else text

    def _job(self, record: logging.LogRecord) -> str | None:
        fields = vars(record)
        if not fields["rule_msg"]:  # a target: nothing to do but to wait for others
            return None
        if self._expected is None:  # a dry run
            why = f"\n    reason: {fields['reason']}" if self.reasons and fields.get("reason") else ""
            return f"{fields['rule_msg']}{why}"
        total = len(self._expected)
        left = self.seconds_left()
        clock = time.strftime("%H:%M:%S")
        share = f"{len(self._done):>{len(str(total))}}/{total}"
        return f"{clock}  {share}  {'' if left is None else spoken(left) + ' left':16}  {fields['rule_msg']}"

    def _failure(self, record: logging.LogRecord) -> str | None:
        fields = vars(record)
        if "jobid" not in fields:
            return None
        message = self._messages.get(fields["jobid"]) or fields["rule_name"]
        self.failures[fields["jobid"]] = (message, list(fields["log"]))
        return f"{time.strftime('%H:%M:%S')}  failed: {message}"

    def seconds_left(self) -> float | None:
        """Return how long the jobs that have not ended will take on this machine's cores, None on a
        cluster."""
        if not self._cores or self._expected is None:
            return None
        known = [job for job in self._guessed & self._done if job in self._begun]
        guess = sum(self._took[job] for job in known) / sum(self._expected[job] for job in known) if known else 1.0
        expected = {job: each * (guess if job in self._guessed else 1.0) for job, each in self._expected.items()}
        ended = sum(expected.get(job, 0.0) for job in self._done)
        left = sum(expected.values()) - ended
        pace = (time.monotonic() - self._started) * self._cores / ended if ended else 1.0
        trust = min(1.0, 4 * ended / (ended + left or 1.0))  # the first jobs are short and tell little
        return left / self._cores * min(PACE, max(1 / PACE, pace)) ** trust

    def last_lines(self) -> list[str]:
        """Return what failed: each job, the reason, its log, and what to do."""
        lines = []
        for message, logs in self.failures.values():
            lines.append(f"Failed: {message}")
            lines += [f"  {line}" for log in logs for line in reason(log)]
            lines += [f"  Log: {log}" for log in logs]
        return [*lines, "Mend this and run the same command again: finished jobs are kept."] if lines else []


def take_over(settings: Any) -> Terminal:
    """Return the handler that prints this run in place of Snakemake's own.

    Parameters
    ----------
    settings : snakemake.settings.types.OutputSettings
    """
    logger = logging.getLogger("snakemake.logging")
    theirs = next((each for each in logger.handlers if each.name == STREAM), None)
    stream = theirs.stream if isinstance(theirs, logging.StreamHandler) else sys.stderr
    terminal = Terminal(stream, {str(choice) for choice in settings.quiet or ()})
    terminal.follows = theirs is None or settings.verbose or settings.debug_dag or settings.printshellcmds
    if theirs is not None and not terminal.follows:
        logger.removeHandler(theirs)
    logger.addHandler(terminal)
    return terminal


def reason(log: str | Path) -> list[str]:
    """Return why a job failed, as its log says; a job that was killed says nothing."""
    try:
        text = Path(log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ["it wrote no log"]
    said = re.split(rf"^[0-9:]+ {FAILED}", text, flags=re.MULTILINE)[1:]
    return (
        [said[-1].strip()] if said else ["it ended without a message: it was killed, or the machine ran out of memory"]
    )


def spoken(seconds: float) -> str:
    """Return a duration in words.

    >>> spoken(12), spoken(200), spoken(4000)
    ('under a minute', 'about 3 min', 'about 1 h 7 min')
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"
