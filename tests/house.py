"""What tests of whole runs share: a copy of the code, the user's command, and the bytes of what
came out."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CODE = ("Snakefile", "Makefile", "config.yaml", "config", "rules", "scripts", "koopflow", "envs", "profiles", "report")
COMPARED = (".csv", ".h5", ".npz", ".parquet", ".json", ".safetensors", ".png", ".pdf", ".rst")
"""Kinds of results that must have the same bytes again; the report holds times."""


LONG_TIMERS = ("--max-jobs-per-timespan", "1000/1h")
"""Words of a run that would last an hour if it did not end Snakemake's timers."""


STUDY = {
    "threads": 1,
    "checkpoint_interval": 20,
    "equivalence": {
        "optimizers": {"states": 40, "shuffles": 20, "draws": 20},
        "windows": {},
        "training": {
            "seeds": 4,
            "copies": 2,
            "shuffles": 10,
            "shared_job": 0,
            "base": {"steps": 400, "batch_size": 40, "koopman": {"delays": 2, "rank": 4}},
            "setups": {"width-5": {"model": {"widths": [5]}}, "width-10": {}},
            "comparisons": {"width": ["width-5", "width-10"]},
        },
    },
}
"""A small equivalence study, which tests run and interrupt."""


def copy_of_the_house(folder: Path) -> Path:
    """Return `folder` with a copy of what git would clone: the code alone."""
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def house_with_smoke(folder: Path) -> Path:
    """Return `folder` with a copy of the code in which config/smoke.yaml has fewer set-ups and tasks, and no
    comparison of depths, which tests/workflow/test_tickets.py runs."""
    file = copy_of_the_house(folder) / "config" / "smoke.yaml"
    study = yaml.safe_load(file.read_text())
    training, tickets = study["equivalence"]["training"], study["tickets"]
    del training["setups"]["clusters"], training["comparisons"]["data"]
    tickets["studies"] = {"digits": tickets["studies"]["digits"] | {"tasks": ["digits", "clusters"]}}
    tickets["elastic"] = {}
    file.write_text(yaml.safe_dump(study, sort_keys=False))
    return folder


def house_with(folder: Path, study: dict = STUDY) -> Path:
    """Return `folder` with a copy of the code and `study` in mine.yaml."""
    copy_of_the_house(folder)
    (folder / "mine.yaml").write_text(yaml.safe_dump(study))
    return folder


def once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Return a folder that `build` has filled, once for all workers of a parallel test run: the
    others wait."""
    top = factory.getbasetemp()
    folder = (top.parent if "PYTEST_XDIST_WORKER" in os.environ else top) / name
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "built").exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker whose build failed
            folder.mkdir()
            build(folder)
            (folder / "built").touch()
    return folder


def command(*arguments: str, cores: int = 2) -> list[str]:
    """Return the user's command."""
    return [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]


def start(
    folder: Path, *arguments: str, cores: int = 2, output=subprocess.DEVNULL, environment: dict[str, str] | None = None
) -> subprocess.Popen:
    """Start the user's command in `folder`, in a process group of its own."""
    words = command(*arguments, cores=cores)
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def digests(results: Path) -> dict[str, str]:
    """Return the SHA-256 of every result that must be the same again, by its path inside `results`.

    The record of the run is left out: it holds times, and the configuration of the last run.
    """
    files = [path for path in sorted(results.rglob("*")) if path.is_file() and path.suffix in COMPARED]
    record = (results / "ro-crate-metadata.json", *results.glob("workflow/*"))
    files = [path for path in files if path not in record]
    return {str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def processes_in(folder: Path) -> dict[int, list[str]]:
    """Return the processes (Linux) whose working folder is `folder`: their command lines by process
    id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if Path(os.readlink(entry / "cwd")) == folder.resolve():
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    if (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                        found[int(entry.name)] = words
            except OSError:  # it ended meanwhile
                continue
    return found


def jobs_in(folder: Path) -> dict[int, str]:
    """Return the scripts that run for a workflow in `folder`: their rules by process id."""
    found = {}
    for pid, words in processes_in(folder).items():
        if any(".snakemake/scripts/" in word for word in words):
            name = next(word for word in words if ".snakemake/scripts/" in word)
            found[pid] = Path(name).name.partition(".")[2].removesuffix(".py") or Path(name).name
    return found
