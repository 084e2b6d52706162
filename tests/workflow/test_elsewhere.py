"""The workflow from another directory, and as a module of another workflow."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
STUDY = {
    "results": "res",
    "series": {
        "wave": {"source": "switching", "length": 400, "period": 1, "window": 40, "delays": 12, "rank": 4, "horizon": 6}
    },
    "forecast": {"methods": ["persistence", "sliding"], "draws": 100},
}
MODULE = f"""
configfile: "config.yaml"

module koopflow:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config["koopflow"]

use rule * from koopflow as kf_*

rule mine:
    default_target: True
    input: "res/forecast/skill.csv"
    output: "mine.txt"
    shell: "wc -l < {{input}} > {{output}}"
"""


def snakemake(folder: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def planned(done: subprocess.CompletedProcess) -> dict[str, int]:
    assert done.returncode == 0, done.stderr
    words = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdigit()}


def test_from_another_directory_a_file_is_merged_over_the_default_study(tmp_path):
    (tmp_path / "ser.yaml").write_text(yaml.safe_dump({"series": {"sunspots": {"source": "sunspots"}}}))
    words = ("--snakefile", str(ROOT / "Snakefile"), "forecast", "--dry-run", "--quiet", "host")
    assert planned(snakemake(tmp_path, *words, "--configfile", "ser.yaml"))["forecast_series"] == 1
    assert planned(snakemake(tmp_path, *words))["forecast_series"] == 7
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump({"series": {"a": {"source": "sunspots"}, "b": {"source": "co2"}}})
    )
    assert planned(snakemake(tmp_path, *words))["forecast_series"] == 2
    assert not (tmp_path / "results").exists()


def test_as_a_module_it_computes_in_the_other_workflows_folder(tmp_path):
    (tmp_path / "Snakefile").write_text(MODULE)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"mine": 1, "koopflow": STUDY}))
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    skill = pd.read_csv(tmp_path / "res/forecast/skill.csv")
    assert skill["horizon"].max() == 6
    assert (tmp_path / "mine.txt").read_text().strip() == str(len(skill) + 1)
    assert "Nothing to be done" in snakemake(tmp_path).stderr


AS_A_CLUSTER_JOB = (
    f"{sys.executable} -m snakemake --mode remote --nolock --cores 1 --force --quiet host "
    "--allowed-rules kf_forecast_series --target-jobs kf_forecast_series:series=wave"
)
EDITED_WHILE_RUNNING = f"""
configfile: "config.yaml"

module koopflow:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config["koopflow"]

use rule * from koopflow as kf_*
use rule score_forecasts from koopflow as kf_score_forecasts with:
    threads: 1

module other:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config["other"]

use rule * from other as other_*

rule mine:
    default_target: True
    input: "res/checks/forecast.json"
    shell: "sed -i 's/horizon: 6/horizon: 3/' config.yaml && {AS_A_CLUSTER_JOB}"
"""


def test_a_file_edited_while_a_module_runs_changes_none_of_its_jobs(tmp_path):
    (tmp_path / "Snakefile").write_text(EDITED_WHILE_RUNNING)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"koopflow": STUDY, "other": {"results": "others"}}))
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "horizon: 3" in (tmp_path / "config.yaml").read_text()
    assert pd.read_parquet(tmp_path / "res/forecast/series/wave/predictions.parquet")["horizon"].max() == 6
    assert "Configuration of this run, module koopflow: .snakemake/koopflow/" in done.stderr


def test_a_wrong_key_given_by_another_workflow_is_one_line(tmp_path):
    (tmp_path / "Snakefile").write_text(MODULE)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"koopflow": STUDY | {"serie": {}}}))
    done = snakemake(tmp_path, "--dry-run")
    assert done.returncode == 1
    assert "koopflow: serie: unknown key" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_given_twice_stops_the_run_in_one_line(tmp_path):
    (tmp_path / "mine.yaml").write_text("series:\n  a: {source: sunspots}\n  a: {source: co2}\n")
    done = snakemake(
        tmp_path, "--snakefile", str(ROOT / "Snakefile"), "forecast", "--dry-run", "--configfile", "mine.yaml"
    )
    assert done.returncode == 1
    assert "line 3 gives the key 'a' again, first given in line 2" in done.stderr
    assert "Traceback" not in done.stderr
