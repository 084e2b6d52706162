"""A table whose makers' settings are not today's is out of date, whatever failed in between."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from koopflow.cli.lineage import attach
from koopflow.io.digests import Digests

rule table:
    input: "numbers.txt"
    output: "table.txt"
    shell: "cat numbers.txt > table.txt"

rule numbers:
    input: "data.txt"
    output: "numbers.txt"
    params: first=config.get("first", 1), second=config.get("second", 2)
    shell: "test ! -e fail && echo {{params.first}} {{params.second}} $(cat data.txt) > numbers.txt"
"""
ATTACHED = "\nattach(workflow.rules, Digests('memory.json').of, lambda value: [])\n"


def snakemake(folder: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "table", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished workflow of two rules."""
    folder = tmp_path_factory.mktemp("finished") / "study"
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE + ATTACHED)
    (folder / "data.txt").write_text("a\n")
    assert snakemake(folder).returncode == 0
    return folder


@pytest.fixture
def study(finished, tmp_path) -> Path:
    """A copy of the finished workflow."""
    return shutil.copytree(finished, tmp_path / "study")


def failing(folder: Path, *words: str) -> None:
    (folder / "fail").touch()
    assert snakemake(folder, *words).returncode == 1
    (folder / "fail").unlink()


def test_after_a_job_failed_under_a_changed_setting_the_table_behind_it_is_made_again(study):
    failing(study, "--config", "first=5")
    assert (study / "table.txt").read_text() == "1 2 a\n"
    assert snakemake(study, "--config", "first=5").returncode == 0
    assert (study / "table.txt").read_text() == "5 2 a\n"


def test_without_the_digest_the_table_of_the_older_setting_passes_as_current(study):
    (study / "Snakefile").write_text(SNAKEFILE)
    assert snakemake(study).returncode == 0
    failing(study, "--config", "first=5")
    assert snakemake(study, "--config", "first=5").returncode == 0
    assert (study / "table.txt").read_text() == "1 2 a\n", "Snakemake has learnt to see it: `attach` may go"


def test_after_a_job_failed_on_a_changed_file_the_table_behind_it_is_made_again(study):
    (study / "data.txt").write_text("b\n")
    failing(study)
    assert snakemake(study).returncode == 0
    assert (study / "table.txt").read_text() == "1 2 b\n"


def test_two_parameters_that_swap_their_values_are_a_change(study):
    assert snakemake(study, "--config", "first=2", "second=1").returncode == 0
    assert (study / "table.txt").read_text() == "2 1 a\n"


def test_nothing_runs_again_when_nothing_changed(study):
    (study / "data.txt").touch()
    assert "Nothing to be done" in snakemake(study).stderr
