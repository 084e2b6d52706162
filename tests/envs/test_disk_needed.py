"""Before the first installation, make says in one line what disk it takes, and stops where that is
not there. The disks are mounts of their own, which take no memory while they are empty."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import ROOT
from tests.robustness.test_disk import mount


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str, str], Path]]:
    """Mount an empty disk of a given size, by name."""
    mounted = []

    def make(name: str, size: str) -> Path:
        place = tmp_path / name
        place.mkdir()
        mount("-t", "tmpfs", "-o", f"size={size}", "koopflow-test", str(place))
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def install(venv: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run the installation by make; pip is a stand-in, and so is the Python that makes `venv`."""
    stand_in = venv.parent / "python"
    stand_in.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] || exec {sys.executable} "$@"\n'
        f"mkdir -p {venv}/bin; printf '#!/bin/sh\\n' > {venv}/bin/pip; chmod +x {venv}/bin/pip\n"
    )
    stand_in.chmod(0o755)
    keep = {name: value for name, value in os.environ.items() if name not in ("TMPDIR", "PIP_NO_CACHE_DIR")}
    return subprocess.run(
        ["make", "--silent", f"VENV={venv}", f"PYTHON={stand_in}", *words, f"{venv}/bin/.installed"],
        cwd=ROOT,
        env={**keep, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("room", "words", "environment", "fits"),
    [
        ("13g", (), {"PIP_NO_CACHE_DIR": "1"}, True),
        ("12g", (), {}, False),
        ("9g", (), {"PIP_NO_CACHE_DIR": "1"}, False),
        ("6g", ("CPU=1",), {}, True),
        ("2g", ("CPU=1",), {}, False),
    ],
)
def test_one_line_says_what_the_environment_takes_and_nothing_is_installed_without_room(
    disk, room, words, environment, fits
):
    place = disk("disk", room)
    environment = {**environment, "TMPDIR": str(place), "XDG_CACHE_HOME": str(place)}
    done = install(place / "venv", *words, **environment)
    assert (done.returncode == 0) == fits == (place / "venv/bin/.installed").exists()
    needs = "2.5" if words or sys.platform != "linux" else "7.3"
    (line,) = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("make")]
    assert f"{place}/venv takes {needs} GB" in line
    assert fits or ("not enough" in line and "VENV=" in line and ("CPU=1" in line) == (needs == "7.3"))
    if fits:  # it is there now
        again = install(place / "venv", "--always-make", *words, **environment)
        assert (again.returncode, again.stdout + again.stderr) == (0, "")


def test_the_folder_of_temporary_files_is_asked_too_when_it_is_another_disk(disk):
    place, small = disk("disk", "13g"), disk("small", "1g")
    done = install(place / "venv", TMPDIR=str(small), PIP_NO_CACHE_DIR="1")
    assert done.returncode != 0
    assert f"14.0 GB at {place}/venv, 1.1 GB at {small}: not enough" in done.stderr
    assert install(place / "venv", f"TMPDIR={place}", TMPDIR=str(small), PIP_NO_CACHE_DIR="1").returncode == 0
