"""The profiles: what is read before the Snakefile, and one line where a plugin is missing."""

import os
import re
import subprocess
import sys

import pytest
import yaml
from snakemake.profiles import ProfileConfigFileParser

from tests.house import ROOT

PLUGINS = ("slurm", "kubernetes", "aws-batch", "googlebatch")
"""Executors, each with a profile of its name."""
CLOUDS = PLUGINS[1:]
# Hides a plugin from Snakemake, which looks for modules by their names.
HIDE = """
import pkgutil, sys

found = pkgutil.iter_modules
pkgutil.iter_modules = lambda *given, **named: (each for each in found(*given, **named) if each.name != {module!r})
sys.modules[{module!r}] = None
"""


def plugin(profile: str) -> str:
    return f"snakemake-executor-plugin-{profile}"


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


def without_plugins(profile: str) -> dict:
    """Return a cloud's profile without the lines that its plugins read."""
    settings = yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text())
    assert settings.pop("executor") == profile
    assert settings.pop("container-image")
    assert "://" in settings.pop("default-storage-prefix")
    assert settings.pop("default-storage-provider")
    return {key: value for key, value in settings.items() if not key.startswith((f"{profile}-", "__", "envvars"))}


def test_a_dry_run_takes_the_profiles_of_clouds_without_the_lines_of_their_plugins(tmp_path):
    ours = without_plugins(CLOUDS[0])
    assert ours["default-resources"]["turns"] == 1
    assert all(without_plugins(profile) == ours for profile in CLOUDS)
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(yaml.safe_dump(ours))
    target = f"{tmp_path}/results/equivalence/optimizers/eigenvalues.csv"
    command = [sys.executable, "-m", "snakemake", target, "--dry-run", "--profile", str(tmp_path / "profile")]
    command += ["--config", f"results={tmp_path}/results"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "run_optimizers" in done.stdout + done.stderr


def test_rules_can_keep_results_in_a_storage():
    """With results in a bucket, outputs of rules carry a flag, which expand() refuses, and code is local."""
    for file in (ROOT / "rules").glob("*.smk"):
        assert not re.search(r"expand\(\s*rules\.", file.read_text()), f"{file.name}: write the path in expand()"
        for inputs in re.findall(r"(?ms)^    input:\n(.*?)(?=^    \w)", file.read_text()):
            assert "os.path.relpath" not in inputs.replace("local(os.path.relpath", ""), (
                f"{file.name}: local() is missing"
            )
    text = (ROOT / "rules/common.smk").read_text()
    assert "return [local(os.path.relpath(ROOT / file))" in text


def test_every_step_of_seconds_shares_a_job_on_a_cluster():
    grouped = set(yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["groups"])
    assert grouped <= rules(), "groups of rules that do not exist"
    short = {rule for rule in rules() if rule.startswith(("plot_", "write_", "judge_"))}
    assert short <= grouped
