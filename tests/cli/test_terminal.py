"""What a run prints: one line a job, the time that is left, and what failed in the last lines."""

import io
import logging
import re
import subprocess
import types

import pytest

from koopflow.cli.terminal import STREAM, Terminal, reason, take_over
from koopflow.workflow.estimates import QUEUE_SECONDS
from tests.house import LONG_TIMERS, command, copy_of_the_house


def record(said=None, level=logging.INFO, **fields):
    made = logging.LogRecord("snakemake.logging", level, "", 0, said, None, None)
    vars(made).update(fields)
    return made


def told(terminal) -> list[str]:
    return terminal.stream.getvalue().splitlines()


def job(number, message, **fields):
    return record(event="job_info", jobid=number, rule_msg=message, rule_name="r", **fields)


def test_each_job_is_one_line_with_its_place_and_the_time_that_is_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("koopflow.cli.terminal.time.monotonic", lambda: now[0])
    terminal = Terminal(io.StringIO())
    first = terminal.begin({number: QUEUE_SECONDS + 120.0 for number in range(4)}, cores=2)
    assert first == "4 jobs to run, about 4 min on 2 cores"
    for number in range(2):
        terminal.emit(job(number, f"Training {number}"))
    now[0] += 240  # twice as long as expected
    for number in range(2):
        terminal.emit(record("Finished jobid", event="job_finished", job_id=number))
    terminal.emit(job(2, "Training 2"))
    terminal.emit(job(9, None))  # a target
    lines = told(terminal)
    assert len(lines) == 3
    assert lines[0].split(None, 1)[1] == "0/4  about 4 min left  Training 0"
    assert lines[2].split(None, 1)[1] == "2/4  about 4 min left  Training 2"  # two minutes expected, at half the speed


def test_a_guess_is_called_one_and_gives_way_to_what_the_first_such_job_took(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("koopflow.cli.terminal.time.monotonic", lambda: now[0])
    terminal = Terminal(io.StringIO())
    first = terminal.begin({number: QUEUE_SECONDS + 1200.0 for number in range(3)}, cores=1, guessed=[0, 1, 2])
    assert first == (
        "3 jobs to run, about 1 h 0 min on 1 core: a guess, since 3 jobs train networks of your own, of unknown speed"
    )
    terminal.emit(job(0, "Training 0"))
    now[0] += 60  # a twentieth of the guess
    terminal.emit(record("Finished jobid", event="job_finished", job_id=0))
    terminal.emit(job(1, "Training 1"))
    assert told(terminal)[-1].split(None, 1)[1] == "1/3  about 2 min left  Training 1"


def test_a_dry_run_tells_the_reasons_unless_it_is_quiet_about_them():
    for quiet, lines in (
        (("host",), ["Training", "    reason: Missing output files: a.csv"]),
        (("reason",), ["Training"]),
    ):
        terminal = Terminal(io.StringIO(), quiet)
        terminal.emit(job(1, "Training", reason="Missing output files: a.csv"))
        assert told(terminal) == lines


def test_on_a_cluster_no_time_is_promised():
    terminal = Terminal(io.StringIO())
    assert terminal.begin({1: 10.0}, cores=None) == "1 job to run"
    terminal.emit(job(1, "Training"))
    assert told(terminal)[0].split()[1:] == ["0/1", "Training"]


@pytest.mark.parametrize(
    "words",
    [
        "Building DAG of jobs...",
        "",
        'RuleException:\nCalledProcessError in file "a", line 40:\n...',
        "Complete log(s): x",
    ],
)
def test_messages_without_news_are_left_to_the_log(words):
    terminal = Terminal(io.StringIO())
    terminal.emit(record(words, logging.ERROR))
    terminal.emit(record("MissingInputException in rule fit", logging.ERROR, event="error"))
    assert told(terminal) == ["MissingInputException in rule fit"]


def test_a_run_that_stops_says_so_once():
    terminal = Terminal(io.StringIO(), ("progress",))
    terminal.begin({number: 1.0 for number in range(2)}, 2)
    for number in range(2):
        terminal.emit(record("Will exit after finishing currently running jobs (scheduler)."))
        terminal.emit(record("Finished jobid", event="job_finished", job_id=number))
    assert told(terminal) == ["Stopping when the running jobs have ended; the same command resumes the study."]


@pytest.mark.parametrize(("quiet", "lines"), [((), 3), (("progress", "rules"), 1), (("all",), 0)])
def test_quiet_is_as_quiet_as_it_says(quiet, lines):
    terminal = Terminal(io.StringIO(), quiet)
    terminal.begin({1: 1.0}, 1)
    terminal.emit(job(1, "Training"))
    terminal.emit(record("Configuration of this run: x"))
    terminal.emit(record("the disk is nearly full", logging.WARNING))
    assert len(told(terminal)) == lines


def test_a_job_that_is_tried_again_and_ends_is_no_failure():
    terminal = Terminal(io.StringIO())
    terminal.begin({7: 1.0}, None)
    terminal.emit(job(7, "Training"))
    terminal.emit(record(level=logging.ERROR, event="job_error", jobid=7, rule_msg=None, rule_name="r", log=["a.log"]))
    assert terminal.last_lines()[0] == "Failed: Training"
    terminal.emit(record("Trying to restart job 7."))
    terminal.emit(record(event="job_finished", job_id=7))
    assert terminal.last_lines() == []
    assert [line.split("  ", 1)[1] for line in told(terminal)[1:]] == ["failed: Training", "trying again: Training"]


def test_the_reason_is_the_last_failure_in_the_log(tmp_path):
    log = tmp_path / "job.log"
    assert reason(log) == ["it wrote no log"]
    log.write_text("10:00:00 fact {}\n")
    assert "killed" in reason(log)[0]
    log.write_text("10:00:00 failed: a\n10:00:01 Traceback\n  failed: no\n10:00:01 failed: data: no such file\n")
    assert reason(log) == ["data: no such file"]


@pytest.mark.parametrize("verbose", [False, True])
def test_snakemakes_own_messages_come_back_with_verbose(monkeypatch, verbose):
    logger = logging.getLogger("snakemake.logging")
    theirs = logging.StreamHandler(io.StringIO())
    theirs.name = STREAM
    monkeypatch.setattr(logger, "handlers", [theirs])
    settings = types.SimpleNamespace(verbose=verbose, debug_dag=False, printshellcmds=False, quiet=None)
    terminal = take_over(settings)
    logger.handle(record("MissingInput", logging.ERROR))
    assert theirs.stream.getvalue() == "MissingInput\n"
    assert (theirs in logger.handlers) == terminal.follows == verbose


def test_a_failed_run_ends_with_what_is_wrong_and_where(tmp_path):
    house = copy_of_the_house(tmp_path / "house")
    (house / "sales.csv").write_text("date,sales\n2020-01-01,1\n2020-01-02,two\n2020-01-03,3\n")
    (house / "mine.yaml").write_text("series:\n  sales: {path: sales.csv, time: date, value: sales}\n")
    words = command("forecast", "--configfile", "mine.yaml")
    done = subprocess.run([*words, *LONG_TIMERS], cwd=house, capture_output=True, text=True, timeout=600)
    wrong = "series.sales.value: sales.csv: 'two' in line 3 is not a number; leave missing ones empty"
    assert done.stderr.splitlines()[-4:] == [
        "Failed: Checking the inputs of forecast",
        f"  {wrong}",
        "  Log: logs/results/check_forecast.log",
        "Mend this and run the same command again: finished jobs are kept.",
    ]
    assert len(done.stdout.splitlines() + done.stderr.splitlines()) < 14
    planned = subprocess.run([*words, "--dry-run"], cwd=house, capture_output=True, text=True)
    lines = planned.stdout.splitlines()
    assert "Checking the inputs of forecast" in lines
    assert re.fullmatch(r"total +\d+", lines[-3])
    assert lines[-1].startswith("Nothing was run.")
    assert len(lines) < 20
