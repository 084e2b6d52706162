"""The rules as they are written, and the jobs that the configurations of the repository plan."""

import re
import subprocess

import pytest

from koopflow.studies.discovery import discover
from tests.house import ROOT, command

ORDER = (
    *(
        "input",
        "output",
        "log",
        "benchmark",
        "wildcard_constraints",
        "priority",
        "localrule",
        "conda",
        "threads",
        "resources",
    ),
    *("params", "message", "script"),
)
JOBS = {
    "config.yaml": 122,
    "config/smoke.yaml": 61,
    "config/paper.yaml": 285,
    "config/papers.yaml": 157,
    "config/grokking.yaml": 184,
    "config/elastic.yaml": 60,
    "config/real_tasks.yaml": 66,
    "config/transfer.yaml": 179,
}


def rules() -> dict[str, str]:
    """The text of every rule by its name."""
    text = "".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    return dict(re.findall(r"(?ms)^(?:use rule \w+ as|rule) (\w+)(?: with)?:\n(.*?)(?=^\S|\Z)", text))


@pytest.mark.slow
@pytest.mark.parametrize(("config", "count"), JOBS.items())
def test_a_configuration_plans_its_jobs(config, count, tmp_path):
    words = command(
        "all",
        "--dry-run",
        "--quiet",
        "host",
        "reason",
        "--configfile",
        config,
        "--config",
        f"results={tmp_path}/results",
    )
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    counts = dict(line.split() for line in told.splitlines() if re.fullmatch(r"\w+ +\d+", line))
    assert int(counts["total"]) == count
    assert int(counts["check_stage"]) == len(set(discover()) - {"spectra", "papers", "own_figures", "hub"}), (
        "nothing of the user's own is checked"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "checked"),
    [
        ("papers_memory", {"forecast"}),
        ("claims", {"equivalence", "grokking", "pruning", "tickets", "forecast", "claims"}),
    ],
)
def test_a_target_over_several_stages_checks_all_of_them_first(target, checked, tmp_path):
    words = command(target, "--dry-run", "--config", f"results={tmp_path}/results")
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout
    assert set(re.findall(r"(?m)^Checking the inputs of (\w+)$", told)) == checked


def test_every_rule_has_its_directives_in_one_order():
    assert len(rules()) > 30
    for name, text in rules().items():
        directives = re.findall(r"(?m)^    (\w+):", text)
        assert directives == sorted(directives, key=ORDER.index), name


def test_every_job_has_a_log_a_benchmark_and_a_message():
    for name, text in rules().items():
        if "output:" in text:
            for directive in ("log", "benchmark", "message"):
                assert f"\n    {directive}:\n" in text, f"{name} has no {directive}"


def test_no_input_is_ancient():
    """Snakemake 9.27 overlooks a job's own reasons to run again while a job behind one of its
    ancient inputs waits."""
    assert not [name for name, text in rules().items() if "ancient(" in text]


def test_every_script_belongs_to_a_rule():
    text = "".join(rules().values())
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert scripts == {name for pair in re.findall(r'scripts/(\w+)\.py|script="(\w+)"', text) for name in pair if name}
