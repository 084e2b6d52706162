"""What a run would cost before it starts: the plan agrees with what Snakemake itself says."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.house import copy_of_the_house

ROOT = Path(__file__).resolve().parents[2]


def planned(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "koopflow.cli.plan", "--", *words], cwd=ROOT, capture_output=True, text=True
    )


def jobs(told: str) -> dict[str, list[str]]:
    lines = [line.split() for line in told.splitlines()[1:]]
    return {words[0]: words[1:] for words in lines if len(words) > 2 and words[1].isdigit()}


@pytest.fixture(scope="module")
def paper(tmp_path_factory) -> str:
    nowhere = tmp_path_factory.mktemp("nothing") / "results"
    done = planned("all", "--configfile", "config/paper.yaml", "--config", f"results={nowhere}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_papers_scale_has_the_jobs_that_snakemake_counts(paper, tmp_path):
    words = [
        "all",
        "--configfile",
        "config/paper.yaml",
        "--config",
        f"results={tmp_path}/results",
        "--cores",
        "1",
        "--dry-run",
    ]
    dry = subprocess.run([sys.executable, "-m", "snakemake", *words], cwd=ROOT, capture_output=True, text=True)
    told = dry.stdout + dry.stderr
    counted = {
        line.split()[0]: int(line.split()[1])
        for line in told.splitlines()
        if len(line.split()) == 2 and line.split()[1].isdigit()
    }
    found = jobs(paper)
    assert len(found) > 20
    for rule, columns in found.items():
        assert int(columns[0]) == (counted["total"] - 1 if rule == "total" else counted[rule])


def test_gpus_are_asked_for_where_networks_are_trained_in_numbers(paper):
    found = jobs(paper)
    assert {rule for rule, columns in found.items() if columns[2] == "1" and rule != "total"} >= {
        "train_ensemble",
        "train_rounds",
    }
    assert all(found[rule][2] == "0" for rule in ("fit_spectra", "plot_tickets", "judge_claims"))


def test_small_steps_share_jobs_and_checks_run_here(paper):
    total = int(jobs(paper)["total"][0])
    submitted = int(paper.split(" jobs submitted")[0].split()[-1])
    here = [rule for rule, columns in jobs(paper).items() if columns[1] == "here"]
    assert all(rule.startswith("check_") for rule in here)
    shared, groups = (
        int(word) for word in (paper.split("submitted: ")[1].split()[0], paper.split("share ")[1].split()[0])
    )
    checks = sum(int(jobs(paper)[rule][0]) for rule in here)
    assert submitted == total - checks - shared + groups
    grouped = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["groups"]
    assert shared == sum(int(columns[0]) for rule, columns in jobs(paper).items() if rule in grouped)


def test_a_stage_is_drawn_by_one_job_however_many_series_and_studies_it_has(paper):
    found = jobs(paper)
    drawn = {rule: int(columns[0]) for rule, columns in found.items() if rule.startswith("plot_")}
    assert int(found["forecast_series"][0]) > 5
    stages = {"optimizers", "equivalence", "windows", "grokking", "pruning", "forecast", "tickets", "claims"}
    published = {f"paper_{name}" for name in ("equivalence", "memory")}
    assert set(drawn) == {f"plot_{name}" for name in stages | published}
    assert set(drawn.values()) == {1}


def test_node_hours_add_up(paper, tmp_path):
    found = jobs(paper)
    hours = [float(columns[-6]) for rule, columns in found.items() if rule != "total"]
    assert sum(hours) == pytest.approx(float(found["total"][-6]), abs=0.01 * len(hours))
    config = yaml.safe_load((ROOT / "config" / "paper.yaml").read_text())
    config["tickets"] |= {"studies": {"resnet20": config["tickets"]["studies"]["resnet20"]}, "elastic": {}}
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(config))
    done = planned("tickets", "--configfile", f"{tmp_path}/one.yaml", "--config", f"results={tmp_path}/results")
    rounds = jobs(done.stdout)["train_rounds"]  # 80 equal jobs
    count, limit, expected, at_most = int(rounds[0]), float(rounds[5]), float(rounds[7]), float(rounds[9])
    assert count == 80
    assert at_most == pytest.approx(count * limit / 60, abs=0.1)
    assert at_most / 4 < expected < at_most / 2.9


def test_disk_adds_up_and_trained_weights_take_most_of_it(paper):
    megabytes = {rule: float(columns[-2]) * {"MB": 1, "GB": 1000}[columns[-1]] for rule, columns in jobs(paper).items()}
    total = megabytes.pop("total")
    assert sum(megabytes.values()) == pytest.approx(total, rel=0.02)
    trained = ("train_ensemble", "train_short_setups", "train_grokking", "train_pruning", "train_rounds")
    assert sum(megabytes.get(rule, 0) for rule in trained) > 0.8 * total
    assert f"{columns_of(paper, 'total')[-2]} GB on disk" in paper


def columns_of(told: str, rule: str) -> list[str]:
    return jobs(told)[rule]


def test_a_wrong_configuration_is_one_line():
    done = planned("all", "--config", "sed=1")
    assert done.returncode == 1
    assert done.stderr.startswith("koopflow: sed: unknown key")
    assert done.stderr.count("\n") == 1


def test_nothing_heavy_is_imported_while_the_workflow_is_read(tmp_path):
    heavy = {
        "torch",
        "torchvision",
        "numpy",
        "scipy",
        "pandas",
        "h5py",
        "sklearn",
        "matplotlib",
        "seaborn",
        "ot",
        "statsmodels",
    }
    code = f"""
import sys
from snakemake import api, cli
heavy = {heavy}
# Snakemake's plugin for SLURM imports pandas.
for name in [name for name in sys.modules if name.split(".")[0] in heavy]:
    del sys.modules[name]
try:
    cli.main(["all", "--dry-run", "--nolock", "--cores", "1", "--quiet", "all", "--configfile", "config/paper.yaml"])
except SystemExit as end:
    assert not end.code, end.code
assert "koopflow.config.resolution" in sys.modules
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    house = copy_of_the_house(tmp_path / "house")  # without the results that a run may have left here
    done = subprocess.run([sys.executable, "-c", code], cwd=house, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
