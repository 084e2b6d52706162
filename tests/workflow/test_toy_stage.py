"""A stranger adds a stage: new files only, and it is checked, run, drawn, put into the report and
asked for by `snakemake all`."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from koopflow.studies import discovery
from tests.docs.pages import files
from tests.house import LONG_TIMERS, command, copy_of_the_house, digests

FILES = {name: text for name, text in files().items() if "/" in name or name == "mine.yaml"}
"""The stage of docs/extending.md, by file."""
pytestmark = pytest.mark.slow
OWN = ("check_stage", "run_tides", "tides", "write_tables", "tables")


def snakemake(folder: Path, *words: str, more: Iterable[str] = ()) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*words, "--configfile", "mine.yaml", *more), cwd=folder, capture_output=True, text=True, timeout=900
    )


MEASURE = """
from koopflow.claims.estimate import over_units
from koopflow.claims.measures import measure


@measure("height of the sea")
def height(tables, level):
    return over_units(tables.read("tides/heights.csv")["height"], level)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """A copy of the code, and the stranger's files beside it; the tables of the other stages are
    there without a row."""
    folder = copy_of_the_house(tmp_path_factory.mktemp("stranger") / "koopflow")
    for name, text in FILES.items():
        assert not (folder / name).exists(), "the stranger edits no file"
        (folder / name).write_text(text)
    for table in discovery.tables_of(discovery.discover()):
        (folder / "results" / table.source).parent.mkdir(parents=True, exist_ok=True)
        (folder / "results" / table.source).write_text("seed\n")
    (folder / "results" / "claims.rst").write_text("No claims.\n")
    return folder


@pytest.fixture(scope="module")
def finished(house) -> Path:
    """The folder in which the stranger's stage has run."""
    done = snakemake(house, "tides", "tables", *LONG_TIMERS, "--allowed-rules", *OWN)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return house


def test_the_stage_is_checked_run_and_drawn(finished):
    assert json.loads((finished / "results/checks/tides.json").read_text()) == {"samples": 30}
    assert len((finished / "results/tides/heights.csv").read_text().splitlines()) == 31
    assert (finished / "results/figures/tides_curve.pdf").read_bytes().startswith(b"%PDF")
    assert "0.49" in (finished / "results/tables/tides_table.html").read_text()


def test_the_stage_has_a_section_with_captions_in_the_report(finished):
    before = digests(finished / "results")
    done = snakemake(finished, "tides", "tables", "--report", "report.html", "--allowed-rules", *OWN)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (finished / "report.html").read_text(encoding="utf-8")
    # The stranger's section is the last one with content: hubs, and trajectories and figures of one's own, have none.
    number = len(discovery.discover()) + 1 - 3
    for words in (f"{number} Tides", "1. The sea rises and falls", "2. Heights of the sea", "One line."):
        assert words in page, words
    assert digests(finished / "results") == before


def test_everything_includes_the_stage_and_claims_may_be_judged_from_its_tables(house):
    (house / "my_measures.py").write_text(MEASURE)
    claim = {"paper": "mine", "statement": "The sea is high", "measure": "my_measures:height", "above": 0}
    (house / "sea.yaml").write_text(yaml.safe_dump({"claims": {"statements": {"high": claim}}}))
    more = ("sea.yaml", "--config", "results=planned")
    done = snakemake(house, "all", "--dry-run", "--quiet", "host", more=more)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-3000:]
    counts = dict(line.split() for line in told.splitlines() if len(line.split()) == 2 and line.split()[1].isdigit())
    assert counts["run_tides"] == "1"
    assert counts["check_stage"] == "7"
    assert counts["total"] == "124", "the 122 jobs of the default study, the stage and its check"
    judged = told.split("Judging the claims from the tables of this run")[1].split("\n")[1]
    assert "Input files updated by another job: " in judged
    assert "planned/tides/heights.csv" in judged


def test_its_mistakes_are_one_line(house):
    (house / "short.yaml").write_text("tides: {samples: 3}")
    (house / "unknown.yaml").write_text("tides: {sample: 30}")
    (house / "other.yaml").write_text("tide: {samples: 30}")
    said = {}
    for name in ("short", "unknown", "other"):
        words = command("tides", "--configfile", f"{name}.yaml", "--config", "results=elsewhere")
        done = subprocess.run(words, cwd=house, capture_output=True, text=True, timeout=900)
        assert done.returncode != 0
        (said[name],) = {line for line in (done.stdout + done.stderr).splitlines() if line.startswith("koopflow: ")}
    assert said["short"] == "koopflow: tides.samples must be at least 12.4 (got 3)"
    assert "tides.sample" in said["unknown"]
    assert "did you mean samples?" in said["unknown"]
    assert "did you mean tides?" in said["other"]
