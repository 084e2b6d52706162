"""`keep` drops what nothing needs any more, and a change of style or claims trains nothing again."""

import subprocess
from pathlib import Path

import pytest
import yaml

from koopflow.cli import record
from koopflow.core.errors import KoopflowError
from koopflow.workflow import run_lock
from tests.house import command
from tests.workflow.test_never_stale import STUDY, house_of_stubs, merged, run

STATES = ("trajectories.h5", "networks.npz", "rounds-7.npz", "transferred.npz")
PARTS = ("equivalence/training/a/eigenvalues.csv", "pruning/networks/one/0/accuracy.csv", "tickets/files/few")
TABLES = ("claims.csv", "equivalence/training/tests.csv", "pruning/accuracy.csv", "tickets/rounds.csv")


def snakemake(house: Path, config: dict) -> list[str]:
    """Return what a dry run says."""
    (house / "mine.yaml").write_text(yaml.safe_dump(config))
    words = command("all", "--configfile", "mine.yaml", "--dry-run", "--quiet", "host")
    done = subprocess.run(words, cwd=house, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).splitlines()


def planned(house: Path, config: dict) -> set[str]:
    """Return the rules with a script that a run would execute."""
    scripts = {path.stem for path in (house / "scripts").glob("*.py")}
    return {line.split()[0] for line in snakemake(house, config) if line.strip()} & scripts


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A finished study of stubs that keeps figures and what they need."""
    house = house_of_stubs(tmp_path_factory.mktemp("kept") / "house")
    run(house, STUDY | {"keep": "figures"})
    return house


def test_what_nothing_needs_is_dropped_and_tables_stay(kept):
    left = {file.relative_to(kept / "results").as_posix() for file in (kept / "results").rglob("*")}
    assert not {name for name in left if Path(name).name in STATES} - {"equivalence/optimizers/trajectories.npz"}
    assert not set(PARTS) & left
    assert set(TABLES) <= left


def test_tables_of_single_jobs_and_tickets_stay_if_tables_are_kept(tmp_path):
    house = house_of_stubs(tmp_path / "house")
    lines = snakemake(house, STUDY | {"keep": "tables"})
    removed = [line.split()[4].rstrip(".") for line in lines if line.startswith("Would remove temporary output")]
    assert {Path(name).name for name in removed} == {*STATES, "composition"}


def test_nothing_is_left_to_do_and_claims_train_nothing(kept):
    study = STUDY | {"keep": "figures"}
    assert planned(kept, study) == set()
    claims = planned(kept, merged(study, {"claims": {"level": 0.9}}))
    assert not {rule for rule in claims if rule.startswith(("train_", "fit_", "run_"))}
    assert {"judge_claims", "plot_claims", "write_tables"} <= claims


def test_style_trains_nothing(kept):
    study = STUDY | {"keep": "figures"}
    style = planned(kept, merged(study, {"figures": {"style": {"font_size": 7}}}))
    assert not {rule for rule in style if rule.startswith(("train_", "fit_", "run_"))}


def test_what_a_new_setting_needs_is_trained_again(kept):
    changed = merged(STUDY | {"keep": "figures"}, {"equivalence": {"training": {"base": {"koopman": {"rank": 4}}}}})
    assert {"train_ensemble", "fit_spectra"} <= planned(kept, changed)


def test_the_record_still_tells_of_jobs_whose_files_are_gone(kept):
    graph = record.read(kept / "results")
    assert {"#rule/train_ensemble", "#rule/train_rounds", "#rule/run_pruning"} <= set(graph)
    assert any(name.startswith("#dropped/") and name.endswith("trajectories.h5") for name in graph)


def test_a_run_that_does_not_fit_says_so_before_it_starts(monkeypatch):
    free = 10 * 2**30
    monkeypatch.setattr(run_lock.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": free}))
    assert run_lock.enough_space("results", 10_000) is None
    assert "results: this run will write about 11.7 GB, and 10.0 GB are free" in run_lock.enough_space(
        "results", 12_000
    )
    with pytest.raises(KoopflowError, match=r"this run will write about 29\.3 GB"):
        run_lock.enough_space("results", 30_000)
