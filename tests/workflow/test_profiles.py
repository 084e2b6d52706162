"""The profiles: what is read before the Snakefile, and one line where a plugin is missing."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser

from tests.house import ROOT

PLUGINS = {"slurm": "slurm"}
"""Executors by profile."""
# Hides a plugin from Snakemake, which looks for modules by their names.
HIDE = """
import pkgutil, sys

found = pkgutil.iter_modules
pkgutil.iter_modules = lambda *given, **named: (each for each in found(*given, **named) if each.name != {module!r})
sys.modules[{module!r}] = None
"""


def plugin(profile: str) -> str:
    return f"snakemake-executor-plugin-{PLUGINS[profile]}"


def rules() -> set[str]:
    return {
        name
        for file in (ROOT / "rules").glob("*.smk")
        for name in re.findall(r"^(?:rule|use rule \w+ as) (\w+)", file.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("profile", PLUGINS)
def test_a_profile_without_its_plugin_names_what_to_install(profile, monkeypatch):
    monkeypatch.setitem(sys.modules, plugin(profile).replace("-", "_"), None)
    with (ROOT / f"profiles/{profile}/config.yaml").open() as stream, pytest.raises(SystemExit) as stopped:
        ProfileConfigFileParser().parse(stream)
    assert str(stopped.value).startswith(f"koopflow: profiles/{profile} needs a plugin of Snakemake; run: pip install")
    assert plugin(profile) in str(stopped.value)


def test_snakemake_says_that_line_alone(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HIDE.format(module="snakemake_executor_plugin_slurm"))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", "--dry-run", "all"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if not line.startswith("Using profile")]
    assert len(said) == 1, done.stderr
    assert "snakemake-executor-plugin-slurm" in said[0]


def test_every_step_of_seconds_shares_a_job_on_a_cluster():
    grouped = set(yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["groups"])
    assert grouped <= rules(), "groups of rules that do not exist"
    short = {rule for rule in rules() if rule.startswith(("plot_", "write_", "judge_"))}
    assert short <= grouped
