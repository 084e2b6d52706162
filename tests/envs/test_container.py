"""The recipe of the container, and the script that follows it without a registry of images.

Images cannot be built here: the recipe's parts are read, and the command that Snakemake gives is
caught. ``make soak`` builds the file tree and runs the smoke study in it (tests/envs/soak.py).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import copy_of_the_house

ROOT = Path(__file__).resolve().parents[2]

# Keeps the command, and runs it outside any container with the tests' own Python.
STAND_IN = f"""#!/bin/sh
if [ "$1" = --version ]; then echo "apptainer version 1.3.4"; exit; fi
printf '%s\\n' "$@" >> apptainer.txt
while [ "$1" != sh ] && [ "$1" != bash ]; do shift; done
shift 2
PATH={Path(sys.executable).parent}:$PATH exec sh -c "$(echo "$1" | sed 's#/mnt/snakemake[^ ]*##g')"
"""


def sections() -> dict[str, str]:
    """The sections of the definition file by name, its head as the first."""
    head, *rest = re.split(r"(?m)^%(\w+)$", (ROOT / "envs/koopflow.def").read_text())
    return {"": head} | dict(zip(rest[::2], rest[1::2]))


def test_the_recipe_has_the_sections_that_apptainer_knows():
    found = sections()
    assert set(found) - {""} <= {
        "arguments",
        "setup",
        "files",
        "environment",
        "post",
        "runscript",
        "startscript",
        "test",
        "labels",
        "help",
    }
    assert re.fullmatch(r"Bootstrap: docker\nFrom: python:3\.\d+-slim-\w+\n*", found[""])


@pytest.mark.parametrize("section", ["post", "environment", "runscript", "test"])
def test_its_shell_is_shell(section):
    done = subprocess.run(["sh", "-n"], input=sections()[section], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_installs_the_pinned_requirements_of_this_checkout():
    source, place = sections()["files"].split()
    assert (ROOT / source).is_file()
    assert f"--requirement {place}" in sections()["post"]


def test_its_own_test_imports_what_is_there():
    command = next(line for line in sections()["test"].splitlines() if "python -c" in line)
    imports = re.search(r'"(.*)"', command)[1]
    subprocess.run([sys.executable, "-c", imports], check=True)


def test_snakemake_runs_each_job_in_that_image(tmp_path):
    house = copy_of_the_house(tmp_path / "house")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apptainer").write_text(STAND_IN)
    (tmp_path / "bin/apptainer").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    target = "results/equivalence/optimizers/eigenvalues.csv"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        target,
        "--cores",
        "1",
        "--sdm",
        "apptainer",
        "--configfile",
        "config/smoke.yaml",
    ]
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True)
    words = (house / "apptainer.txt").read_text().splitlines()
    assert "koopflow.sif" in [Path(word).name for word in words], done.stderr[-2000:]
    assert "exec" in words


def script(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run([str(ROOT / "envs/container.sh"), *words], cwd=folder, capture_output=True, text=True)


def test_a_command_in_the_tree_has_the_recipes_environment_and_sees_this_folder(tmp_path):
    """The tree is this machine's own here: what takes minutes to build is left to ``make soak``."""
    if os.geteuid():
        pytest.fail("needs root") if os.environ.get("CI") else pytest.skip("needs root")
    done = script(
        "run", "/", "sh", "-c", 'echo "$MPLBACKEND $PYTHONNOUSERSITE"; pwd; echo "$0"', "two words", folder=tmp_path
    )
    assert done.stdout.splitlines() == ["agg 1", str(tmp_path), "two words"], done.stderr
    assert script("run", "/", "false", folder=tmp_path).returncode == 1


def test_a_tree_that_exists_is_not_overwritten_and_other_words_print_how_to_use_it(tmp_path):
    done = script("build", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path} exists" in done.stderr
    done = script("bild")
    assert done.returncode == 2
    assert "envs/container.sh build ROOT" in done.stderr
