"""Each stage of the smoke study runs in its own environment, which holds exactly the packages that
its file names."""

import json
import re
from pathlib import Path

import pytest

from tests.envs.test_specifications import NAMES, jobs_of

USED = sorted({*NAMES} - {"checkpoints"})
"""The environments of the smoke study, which reads no checkpoints; tests/workflow/test_spectra.py
does."""


def environments(house: Path) -> dict[str, Path]:
    """The folder of each environment that Snakemake made, by name."""
    found = {}
    for copy in (house / ".snakemake/conda").glob("*.yaml"):
        name = next(name for name in NAMES if (house / "envs" / f"{name}.yaml").read_text() == copy.read_text())
        found[name] = copy.with_suffix("")
    return found


def test_the_smoke_study_uses_every_environment(smoke_study):
    assert sorted(environments(smoke_study)) == USED
    assert (smoke_study / "results/claims.csv").is_file()
    assert (smoke_study / "results/report.html").is_file()


NOT_RUN = (
    "stretch_tickets",
    "check_spectra",
    "fit_spectrum",
    "compare_spectra",
    "check_hub",
    "forecast_hub",
    "score_hubs",
    "plot_hub",
    "check_own_figures",
    "plot_own_figures",
    "plot_paper_pruning",
)
"""Jobs that the smoke study of the tests does not have."""
SHARED = {"train_ensemble": "train_short_setups", "fit_spectra": "fit_short_setups"}
"""Rules that run the script of another one for all set-ups of the smoke study."""


@pytest.mark.parametrize("name", USED)
def test_every_job_of_a_stage_ran_with_its_packages_alone(smoke_study, name):
    packages = {path.name.lower() for path in environments(smoke_study)[name].glob("lib/python*/site-packages/*")}
    for script in jobs_of(name):
        rule = SHARED.get(script, script)
        logs = [*smoke_study.glob(f"logs/results/{rule}.log"), *smoke_study.glob(f"logs/results/{rule}/**/*.log")]
        assert logs or script in NOT_RUN, f"{script} did not run"
        for log in logs:
            told = re.search(r"koopflow .*Python [\d.]+.*", log.read_text())[0]
            for package in ("torch", "statsmodels", "matplotlib", "h5py"):
                # Snakemake's own environment is behind each script's; it has none of these.
                assert (f"{package} " in told) == (package in packages), f"{script}: {package} in: {told}"


def test_the_environment_that_runs_snakemake_has_no_scientific_package(smoke_study):
    packages = {path.name for path in (smoke_study.parent / "snakemake").glob("lib/python*/site-packages/*")}
    assert "snakemake" in packages
    assert not packages & {"numpy", "scipy", "pandas", "torch", "h5py", "sklearn", "statsmodels", "matplotlib"}


def test_the_stages_have_results(smoke_study):
    for table in ("equivalence/training/tests", "pruning/accuracy", "tickets/exponents", "forecast/skill"):
        assert (smoke_study / f"results/{table}.csv").stat().st_size > 100
    assert json.loads((smoke_study / "results/checks/equivalence.json").read_text())
