"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

# One thread a process, before numpy and torch count the cores: the workers share them already.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from matplotlib import pyplot

ROOT = Path(__file__).resolve().parents[1]


# Tests that start Snakemake, a cluster, a browser or other processes. They come first, so that no
# worker is left with one of them at the end.
WHOLE_RUNS = ("cluster", "workflow", "robustness", "envs", "report", "docs", "cli")
# Tests that train or simulate for many seconds.
LONG = (
    "claims/test_transfer_claims.py",
    "equivalence/test_calibration.py",
    "equivalence/test_optimizers.py",
    "figures/test_style.py",
    "forecast/test_combined.py",
    "forecast/test_hub.py",
    "forecast/test_lookahead.py",
    "forecast/test_memory.py",
    "forecast/test_panels.py",
    "gpu",
    "koopman/test_intervals.py",
    "koopman/test_noise.py",
    "koopman/test_scale.py",
    "koopman/test_variants.py",
    "koopman/test_walks.py",
    "pruning/test_study.py",
    "pruning/test_study_scores.py",
    "rg/test_exponents.py",
    "rg/test_universality.py",
    "tickets",
    "training/test_device.py",
    "training/test_ensemble.py",
    "training/test_own_networks.py",
    "training/test_pretrained.py",
    "training/test_transformer.py",
    "trajectory/test_callbacks.py",
    "trajectory/test_recordings_kept.py",
)
# Rooms that compute, whose tests `make pythons` runs whole.
NUMERICS = ("config", "core", "data", "equivalence", "forecast", "io", "koopman", "rg", "trajectory")
GPU = "KOOPFLOW_GPU_TESTS" in os.environ or (
    os.environ.get("CUDA_VISIBLE_DEVICES") != "" and (Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists())
)
"""Whether this machine has a CUDA device that it may use, or tests/gpu is asked to run without one."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what `make quick` leaves out as slow and what computes as numerics, put whole runs
    first, and leave out the tests of GPUs where there is none."""
    places = {}
    if not GPU:
        left_out = [item for item in items if item.path.is_relative_to(ROOT / "tests/gpu")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    for item in items:
        path = item.path.relative_to(ROOT / "tests").as_posix()
        places[item] = next((n for n, start in enumerate(WHOLE_RUNS) if path.startswith(start)), len(WHOLE_RUNS))
        if places[item] < len(WHOLE_RUNS) or path.startswith(LONG):
            item.add_marker(pytest.mark.slow)
        if places[item] < len(WHOLE_RUNS):
            item.add_marker(pytest.mark.timeout(1800))  # a shared run may be waited for on a loaded machine
        if path.split("/")[0] in NUMERICS:
            item.add_marker(pytest.mark.numerics)
    items.sort(key=places.__getitem__)


@pytest.fixture(autouse=True)
def no_figures_left_open() -> Iterator[None]:
    """Close what a test has drawn: pyplot keeps figures, and complains at the twentieth, in
    whichever test that is."""
    yield
    pyplot.close("all")


def beside(name: str) -> Path:
    """Return a folder of ../shared. Where CI runs it must be there; elsewhere the tests that need
    it are skipped, loudly."""
    folder = ROOT.parent / "shared" / name
    if not folder.is_dir():
        message = f"files that tests compare with are missing: {folder}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout."""
    return beside("data")


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder of eigenvalues that the authors of arXiv 2302.09160 published, as .npy files."""
    return beside("published")


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory) -> Path:
    """A finished smoke study on this machine, each stage in its own environment (tests/envs): a
    copy of the repository with results."""
    from tests.envs.conda import run_in_environments
    from tests.house import house_with_smoke, once

    def run(folder: Path) -> None:
        house = house_with_smoke(folder / "house")
        done = run_in_environments(house, "all", "report", "--configfile", "config/smoke.yaml")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]

    return once(tmp_path_factory, "smoke-study", run) / "house"


@pytest.fixture(scope="session")
def calm(tmp_path_factory) -> Path:
    """A copy of the code in which the small equivalence study has run, on two cores and without interruption."""
    from tests.house import house_with, once
    from tests.robustness.soak import run_to_end

    def run(folder: Path) -> None:
        house = house_with(folder / "house")
        run_to_end(house, ["equivalence", "--configfile", "mine.yaml"], 2, house / "out.log")

    return once(tmp_path_factory, "calm", run) / "house"
