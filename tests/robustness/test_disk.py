"""A disk that fills up or cannot be written: one line that says so, earlier results whole, and the
same command goes on when there is room.

The small disks are mounts (tmpfs) of their own, which takes root; where mounting is refused the
tests are skipped, loudly (CI fails instead).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from koopflow.cli import export, verify
from koopflow.figures.style import save
from koopflow.io import npz
from koopflow.io.tables import write_csv, write_parquet
from koopflow.pruning.mask import Mask
from koopflow.tickets.chain import write_tickets
from koopflow.training.checkpoint import Checkpoint, Store
from koopflow.workflow.job import job
from tests.barrier import PATIENCE, Barrier
from tests.house import ROOT, command, digests, house_with, start
from tests.workflow.test_run_lock import needs_x86, without_locks

TRAINING = "results/equivalence/training"
WORDS = (f"{TRAINING}/width-5/eigenvalues.csv", f"{TRAINING}/width-10/eigenvalues.csv", "--configfile", "mine.yaml")
"""Two trainings and their fits: the small study without its tests and figures."""
PWRITE = 18  # the system call by which HDF5 writes, on x86-64 Linux


def mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True)
    if done.returncode:
        message = (
            f"a small disk cannot be mounted here ({done.stderr.strip()}): what happens when a disk is "
            "full is NOT tested"
        )
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return house_with(tmp_path / "house")


def made(results: Path) -> dict[str, str]:
    """Return the checksums of what the two trainings and their fits have made."""
    return {name: digest for name, digest in digests(results).items() if name.startswith("equivalence/training/width-")}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB, mounted where results go."""
    place = tmp_path / "house" / "results"
    place.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=1m", "koopflow-test", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def run(folder: Path, *more: str) -> subprocess.CompletedProcess:
    words = command(*WORDS, *more)
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=900)


def said(done: subprocess.CompletedProcess) -> list[str]:
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("koopflow: ")]


@needs_x86
def test_a_quota_that_is_used_up_is_named_and_what_was_there_stays(tmp_path):
    """The kernel refuses HDF5's writes as a file system with quotas does; none with quotas can be
    mounted everywhere."""
    code = """
from koopflow.workflow.job import job
with job("log"):
    from koopflow.trajectory.writer import TrajectoryWriter
    with TrajectoryWriter("run.h5", [("w", (3,))], 1, study={}, seeds=[0], steps=1) as writer:
        writer.append(0, [[0.0, 1.0, 2.0]], [0.5])
"""
    (tmp_path / "run.h5").write_text("earlier")
    done = without_locks(code, tmp_path, "EDQUOT", PWRITE)
    assert done.returncode == 1
    assert "run.h5.partial: the disk quota is used up; free space or fix the problem, then run again" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run.h5").read_text() == "earlier"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "koopflow-test", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


NUMBERS = np.random.default_rng(0).random(20_000)
SURVIVORS = np.random.default_rng(0).random(800_000) > 0.5


def drawing() -> Figure:
    figure = Figure()
    figure.subplots().plot(NUMBERS)
    return figure


def ticket(folder: Path) -> None:
    weights = {"w": NUMBERS.reshape(1, -1).astype(np.float32)}
    masks = {"w": np.ones((1, NUMBERS.size), bool)}
    chain = SimpleNamespace(seeds=[0], origin=SimpleNamespace(dump=dict), ticket=lambda _: (weights, masks))
    write_tickets(chain, folder, [1])


WRITERS = {
    "a.csv": lambda path: write_csv(pd.DataFrame({"a": NUMBERS}), path, ["a"]),
    "a.parquet": lambda path: write_parquet(pd.DataFrame({"a": NUMBERS}), path),
    "a.npz": lambda path: npz.save(path, "numbers", 1, {"a": NUMBERS, "b": NUMBERS}),
    "mask.npz": lambda path: Mask([("w", (SURVIVORS.size,))], SURVIVORS, ("w",)).save(path),
    "figure.png": lambda path: save(drawing(), path),
    "checkpoint": lambda path: Store(Checkpoint(str(path.parent)), {}, {}).save({"numbers": torch.from_numpy(NUMBERS)}),
    "seed-0_round-01.safetensors": lambda path: ticket(path.parent),
}


@pytest.mark.parametrize("free", [0, 4, 8, 16])
@pytest.mark.parametrize("name", WRITERS)
def test_each_kind_of_file_on_a_full_disk_is_one_line_and_nothing_is_left_of_it(tiny, tmp_path, capfd, name, free):
    (tiny / "before").write_bytes(bytes((64 - free) * 1024))
    with pytest.raises(SystemExit) as stopped, job(tmp_path / "job.log"):
        WRITERS[name](tiny / name)
    assert stopped.value.code == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "no space left on the device" in line
    assert [path.name for path in tiny.iterdir()] == ["before"]


@pytest.mark.parametrize("free", [0, 4, 6, 16])
def test_a_trajectory_on_a_full_disk_is_one_line_and_no_crash_of_hdf5(tiny, tmp_path, free):
    (tiny / "before").write_bytes(bytes((64 - free) * 1024))
    code = f"""
from koopflow.workflow.job import job
with job({str(tmp_path / "job.log")!r}):
    from koopflow.trajectory.writer import TrajectoryWriter
    with TrajectoryWriter({str(tiny / "run.h5")!r}, [("w", (3000,))], 1, study={{}}, seeds=[0], steps=20) as writer:
        for step in range(20):
            writer.append(step, [[float(step)] * 3000], [0.5])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "run.h5.partial: no space left on the device" in line


def test_an_archive_that_does_not_fit_is_one_line_and_the_earlier_one_stays(house, tiny, monkeypatch):
    monkeypatch.chdir(house)
    (house / "results").mkdir()
    (house / "results" / "numbers.bin").write_bytes(NUMBERS.tobytes())
    (tiny / "study.tar.gz").write_text("earlier")
    monkeypatch.setattr(sys, "argv", ["export", str(tiny / "study.tar.gz")])
    with pytest.raises(SystemExit) as stopped:
        export.main()
    assert str(stopped.value) == f"koopflow: {tiny / 'study.tar.gz'}: no space left on device"
    assert [(path.name, path.read_text()) for path in tiny.iterdir()] == [("study.tar.gz", "earlier")]


def test_snakemakes_log_on_a_full_disk_is_no_traceback(house):
    place = house / ".snakemake" / "log"
    place.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=4k", "koopflow-test", str(place))
    try:
        (place / "before").write_bytes(bytes(4096))
        words = command("results/checks/equivalence.json", "--configfile", "mine.yaml")
        done = subprocess.run(words, cwd=house, capture_output=True, text=True, timeout=900)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
    assert (house / "results/checks/equivalence.json").is_file()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A house that fills its disk all but for 0.7 MB, as a repository on a file system with a quota
    does."""
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=100m", "koopflow-test", str(place))
    folder = house_with(place / "house")
    subprocess.run([sys.executable, "-m", "compileall", "-q", "."], cwd=folder, check=True)
    resize(place, used(place) + 700)
    yield folder
    subprocess.run(["umount", "-l", str(place)], check=True)


def used(place: Path) -> int:
    """Return the kilobytes in use on the disk at `place`."""
    about = os.statvfs(place)
    return (about.f_blocks - about.f_bfree) * about.f_frsize // 1024


def resize(place: Path, kilobytes: int) -> None:
    mount("-o", f"remount,size={kilobytes}k", str(place))


@pytest.mark.slow
def test_snakemakes_own_folder_on_the_full_disk_changes_nothing_of_that(small, calm, tmp_path):
    full = run(small, "--cores", "1")
    assert full.returncode != 0
    assert any("no space left on" in line for line in said(full)), full.stdout[-3000:] + full.stderr[-3000:]
    assert "Traceback" not in full.stdout + full.stderr
    before = made(small / "results")
    assert before.items() <= made(calm / "results").items()

    resize(small.parent, used(small.parent) + 40)
    none = run(small)
    assert none.returncode != 0
    assert "Traceback" not in none.stdout + none.stderr
    (line,) = said(none)
    assert line == "koopflow: .snakemake: no space left on device; free space or fix the problem, then run again"
    assert made(small / "results") == before

    resize(small.parent, 100 * 1024)
    barrier = Barrier(tmp_path / "barrier", "fit_spectra")
    with (tmp_path / "between.txt").open("w") as output:
        between = start(small, *WORDS, output=output, environment=barrier.environment)
        barrier.wait(between)  # a training is done, its fit has written nothing
        resize(small.parent, used(small.parent))
        barrier.release()
        between.wait(PATIENCE)
    lines = (tmp_path / "between.txt").read_text().splitlines(keepends=True)
    assert between.returncode != 0
    assert any("no space left on" in line.lower() for line in lines)
    assert not any("Traceback" in line for line in lines), "".join(lines[-40:])
    assert made(small / "results").items() <= made(calm / "results").items()

    resize(small.parent, 100 * 1024)
    done = run(small)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert made(small / "results") == made(calm / "results")


@pytest.mark.slow
def test_a_full_disk_and_a_read_only_one_are_named_and_the_run_goes_on_when_there_is_room(disk, house, calm):
    full = run(house)
    assert full.returncode != 0
    assert any("no space left on the device" in line for line in said(full)), full.stdout[-3000:] + full.stderr[-3000:]
    assert "Traceback" not in full.stdout + full.stderr
    assert [line for _, line in verify.examine(disk) if line] == []

    before = made(disk)
    mount("-o", "remount,ro,size=200m", str(disk))
    locked = run(house)
    assert locked.returncode != 0
    assert any("read-only" in line for line in said(locked)), locked.stdout[-3000:] + locked.stderr[-3000:]
    assert "Traceback" not in locked.stdout + locked.stderr
    assert made(disk) == before

    mount("-o", "remount,rw,size=200m", str(disk))
    done = run(house)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert made(disk) == made(calm / "results")
    for name, digest in before.items():
        assert made(disk)[name] == digest, f"{name} was there before and is another now"
