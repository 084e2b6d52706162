"""Whole runs of the workflow at the tests' scale: what a user does, with the real Snakemake."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.barrier import Barrier
from tests.house import copy_of_the_house

ROOT = Path(__file__).resolve().parents[2]
SMOKE = {
    "threads": 1,
    "equivalence": {
        "optimizers": {"states": 40, "shuffles": 20},
        "training": {
            "seeds": 3,
            "copies": 2,
            "shuffles": 10,
            "base": {"steps": 60, "batch_size": 40, "koopman": {"delays": 2, "rank": 4}},
            "setups": {"width-5": {"model": {"widths": [5]}}, "width-10": {}},
            "comparisons": {"width": ["width-5", "width-10"]},
        },
    },
}
TABLES = (
    "optimizers/eigenvalues",
    "optimizers/distances",
    "training/eigenvalues",
    "training/distances",
    "training/tests",
)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]


def snakemake(folder: Path, *arguments: str, config: dict | None = None) -> subprocess.CompletedProcess:
    """Run Snakemake in `folder` with `config` given by --configfile."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(SMOKE if config is None else config))
    return subprocess.run(
        command(*arguments, "--configfile", "mine.yaml"), cwd=folder, capture_output=True, text=True, timeout=500
    )


def planned(folder: Path, config: dict | None = None, target: str = "equivalence") -> dict[str, int]:
    """Return how many jobs of each rule a dry run of `target` plans."""
    done = snakemake(folder, target, "--dry-run", "--quiet", "host", config=config)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    rules = [path.stem for path in (folder / "scripts").glob("*.py")]
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[0] in rules and words[1].isdigit()}


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted((folder / "results").rglob("*")) if path.suffix in (".csv", ".h5", ".png", ".pdf")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished equivalence study."""
    folder = copy_of_the_house(tmp_path_factory.mktemp("house") / "koopflow")
    done = snakemake(folder, "equivalence")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_a_run_makes_the_promised_tables_and_figures(finished):
    for table in TABLES:
        assert (finished / f"results/equivalence/{table}.csv").stat().st_size > 0
    for figure in ("equivalence_spectra", "equivalence_distances", "equivalence_distance_matrix", "equivalence_losses"):
        assert (finished / f"results/figures/{figure}.pdf").read_bytes().startswith(b"%PDF")
        assert (finished / f"results/figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
    left = {path.name for path in finished.iterdir()} - {"mine.yaml"}
    made = left - {path.name for path in ROOT.iterdir()}
    assert made <= {"results", "logs", ".snakemake", ".checkpoints"}


def test_nothing_runs_again_when_nothing_changed(finished):
    assert planned(finished) == {}


def test_touching_files_reruns_nothing(finished):
    later = time.time() + 10
    for file in [*finished.glob("koopflow/**/*.py"), *finished.glob("scripts/*.py")]:
        os.utime(file, (later, later))
    assert planned(finished) == {}


def test_one_setting_reruns_exactly_what_depends_on_it(finished):
    config = yaml.safe_load(yaml.safe_dump(SMOKE))
    config["equivalence"]["training"]["setups"]["width-10"] = {"optimizer": {"learning_rate": 0.2}}
    expected = {"check_stage": 1, "train_ensemble": 1, "fit_spectra": 1, "compare_setups": 1, "plot_equivalence": 1}
    assert planned(finished, config) == expected
    config = yaml.safe_load(yaml.safe_dump(SMOKE))
    config["equivalence"]["training"]["significance"] = 0.01
    assert planned(finished, config) == {"compare_setups": 1, "plot_equivalence": 1}
    assert planned(finished, {**SMOKE, "figures": {"style": {"font_size": 7}}}) == {
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


def test_the_same_bytes_twice_and_after_kill_9(finished, tmp_path):
    folder = copy_of_the_house(tmp_path / "elsewhere")
    (folder / "mine.yaml").write_text(yaml.safe_dump(SMOKE))
    barrier = Barrier(tmp_path / "barrier", "train_ensemble")
    run = subprocess.Popen(
        command("equivalence", "--configfile", "mine.yaml"),
        cwd=folder,
        env=barrier.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    barrier.wait(run)
    second = snakemake(folder, "equivalence")
    assert second.returncode == 1
    assert "another run is using this folder" in second.stderr
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    again = snakemake(folder, "equivalence")
    assert again.returncode == 0, again.stderr[-3000:]
    assert digests(folder) == digests(finished)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"sed": 1}, "koopflow: sed: unknown key (did you mean seed?)"),
        (
            {"equivalence": {"training": {"base": {"optimizer": {"learning_rate": "1e-3"}}}}},
            "learning_rate must be a number (got '1e-3')",
        ),
        ({"equivalence": {"training": {"comparisons": {"width": ["width-5", "nobody"]}}}}, "no set-up named 'nobody'"),
    ],
)
def test_a_bad_configuration_is_one_line_and_writes_nothing(tmp_path, config, message):
    folder = copy_of_the_house(tmp_path / "house")
    done = snakemake(folder, "equivalence", config=config)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ({"batch_size": 5000}, "equivalence.training.setups.a: "),
        ({"koopman": {"observables": ["nothing.*"]}}, "equivalence.training.setups.a: "),
        ({"data": "absent"}, "absent.npz"),
    ],
)
def test_bad_input_stops_the_run_before_any_training(tmp_path, setup, message):
    folder = copy_of_the_house(tmp_path / "house")
    config = yaml.safe_load(yaml.safe_dump(SMOKE))
    config["data"] = {"absent": {"source": "npz", "path": "absent.npz"}}
    config["equivalence"]["training"] |= {"setups": {"a": setup, "b": {}}, "comparisons": {}}
    done = snakemake(folder, "equivalence", config=config)
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if line.startswith("koopflow: "))
    assert message in line
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
