"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib import pyplot

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def no_figures_left_open() -> Iterator[None]:
    """Close what a test has drawn: pyplot keeps figures, and complains at the twentieth, in whichever test that is."""
    yield
    pyplot.close("all")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout. Where CI runs it must be there; elsewhere its tests are skipped, loudly."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        message = f"real data are missing: {folder}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory) -> Path:
    """A finished smoke study on this machine, each stage in its own environment (tests/envs): a copy of the repository with results."""
    from tests.envs.conda import run_in_environments
    from tests.house import copy_of_the_house

    house = copy_of_the_house(tmp_path_factory.mktemp("environments") / "house")
    done = run_in_environments(house, "all", "report", "--configfile", "config/smoke.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return house
