"""The page on extending: its files, put beside the workflow as a user types them, go through to
tables and figures.

The stage of the page is run by tests/workflow/test_toy_stage.py.
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from koopflow.config.tickets import CollectedStudy, FlowSettings
from koopflow.data.images import load
from koopflow.io.columns import CONTRACTS
from koopflow.rg.exponents import WindowRule
from koopflow.studies import tickets
from koopflow.studies.shared import selection, some
from koopflow.tickets import jobs
from koopflow.tickets.predictors.job import scores_table
from koopflow.tickets.summary import all_tables
from koopflow.tickets.trained import Trained
from koopflow.trajectory import Trajectory
from tests.docs.pages import commands, files
from tests.house import command, copy_of_the_house
from tests.studies.plans import resolved

STUDY = [words[3] for words in commands() if words[-1] == "study.yaml"]
OTHERS = (
    *("run_optimizers", "train_ensemble", "train_short_setups", "fit_spectra", "fit_short_setups", "compare_setups"),
    *("train_grokking", "fit_grokking"),
)
"""Rules of stages that the page does not touch; their tables are there without a row."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """The results of all the page's commands on `study.yaml`, run as one."""
    house = copy_of_the_house(tmp_path_factory.mktemp("extending") / "koopflow")
    for name, text in files().items():
        if "/" not in name:
            (house / name).write_text(text)
    for table in CONTRACTS:
        if table.startswith(("equivalence/", "grokking/")):
            (house / "results" / table).parent.mkdir(parents=True, exist_ok=True)
            (house / "results" / table).write_text("seed\n")
    rules = subprocess.run(
        command("--list-rules"), cwd=house, capture_output=True, text=True, check=True
    ).stdout.split()
    allowed = [rule for rule in rules if rule not in OTHERS]
    words = command(*dict.fromkeys(STUDY), "--configfile", "study.yaml", "--allowed-rules", *allowed)
    done = subprocess.run(words, cwd=house, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return house / "results"


def test_every_command_of_the_page_names_a_target_and_a_file_of_the_page():
    assert {"pruning", "tickets", "forecast", "claims", "own_figures"} == set(STUDY)
    assert ["snakemake", "--cores", "all", "tickets", "--configfile", "transfer.yaml"] in commands()
    assert all(words[:3] == ["snakemake", "--cores", "all"] and words[-1] in files() for words in commands())


def test_a_score_a_network_and_a_source_of_images(results):
    accuracy = pd.read_csv(results / "pruning/accuracy.csv")
    assert set(accuracy["study"]) == {"mine"}
    assert {"lasting", "global_magnitude"} <= set(accuracy["method"])
    assert accuracy[accuracy["compression"] == 1]["accuracy"].mean() > 0.6, (
        "the network tells two kinds of stripes apart"
    )
    assert set(pd.read_csv(results / "pruning/overlap.csv")["method_a"]) == {"lasting"}
    with Trajectory(results / "pruning/networks/mine/0/trajectories.h5") as recorded:
        assert [parameter.shape for parameter in recorded.parameters] == [(24, 64), (24,), (2, 24), (2,)]


def test_a_forecaster_and_a_source_of_series(results):
    skill = pd.read_csv(results / "forecast/skill.csv")
    assert {"persistence", "sliding", "median"} == set(skill["method"])
    assert {"tide"} == set(skill["series"])
    assert (results / "figures/forecast_tide.pdf").read_bytes().startswith(b"%PDF")


def test_a_coupling(results):
    flow = pd.read_csv(results / "tickets/flow.csv")
    first = flow[(flow["round"] == 0) & (flow["seed"] == 0)].set_index("layer")["coupling"]
    weights = 64 * 16 + 16 * 12 + 12 * 10
    assert first["layer1.weight"] == pytest.approx(64 * 16 / weights)
    assert set(pd.read_csv(results / "tickets/exponents.csv")["layer"]) == set(first.index)


def test_a_predictor_of_transfer(tmp_path, monkeypatch):
    """The study of the page in one process, since its jobs would take a minute to start."""
    (tmp_path / "my_predictors.py").write_text(files()["my_predictors.py"])
    monkeypatch.syspath_prepend(tmp_path)
    plan = tickets.plan(resolved(yaml.safe_load(files()["transfer.yaml"])))
    study = plan.studies["related"]
    images = {}
    for task in study.tasks:
        given = selection(plan.study, task).dump()
        images[task] = load(given["spec"], data_root=given["root"], named=given["named"])
    read = plan.job("related", "tasks", "controls", "transfer", "predictors")
    of = {task: jobs.TaskJob(task, images[task], read, say=lambda line: None) for task in study.tasks}
    chains = {task: job.chain(study.rounds) for task, job in of.items()}
    names, rule = study.predictors.names, WindowRule(**plan.settings.window.dump())
    try:
        scores = {task: scores_table(job, chains, names, rule, {}) for task, job in of.items()}
    finally:
        sys.modules.pop("my_predictors", None)
    trained = Trained(
        chains,
        {task: jobs.train_controls(job, chains[task]) for task, job in of.items()},
        {},
        {task: jobs.train_transfers(job, chains) for task, job in of.items()},
        scores,
    )
    kept = CollectedStudy.load(plan.part(*CollectedStudy.model_fields)["related"])
    settings = FlowSettings.load(some(plan.settings, *FlowSettings.model_fields))
    tests = all_tables(settings, {"related": kept}, {"related": trained}, say=lambda line: None)["predictor_tests"]
    found = tests.set_index("predictor").loc["my_predictors:seen_pixels"]
    assert (found["decision"], found["pairs"], found["needs"]) == ("exploratory", 12, "")
    assert found["passes"] == len(images["digits"].x_train)


def test_a_claim_and_a_measure(results):
    claims = pd.read_csv(results / "claims.csv").set_index("claim")
    assert set(claims.index) == {"lasting_as_accurate", "task_is_learned"}
    assert claims.loc["task_is_learned", "statistic"] == "accuracy before pruning (share of images)"
    assert claims["n"].tolist() == [3, 3]
    assert (results / "figures/claims.pdf").read_bytes().startswith(b"%PDF")


def test_a_figure(results):
    assert (results / "figures/own_accuracy.pdf").read_bytes().startswith(b"%PDF")
    assert (results / "figures/own_accuracy.png").read_bytes().startswith(b"\x89PNG")
