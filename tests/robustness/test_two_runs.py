"""Runs beside each other and runs again: one folder of results belongs to one run at a time, and
the same study gives the same bytes."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.io.tables import read_csv
from koopflow.trajectory import Trajectory
from koopflow.workflow.run_lock import hold
from tests.barrier import PATIENCE, Barrier
from tests.house import command, digests, house_with, start

WORDS = ("equivalence", "--configfile", "mine.yaml")
TOLERANCE = 1e-5
"""Of weights and losses when an ensemble is split into other jobs, as a share of the largest: sums
are then taken in another order."""


def results(folder: Path) -> dict[str, str]:
    """Return the checksums of what a study has made, without the description of its run, which names the folder."""
    return {name: digest for name, digest in digests(folder).items() if not name.startswith("workflow/")}


@pytest.mark.slow
def test_two_studies_at_once_into_two_folders_and_on_one_core_give_the_bytes_of_one_alone_on_two(calm, tmp_path):
    folder = house_with(tmp_path / "another" / "path")
    (folder / "shared.yaml").write_text("equivalence: {training: {shared_job: 60}}\n")
    barrier = Barrier(tmp_path / "barrier", "train_ensemble")
    # The set-ups share their jobs here, and have their own in the study that it is compared with.
    alone = start(folder, *WORDS, "shared.yaml", "--config", "results=alone", cores=1, environment=barrier.environment)
    barrier.wait(alone)
    target = "split/equivalence/training/tests.csv"
    parts = ("--configfile", "mine.yaml", "--config", "results=split", "replicas_per_job=4")
    split = start(folder, target, *parts, cores=1)
    words = command(*WORDS, "--config", "results=alone", cores=1)
    third = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert third.returncode == 1
    assert "koopflow: alone: another run is using this folder; wait until it ends" in third.stderr
    assert "Traceback" not in third.stderr
    barrier.release()
    assert alone.wait(PATIENCE) == 0
    assert split.wait(PATIENCE) == 0
    assert results(folder / "alone") == results(calm / "results")
    assert (folder / "logs/alone/fit_short_setups.log").is_file()

    # Four networks to a job instead of eight: the same numbers but for the order of sums.
    for setup in ("width-5", "width-10"):
        whole, parts = [], []
        with Trajectory(calm / f"results/equivalence/training/{setup}/0/trajectories.h5") as one:
            whole = [one.read(), one.loss]
        for part in range(2):
            with Trajectory(folder / f"split/equivalence/training/{setup}/{part}/trajectories.h5") as one:
                parts.append([one.read(), one.loss])
        for values, pieces in zip(whole, zip(*parts)):
            worst = np.abs(np.concatenate(pieces) - values).max() / np.abs(values).max()
            print(f"{setup}: split into two jobs, farthest apart by {worst:.1e} of the largest")
            assert worst <= TOLERANCE
    name = "equivalence/training/tests.csv"
    verdicts = [read_csv(results / name)["verdict"].tolist() for results in (calm / "results", folder / "split")]
    assert verdicts[0] == verdicts[1]


def test_tables_carry_every_digit(calm):
    distances = read_csv(calm / "results/equivalence/training/distances.csv", dtype={"distance": str})["distance"]
    assert all(repr(float(text)) == repr(float(f"{float(text):.17g}")) for text in distances)
    assert max(len(text) for text in distances) >= 17


def test_a_results_folder_has_one_holder_and_two_folders_have_two(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = hold(".snakemake", "results")
    assert hold(".snakemake", "others") is not None
    (tmp_path / "link").symlink_to("results")
    for name in ("results", "./results/", str(tmp_path / "results"), "link"):
        with pytest.raises(KoopflowError, match="another run is using this folder"):
            hold(".snakemake", name)
    assert first is not None
