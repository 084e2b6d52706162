"""Whole runs of the workflow at the tests' scale: what a user does, with the real Snakemake."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.house import STUDY, command, copy_of_the_house

ROOT = Path(__file__).resolve().parents[2]
TABLES = (
    "optimizers/eigenvalues",
    "optimizers/distances",
    "training/eigenvalues",
    "training/distances",
    "training/tests",
)


def snakemake(folder: Path, *arguments: str, config: dict | None = None) -> subprocess.CompletedProcess:
    """Run Snakemake in `folder` with `config` given by --configfile."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(STUDY if config is None else config))
    return subprocess.run(
        command(*arguments, "--configfile", "mine.yaml"), cwd=folder, capture_output=True, text=True, timeout=900
    )


def planned(folder: Path, config: dict | None = None, target: str = "equivalence") -> dict[str, int]:
    """Return how many jobs of each rule a dry run of `target` plans."""
    done = snakemake(folder, target, "--dry-run", "--quiet", "host", config=config)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    rules = [path.stem for path in (folder / "scripts").glob("*.py")]
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[0] in rules and words[1].isdigit()}


@pytest.fixture(scope="module")
def finished(calm, tmp_path_factory) -> Path:
    """A finished equivalence study, moved to a folder of its own."""
    return shutil.copytree(calm, tmp_path_factory.mktemp("house") / "koopflow", symlinks=True)


def test_a_run_makes_the_promised_tables_and_figures(finished):
    for table in TABLES:
        assert (finished / f"results/equivalence/{table}.csv").stat().st_size > 0
    for figure in ("equivalence_spectra", "equivalence_distances", "equivalence_distance_matrix", "equivalence_losses"):
        assert (finished / f"results/figures/{figure}.pdf").read_bytes().startswith(b"%PDF")
        assert (finished / f"results/figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
    left = {path.name for path in finished.iterdir()} - {"mine.yaml", "out.log"}
    made = left - {path.name for path in ROOT.iterdir()}
    assert made <= {"results", "logs", ".snakemake", ".checkpoints"}


def test_nothing_runs_again_when_files_were_only_moved_and_touched(finished):
    later = time.time() + 10
    for file in [*finished.glob("koopflow/**/*.py"), *finished.glob("scripts/*.py")]:
        os.utime(file, (later, later))
    assert planned(finished) == {}


def test_one_setting_reruns_exactly_what_depends_on_it(finished):
    config = yaml.safe_load(yaml.safe_dump(STUDY))
    config["equivalence"]["training"]["setups"]["width-10"] = {"optimizer": {"learning_rate": 0.2}}
    expected = {"check_stage": 1, "train_ensemble": 1, "fit_spectra": 1, "compare_setups": 1, "plot_equivalence": 1}
    assert planned(finished, config) == expected
    config = yaml.safe_load(yaml.safe_dump(STUDY))
    config["equivalence"]["training"]["significance"] = 0.01
    assert planned(finished, config) == {"compare_setups": 1, "plot_equivalence": 1}
    assert planned(finished, {**STUDY, "figures": {"style": {"font_size": 7}}}) == {
        "plot_equivalence": 1,
        "plot_optimizers": 1,
    }


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("koopflow/figures/equivalence.py", {"plot_equivalence": 1, "plot_optimizers": 1}),
        ("koopflow/equivalence/optimizers.py", {"run_optimizers": 1, "plot_optimizers": 1}),
        ("koopflow/equivalence/fitting.py", {"fit_spectra": 2, "compare_setups": 1, "plot_equivalence": 1}),
        (
            "koopflow/training/run.py",
            {"check_stage": 1, "train_ensemble": 2, "fit_spectra": 2, "compare_setups": 1, "plot_equivalence": 1},
        ),
        ("koopflow/pruning/scores.py", {}),
    ],
)
def test_one_module_reruns_exactly_what_depends_on_it(finished, module, expected):
    file = finished / module
    before = file.read_text()
    try:
        file.write_text(before + "\n# changed\n")
        assert planned(finished) == expected
    finally:
        file.write_text(before)


def test_bad_input_stops_the_run_before_any_training(tmp_path):
    folder = copy_of_the_house(tmp_path / "house")
    config = yaml.safe_load(yaml.safe_dump(STUDY))
    setups = {"a": {"koopman": {"observables": ["nothing.*"]}}, "b": {}}
    config["equivalence"]["training"] |= {"setups": setups, "comparisons": {}}
    done = snakemake(folder, "equivalence", config=config)
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if line.startswith("koopflow: "))
    assert line.startswith("koopflow: equivalence.training.setups.a: ")
    assert "Traceback" not in done.stderr
    assert not (folder / "results/equivalence").exists()


def test_a_new_pruning_method_is_evaluated_on_the_networks_that_are_there(tmp_path):
    folder = copy_of_the_house(tmp_path / "koopflow")
    study = {
        "model": {"name": "mlp", "widths": [8]},
        "epochs": 2,
        "seeds": 2,
        "prune_epochs": [0.5, 2],
        "window": 9,
        "rank": 3,
    }
    study |= {
        "compressions": [1, 4],
        "methods": ["koopman_magnitude", "global_magnitude"],
        "finetune": {"epochs": 1, "at": [2]},
    }
    study |= {"pairs": [["koopman_magnitude", "global_magnitude"]], "save_masks": {"at": [2], "compressions": [4]}}
    config = {"pruning": {"studies": {"tiny": study}}, "replicas_per_job": 1}
    done = snakemake(folder, "pruning", config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    for table in ("accuracy", "overlap", "spectrum", "layers", "differences", "best", "onset", "predictors"):
        assert (folder / f"results/pruning/{table}.csv").stat().st_size > 0
    for figure in ("accuracy", "accuracy_finetuned", "overlap", "eigenvalues", "layers"):
        assert (folder / f"results/figures/pruning_{figure}.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "results/pruning/networks/tiny").glob("*/masks/*.npz"))) == 2 * 2
    assert planned(folder, config, "pruning") == {}
    config["pruning"]["studies"]["tiny"] = {**study, "methods": ["koopman_magnitude", "global_magnitude", "random"]}
    assert planned(folder, config, "pruning") == {
        "check_stage": 1,
        "run_pruning": 2,
        "collect_pruning": 1,
        "plot_pruning": 1,
    }
    config["pruning"]["studies"]["tiny"] = {**study, "epochs": 3}
    assert planned(folder, config, "pruning")["train_pruning"] == 2
