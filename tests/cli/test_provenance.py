"""Provenance: a result is traced to parameters, code and packages, and a change of any of these is
told."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNAKEFILE = """
rule make:
    input: source="data.csv", code=["koopflow/core/errors.py"]
    output: "results/table.csv", "results/other.csv"
    log: "logs/make.log"
    params: seed=config.get("seed", 7), study={"steps": 7, "model": {"name": "mlp", "widths": list(range(40))}}
    script: "make.py"
rule draw:
    input: "results/table.csv", "results/other.csv"
    output: "results/figure.txt"
    log: "logs/draw.log"
    script: "make.py"
"""
SCRIPT = """
from koopflow.workflow.job import job
with job(snakemake.log[0], 1, snakemake.params):
    for path in snakemake.output:
        open(path, "w").write("made")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A finished run of two steps."""
    shutil.copytree(ROOT / "koopflow", tmp_path / "koopflow", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "make.py").write_text(SCRIPT)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    (tmp_path / "data.csv").write_text("1\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "results/figure.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return tmp_path


def ask(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "koopflow.cli.provenance", *words], cwd=folder, capture_output=True, text=True
    )


def test_a_figure_is_traced_through_its_table_to_seed_code_and_packages_and_changes_are_told(folder):
    told = ask(folder, "results/figure.txt").stdout
    assert "made by: draw" in told
    assert told.count("before it: make") == 1  # one job, though both of its tables went into the figure
    assert "  parameter  seed: 7\n" in told
    assert "  parameter  study:\n  parameter    steps: 7\n  parameter    model:\n  parameter      name: 'mlp'\n" in told
    assert "numpy " in told
    assert "koopflow/core/errors.py" in told
    assert "up to date" in told

    told = ask(folder, "results/figure.txt", "--", "--config", "seed=8").stdout
    assert "Params have changed" in told.split("A run would make this file again:\n")[1]

    (folder / "koopflow" / "core" / "errors.py").write_text(
        (folder / "koopflow" / "core" / "errors.py").read_text() + "\n# changed\n"
    )
    told = ask(folder, "results/figure.txt").stdout
    assert "changed since: koopflow/core/errors.py" in told
    assert "A run would make this file again" in told


def test_a_file_that_no_run_made_is_one_clear_line(folder):
    (folder / "results" / "mine.csv").write_text("1\n")
    for name, word in {"results/mine.csv": "no run in this folder", "results/none.csv": "no such file"}.items():
        asked = ask(folder, name)
        assert asked.returncode == 1
        assert asked.stderr.startswith(f"koopflow: {name}: {word}")
        assert "Traceback" not in asked.stderr
