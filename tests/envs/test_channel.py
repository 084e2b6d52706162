"""Every environment file, solved by a real solver from a local channel that holds what this machine has."""

import asyncio
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import rattler
import yaml

from envs.pin import PYPI
from tests.envs import channel
from tests.envs.conda import specifications
from tests.envs.test_specifications import FILES, NAMES


@pytest.fixture(scope="module")
def channels(tmp_path_factory) -> Path:
    """A folder with the channel conda-forge, whose packages have dependencies and no files."""
    folder = tmp_path_factory.mktemp("channels")
    channel.build(folder, FILES, hollow=True)
    return folder


@pytest.mark.parametrize("pinned", [False, True], ids=["ranges", "pinned"])
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_solver_finds_the_packages_of_an_environment_and_no_others(file, pinned, channels):
    file = file.parent / "pinned" / file.name if pinned else file
    records = asyncio.run(channel.solved(file, channels))
    chosen = {record.name.normalized: str(record.version) for record in records}
    assert {spec.name.normalized for spec in specifications(file)} <= set(chosen)
    for name, found in chosen.items():
        if name != "python":
            assert rattler.Version(found) == rattler.Version(version(PYPI.get(name, name)))
    if file.stem in ("claims", "figures", "forecast", "koopman", "report"):
        assert "pytorch" not in chosen


def test_what_cannot_be_solved_is_refused_with_the_solvers_reason(channels, tmp_path, monkeypatch):
    file = tmp_path / "claims.yaml"
    given = yaml.safe_load(FILES[NAMES.index("claims")].read_text())
    file.write_text(yaml.safe_dump({**given, "dependencies": ["python >=3.11", "numpy >=99"]}))
    monkeypatch.setenv(channel.CHANNELS, str(channels))
    with pytest.raises(SystemExit, match="numpy >=99"):
        channel.create(file, tmp_path / "prefix")


def test_an_installed_environment_runs_with_its_packages_alone(tmp_path, monkeypatch):
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump({"channels": ["conda-forge", "nodefaults"], "dependencies": ["python", "pyyaml"]}))
    channel.build(tmp_path / "channels", [file])
    monkeypatch.setenv(channel.CHANNELS, str(tmp_path / "channels"))
    channel.create(file, tmp_path / "prefix")
    shutil.rmtree(tmp_path / "channels")
    code = "import sys, yaml; print(sys.prefix, yaml.__file__)\nimport numpy"
    done = subprocess.run([tmp_path / "prefix/bin/python", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.count(str(tmp_path / "prefix")) == 2
    assert "No module named 'numpy'" in done.stderr
