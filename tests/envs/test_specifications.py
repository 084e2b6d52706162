"""The conda environments as they are written: real specifications, consistent with the pinned
requirements, no more than a stage needs."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import rattler
import yaml
from packaging.requirements import Requirement

from envs.pin import PYPI
from koopflow.core.code_inputs import source_files
from koopflow.studies.discovery import discover, tables_of
from koopflow.studies.stage import Stage
from tests.envs.conda import closure, named, specifications
from tests.studies.plans import resolved

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "envs").glob("*.yaml"))
NAMES = [file.stem for file in FILES]
STAGES = discover()
IMPORTED = {
    "scikit-learn": "sklearn",
    "pot": "ot",
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
    "pyyaml": "yaml",
}
USED_UNSEEN = {
    "scikit-learn": 'find_spec("sklearn")',
    "pyarrow": "parquet",
    "safetensors": "safetensors",
    "snakemake-minimal": "snakemake",
}  # behind pandas, lazily, by name

# Modules that code of an environment's jobs imports inside functions, and that none of these jobs calls.
UNREACHED = {
    "checkpoints": {"pyarrow", "pydmd"},
    "claims": {"h5py", "ot", "pyarrow", "pydmd", "torch"},
    "forecast": {"h5py", "ot", "pydmd", "torch"},
    "koopman": {"pyarrow", "pydmd", "safetensors", "torch"},
    "pruning": {"pyarrow", "pydmd"},
    "tickets": {"h5py", "pyarrow", "pydmd"},
    "training": {"pyarrow"},
}
"""pydmd: variants of DMD that only the library offers. pyarrow: tables of forecasts. torch and safetensors in koopman:
checkpoints, whose fits run in another environment. h5py, ot and torch in claims and forecast:
recordings of weights."""


def requirements(name: str = "requirements.txt") -> dict[str, Requirement]:
    pins = [Requirement(line) for line in (ROOT / name).read_text().splitlines()]
    return {pin.name.lower(): pin for pin in pins if pin.marker is None or pin.marker.evaluate()}


def blocks() -> dict[str, str]:
    """Return the text of every rule that runs a script, by its name."""
    rules = "".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    found = re.findall(r"(?ms)^(?:use rule \w+ as|rule) (\w+)(.*?)(?=^(?:use )?rule |\Z)", rules)
    return {
        name: text for name, text in found if re.search(r"(?m)^    script:|^        script=", text) and name != "plot"
    }


def jobs_of(environment: str) -> dict[str, tuple[str, ...]]:
    """Return the jobs that run in an environment, as their logs are named, with the scripts and
    modules that they run."""
    found = {}
    for name, text in blocks().items():
        spectra = "SPECTRA.environment" in text and environment in ("koopman", "checkpoints")
        if (
            spectra
            or f"envs/{environment}.yaml" in text
            or (environment == "figures" and text.startswith(" with:") and "conda:" not in text)
        ):
            script = name if name != "report" else "write_report"
            found[script] = (script,)
    if "write_tables" in found:
        found["write_tables"] += tuple({table.shown.partition(":")[0] for table in tables_of(STAGES)})
    for name, stage in STAGES.items():
        if stage.check and environment in environments_of_check(stage):
            found[f"check_{name}"] = ("check_stage", stage.check.function.partition(":")[0])
    return found


def environments_of_check(stage: Stage) -> set[str]:
    """Return the environments that the check of a stage may run in: the check of spectra takes
    another for checkpoints."""
    if stage.name == "spectra":
        return {"koopman", "checkpoints"}
    return {stage.check.environment(stage.plan(resolved()))}


def modules_of(environment: str) -> tuple[set[str], str]:
    """Top names of the modules that a stage imports anywhere, and all its code."""
    files = [
        ROOT / file for file in source_files(ROOT, *(name for names in jobs_of(environment).values() for name in names))
    ]
    code = "\n".join(file.read_text() for file in files)
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {
        node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom) and node.module
    }, code


def test_every_rule_with_a_script_has_an_environment_and_every_environment_a_rule():
    assert [name for name, text in blocks().items() if "conda:" not in text and not text.startswith(" with:")] == []
    assert all(jobs_of(name) for name in NAMES)


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_conda_library_reads_it_and_conda_forge_comes_first_and_alone(file):
    names = [named(spec)[0] for spec in specifications(file)]
    assert names[0] == "python"
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_the_pinned_requirements_satisfy_it(file):
    pins = requirements()
    for spec in specifications(file):
        name, versions = named(spec)
        if name == "python":
            assert versions.matches(rattler.Version("3.11.0"))
            continue
        version = next(iter(pins[PYPI.get(name, name)].specifier)).version
        assert versions.matches(rattler.Version(version)), f"{name} {versions} against {version} in requirements.txt"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_its_lower_bounds_are_those_of_the_package(file):
    ranges = {
        requirement.name.lower(): str(requirement.specifier)
        for requirement in map(
            Requirement, re.findall(r'^    "([^"]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
        )
    }
    for spec in specifications(file):
        name, versions = named(spec)
        if name != "python":
            assert str(versions) == ranges[PYPI.get(name, name)], name


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_it_holds_nothing_that_its_stage_does_not_use(file):
    modules, code = modules_of(file.stem)
    for spec in specifications(file)[1:]:
        name = named(spec)[0]
        used = IMPORTED.get(name, name) in modules or USED_UNSEEN.get(name, "\0") in code
        assert used or file.stem == "report", f"{file.name}: no script of this stage imports {name}"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_every_package_that_its_jobs_import_is_in_it(file):
    modules, _ = modules_of(file.stem)
    outside = modules - sys.stdlib_module_names - {"koopflow", "snakemake"}
    held = closure([PYPI.get(named(spec)[0], named(spec)[0]) for spec in specifications(file)[1:]])
    homes = packages_distributions()
    missing = {
        module
        for module in outside
        if not {name.lower().replace("_", "-") for name in homes.get(module, [module])} & held.keys()
    }
    assert missing == UNREACHED.get(file.stem, set()), f"{file.name} lacks a package, or one is no longer imported"


@pytest.mark.parametrize("name", ["claims", "figures", "forecast", "koopman", "report"])
def test_no_torch_where_nothing_is_trained(name):
    specs = specifications(ROOT / "envs" / f"{name}.yaml")
    assert "torch" not in closure([PYPI.get(named(spec)[0], named(spec)[0]) for spec in specs[1:]])


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_its_pinned_companion_narrows_it_to_exact_versions(file):
    ours, pinned = (dict(map(named, specifications(path))) for path in (file, file.parent / "pinned" / file.name))
    assert list(ours) == list(pinned)
    assert all(str(versions).startswith("==") for name, versions in pinned.items() if name != "python")
    assert all(
        ours[name].matches(rattler.Version(str(versions).lstrip("=")))
        for name, versions in pinned.items()
        if name != "python"
    )


def test_the_pinned_companions_are_as_make_pins_writes_them(tmp_path):
    written = {path.name: path.read_text() for path in (ROOT / "envs" / "pinned").glob("*.yaml")}
    (tmp_path / "envs").mkdir()
    for file in [*FILES, ROOT / "envs/pin.py"]:
        (tmp_path / "envs" / file.name).write_text(file.read_text())
    (tmp_path / "requirements.txt").write_text((ROOT / "requirements.txt").read_text())
    subprocess.run([sys.executable, tmp_path / "envs/pin.py"], check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "envs/pinned").glob("*.yaml")} == written


def test_yaml_of_environments_says_nothing_else():
    for file in FILES:
        assert set(yaml.safe_load(file.read_text())) == {"channels", "dependencies"}
