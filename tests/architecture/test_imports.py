"""What an import costs: nothing heavy is loaded by `import koopflow`, nor by what the Snakefile
reads, and no torch by the sciences."""

import subprocess
import sys

from tests.architecture.source import ROOT, modules, room
from tests.architecture.test_rooms import FREE_OF_TORCH

HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pandas",
    "h5py",
    "matplotlib",
    "seaborn",
    "sklearn",
    "statsmodels",
    "ot",
)


def loaded(*names: str) -> set[str]:
    """Return the top names of all modules that importing `names` loads, in a fresh interpreter."""
    return {name.split(".")[0] for name in all_loaded(*names)}


def all_loaded(*names: str) -> set[str]:
    """Return all modules that importing `names` loads, in a fresh interpreter."""
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_koopflow_loads_nothing_heavy():
    assert loaded("koopflow") & set(HEAVY) == set()


def test_what_the_snakefile_reads_loads_nothing_heavy():
    light = [name for name in modules() if room(name) in ("config", "studies") and "checks" not in name.split(".")]
    light += [name for name in modules() if name.endswith(".registry") and room(name) != "data"]
    light += [f"koopflow.core.{name}" for name in ("errors", "suggest", "registry", "labels", "code_inputs")]
    light += [f"koopflow.workflow.{name}" for name in ("estimates", "run_lock", "slurm_failures")]
    assert loaded(*light) & set(HEAVY) == set()


def test_the_sciences_without_training_load_no_torch():
    assert "torch" not in loaded(*(name for name in modules() if room(name) in FREE_OF_TORCH))


def test_trainings_of_tickets_load_no_tables():
    assert loaded("koopflow.tickets.jobs", "koopflow.tickets.chain") & {"pandas", "scipy"} == set()


def test_short_jobs_load_no_part_of_scipy_that_they_do_not_use():
    jobs = ("koopflow.equivalence.fitting", "koopflow.equivalence.sensitivity", "koopflow.figures.equivalence")
    unused = {"scipy.optimize", "scipy.stats", "seaborn", "koopflow.config.study"}
    assert all_loaded(*jobs) & unused == set()
