"""The whole smoke study as jobs of a real SLURM: the same bytes as on this machine alone."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.house import house_with_smoke


def content(path: Path) -> bytes:
    """What has to be the same in every run: all bytes of a file, with two exceptions.

    safetensors writes the entries of a file's header in another order each time, and the page of
    claims ends with the packages of the environment that it was judged in.
    """
    raw = path.read_bytes()
    if path.suffix == ".safetensors":
        end = 8 + int.from_bytes(raw[:8], "little")
        return json.dumps(json.loads(raw[8:end]), sort_keys=True).encode() + raw[end:]
    return (
        b"\n".join(line for line in raw.split(b"\n") if not line.startswith(b"Made with "))
        if path.suffix == ".rst"
        else raw
    )


def digests(house: Path) -> dict[str, str]:
    """The checksum of every table, figure, trajectory and ticket, by name."""
    kinds = (".csv", ".parquet", ".h5", ".npz", ".png", ".pdf", ".safetensors", ".json", ".rst")
    files = [path for path in sorted((house / "results").rglob("*")) if path.suffix in kinds]
    files = [path for path in files if path.name != "ro-crate-metadata.json"]  # the record of the run holds times
    return {str(path.relative_to(house)): hashlib.sha256(content(path)).hexdigest() for path in files}


@pytest.fixture(scope="module")
def on_the_cluster(slurm, tmp_path_factory) -> dict:
    """The smoke study through sbatch: its folder, what Snakemake said, and the jobs that SLURM
    saw."""
    house = house_with_smoke(tmp_path_factory.mktemp("sbatch") / "house")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "all",
        "report",
        "--profile",
        "profiles/slurm",
        "--configfile",
        "config/smoke.yaml",
    ]
    command += ["--slurm-init-seconds-before-status-checks", "2", "--verbose"]
    before = set(jobs(slurm))
    done = subprocess.run(command, cwd=house, env=slurm, capture_output=True, text=True)
    return {"house": house, "said": done.stdout + done.stderr, "status": done.returncode, "jobs": jobs(slurm, before)}


def jobs(environment: dict, without=()) -> dict[str, tuple[str, str]]:
    """State and comment of each SLURM job, by number."""
    asked = ["squeue", "--states=all", "--noheader", "--format=%i|%T|%k"]
    told = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True).stdout
    found = {number: (state, comment) for number, state, comment in (line.split("|") for line in told.splitlines())}
    return {number: job for number, job in found.items() if number not in without}


def test_the_smoke_study_ends_on_the_cluster(on_the_cluster):
    assert on_the_cluster["status"] == 0, on_the_cluster["said"][-5000:]
    assert {state for state, _ in on_the_cluster["jobs"].values()} == {"COMPLETED"}


def test_its_results_are_the_bytes_of_a_local_run(on_the_cluster, smoke_study):
    here, there = digests(smoke_study), digests(on_the_cluster["house"])
    assert len(there) > 50
    assert {name: there.get(name) for name in here} == here


def test_checks_run_before_anything_is_submitted(on_the_cluster):
    said = on_the_cluster["said"]
    checked = [found.start() for found in re.finditer(r"\(Rule: check_stage\)", said)]
    assert len(checked) >= 5
    assert max(checked) < said.index("has been submitted with SLURM jobid")


def test_small_steps_share_a_job(on_the_cluster):
    groups = yaml.safe_load((on_the_cluster["house"] / "profiles/slurm/config.yaml").read_text())["groups"]
    comments = [comment for _, comment in on_the_cluster["jobs"].values()]
    for rule in groups:
        assert not [comment for comment in comments if comment.startswith(f"rule_{rule}")], (
            f"{rule} had a job of its own"
        )
    finished = on_the_cluster["said"].count("Finished jobid")
    assert len(comments) + 10 <= finished  # groups and checks


def test_every_job_asks_for_memory_and_time(on_the_cluster):
    calls = re.findall(r"sbatch call: (sbatch .*?) --wrap", on_the_cluster["said"])
    assert len(calls) == len(on_the_cluster["jobs"])
    for call in calls:
        assert int(re.search(r"--mem (\d+)", call)[1]) >= 1000
        assert int(re.search(r"-t (\d+)", call)[1]) >= 10


def left_to_do(house: Path, *more: str) -> dict[str, int]:
    """How many jobs of each rule a local dry run plans in the folder."""
    command = [
        sys.executable,
        "-m",
        "koopflow.cli.plan",
        "--",
        "all",
        "report",
        "--configfile",
        "config/smoke.yaml",
        *more,
    ]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    return {words[0]: int(words[1]) for words in rows if len(words) > 5 and words[1].isdigit() and words[0] != "total"}


@pytest.fixture(scope="module")
def archive(on_the_cluster) -> Path:
    """The study as `make export` writes it, on the cluster."""
    command = [
        sys.executable,
        "-m",
        "koopflow.cli.export",
        "study.tar.gz",
        "--configfile",
        "config/smoke.yaml",
        "--largest",
        "0.1",
    ]
    done = subprocess.run(command, cwd=on_the_cluster["house"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return on_the_cluster["house"] / "study.tar.gz"


def test_an_archive_holds_what_a_reader_and_a_successor_need(archive):
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        whole = yaml.safe_load(tar.extractfile("study.yaml"))
        account = tar.extractfile("provenance.txt").read().decode()
    for name in (
        "results/claims.csv",
        "results/figures/claims.pdf",
        "results/report.html",
        "results/forecast/predictions.parquet",
    ):
        assert name in names
    assert "results/tickets/chains/digits/rounds-7.npz" not in names
    assert "results/equivalence/training/width-10/0/trajectories.h5" not in names
    assert whole["equivalence"]["training"]["seeds"] == 4
    assert "made by: judge_claims" in account
    assert "up to date" in account


def test_a_study_of_the_cluster_continues_on_a_laptop(archive, tmp_path):
    laptop = house_with_smoke(tmp_path / "laptop")
    with tarfile.open(archive) as tar:
        tar.extractall(laptop, filter="data")
    assert left_to_do(laptop) == {}


def test_a_change_of_style_on_a_laptop_trains_nothing(archive, tmp_path):
    laptop = house_with_smoke(tmp_path / "laptop")
    with tarfile.open(archive) as tar:
        tar.extractall(laptop, filter="data")
    (laptop / "style.yaml").write_text("figures: {style: {font_size: 7}}")
    plots = left_to_do(laptop, "style.yaml")
    assert "plot_equivalence" in plots
    assert all(rule.startswith(("plot_", "write_", "report")) for rule in plots), plots


def test_a_copied_folder_continues_too(on_the_cluster, tmp_path):
    laptop = house_with_smoke(tmp_path / "laptop")
    for name in ("results", ".snakemake", "logs"):
        shutil.copytree(
            on_the_cluster["house"] / name, laptop / name, dirs_exist_ok=True
        )  # keeps times, as rsync -a does
    assert left_to_do(laptop) == {}
