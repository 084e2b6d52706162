"""Nodes of a real SLURM that lack what a job needs, the folder of the run or a GPU: one line says so."""

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.cluster.slurm import one_machine
from tests.house import copy_of_the_house
from tests.workflow.test_no_device import LINE, STUDY, TARGETS

QUICK = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "1", "--retries", "0")


def test_a_folder_that_the_node_does_not_see_is_one_line(slurm, tmp_path):
    house = copy_of_the_house(tmp_path / "shared" / "house")
    target = "results/equivalence/optimizers/eigenvalues.csv"
    command = [sys.executable, "-m", "snakemake", target, "--profile", "profiles/slurm", *QUICK]
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        one_machine(Path(folder), unseen=house.parent) as environment,
    ):
        done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("SLURM ended")]
    assert len(said) == 1, done.stdout + done.stderr
    assert "a job of run_optimizers: on a node that does not see this folder" in said[0]


def test_a_gpu_that_a_node_lacks_is_its_jobs_line_and_the_submitting_node_needs_none(slurm, tmp_path):
    house = copy_of_the_house(tmp_path / "house")
    (house / "mine.yaml").write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "snakemake", *TARGETS, "--configfile", "mine.yaml"]
    command += ["--profile", "profiles/slurm", *QUICK]
    environment = {**slurm, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert (house / TARGETS[0]).is_file(), done.stdout + done.stderr
    log = (house / "logs/results/train_ensemble/a-0.log").read_text()
    assert LINE.removeprefix("koopflow: ") in log
    assert "Traceback" not in log + done.stdout + done.stderr
