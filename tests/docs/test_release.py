"""A release has one version, in every file that states it."""

import re
from pathlib import Path

import koopflow

ROOT = Path(__file__).parents[2]


def test_every_file_states_the_same_version():
    changelog = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    citation = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert {changelog[0], project[1], citation[1]} == {koopflow.__version__}


def test_github_runs_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    workflows = [file.read_text() for file in (ROOT / ".github/workflows").glob("*.yml")]
    targets = set(re.findall(r"run: make ([a-z]+)", "\n".join(workflows)))
    assert {"lint", "quick", "test", "docs"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
