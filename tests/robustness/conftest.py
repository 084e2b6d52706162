"""One small study, run once without interruption: what the tests of whole runs compare with."""

from pathlib import Path

import pytest
import yaml

from tests.house import copy_of_the_house, once
from tests.robustness.soak import run_to_end

STUDY = {
    "threads": 1,
    "checkpoint_interval": 20,
    "equivalence": {
        "optimizers": {"states": 40, "shuffles": 20, "draws": 20},
        "training": {
            "seeds": 4,
            "copies": 2,
            "shuffles": 10,
            "base": {"steps": 400, "batch_size": 40, "koopman": {"delays": 2, "rank": 4}},
            "setups": {"width-5": {"model": {"widths": [5]}}, "width-10": {}},
            "comparisons": {"width": ["width-5", "width-10"]},
        },
    },
}


def house_with(folder: Path, **changes) -> Path:
    """Return a copy of the house with the study's config in mine.yaml."""
    copy_of_the_house(folder)
    (folder / "mine.yaml").write_text(yaml.safe_dump({**STUDY, **changes}))
    return folder


@pytest.fixture(scope="session")
def calm(tmp_path_factory) -> Path:
    """The results of the small study, made on two cores."""

    def run(folder: Path) -> None:
        house = house_with(folder / "house")
        run_to_end(house, ["equivalence", "--configfile", "mine.yaml"], 2, house / "out.log")

    return once(tmp_path_factory, "calm", run) / "house" / "results"
