"""A cluster run keeps the configuration with which it began, though its jobs read the files
again."""

import os
import subprocess
import sys

import pandas as pd
import yaml

from tests.barrier import PATIENCE, Barrier
from tests.house import copy_of_the_house
from tests.workflow.test_one_run import CONFIG

EDITED = {**CONFIG, "series": {"wave": {**CONFIG["series"]["wave"], "horizon": 3}}}


def test_a_file_edited_during_a_run_changes_none_of_its_jobs(slurm, tmp_path):
    house = copy_of_the_house(tmp_path / "house")
    settings = house / "mine.yaml"
    settings.write_text(yaml.safe_dump(CONFIG))
    barrier = Barrier(tmp_path / "barrier", "check_stage")  # the first job, on this machine
    path = os.pathsep.join(filter(None, [str(barrier.folder), slurm.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "snakemake", "results/forecast/skill.csv", "results/checks/forecast.json"]
    command += [
        "--profile",
        "profiles/slurm",
        "--slurm-init-seconds-before-status-checks",
        "2",
        "--configfile",
        "mine.yaml",
    ]
    with (tmp_path / "output.txt").open("w") as output:
        run = subprocess.Popen(command, cwd=house, env={**slurm, "PYTHONPATH": path}, stdout=output, stderr=output)
        barrier.wait(run)
        settings.write_text(yaml.safe_dump(EDITED))
        barrier.release()
        assert run.wait(PATIENCE) == 0, (tmp_path / "output.txt").read_text()[-3000:]
    assert pd.read_csv(house / "results/forecast/skill.csv")["horizon"].max() == 6
    record = "\n".join(file.read_text() for file in (house / "logs").rglob("forecast_series/*.log"))
    assert "'horizon': 6" in record
    assert "'horizon': 3" not in record
