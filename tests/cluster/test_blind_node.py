"""A node of a real SLURM that does not see the folder of the run: one line says so."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.slurm import one_machine
from tests.house import copy_of_the_house

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
    said = [line for line in done.stdout.splitlines() if line.startswith("SLURM ended")]
    assert len(said) == 1, done.stdout + done.stderr
    assert "a job of run_optimizers: on a node that does not see this folder" in said[0]
