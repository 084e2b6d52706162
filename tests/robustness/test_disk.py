"""A disk that fills up or cannot be written: one line that says so, earlier results whole, and the same command goes on when there is room.

The small disks are tmpfs mounts of their own, which takes root; where mounting is refused the tests are skipped, loudly (CI fails instead).
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from koopflow import verify
from tests.house import command, digests
from tests.robustness.conftest import house_with


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True)
    if done.returncode:
        message = f"a small disk cannot be mounted here ({done.stderr.strip()}): what happens when a disk is full is NOT tested"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return house_with(tmp_path / "house")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB, mounted where results go."""
    place = tmp_path / "house" / "results"
    place.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=1m", "koopflow-test", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def run(folder: Path, *more: str) -> subprocess.CompletedProcess:
    words = command("equivalence", "--configfile", "mine.yaml", *more)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)


def said(done: subprocess.CompletedProcess) -> list[str]:
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("koopflow: ")]


@pytest.mark.slow
def test_a_full_disk_and_a_read_only_one_are_named_and_the_run_goes_on_when_there_is_room(disk, house, calm):
    full = run(house)
    assert full.returncode != 0
    assert any("no space left on the device" in line for line in said(full)), full.stdout[-3000:] + full.stderr[-3000:]
    assert "Traceback" not in full.stdout + full.stderr
    assert [line for _, line in verify.examine(disk) if line] == []

    before = digests(disk)
    mount("-o", "remount,ro,size=200m", str(disk))
    locked = run(house)
    assert locked.returncode != 0
    assert any("read-only" in line for line in said(locked)), locked.stdout[-3000:] + locked.stderr[-3000:]
    assert "Traceback" not in locked.stdout + locked.stderr
    assert digests(disk) == before

    mount("-o", "remount,rw,size=200m", str(disk))
    done = run(house)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert digests(disk) == digests(calm)
    for name, digest in before.items():
        assert digests(disk)[name] == digest, f"{name} was there before and is another now"
