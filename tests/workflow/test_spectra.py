"""A newcomer's own training loop, in a folder of its own, through the recorder and `snakemake spectra` to tables and a figure."""

import subprocess
import sys

import pandas as pd
import pytest
import yaml

from tests.house import copy_of_the_house

LOOP = """
import torch
from koopflow.trajectory import TrajectoryRecorder

inputs = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
for seed in range(8):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5 if seed < 4 else 0.05)
    recorder = TrajectoryRecorder(model, f"{'fast' if seed < 4 else 'slow'}-{seed % 4}.h5", parameters="2.*", every=2)
    for _ in range(80):
        loss = (model(inputs) - inputs[:, :2]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
    recorder.close()
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The house, and beside it the newcomer's folder with eight recorded runs."""
    top = tmp_path_factory.mktemp("newcomer")
    house = copy_of_the_house(top / "koopflow")
    theirs = top / "theirs"
    theirs.mkdir()
    (theirs / "train.py").write_text(LOOP)
    subprocess.run([sys.executable, "train.py"], cwd=theirs, env={"PYTHONPATH": str(house), "PATH": ""}, check=True)
    return house, theirs


def spectra(house, trajectories: dict) -> subprocess.CompletedProcess:
    (house / "mine.yaml").write_text(yaml.safe_dump({"threads": 1, "trajectories": trajectories}))
    command = [sys.executable, "-m", "snakemake", "spectra", "--cores", "2", "--configfile", "mine.yaml"]
    return subprocess.run(command, cwd=house, capture_output=True, text=True, timeout=300)


def test_recorded_runs_become_spectra_tests_and_a_figure(folders):
    house, _ = folders
    entries = {name: {"path": [f"../theirs/{name}-{run}.h5" for run in range(4)], "rank": 3} for name in ("fast", "slow")}
    done = spectra(house, {**entries, "one": {"path": "../theirs/fast-0.h5", "delays": 2, "rank": 3}})
    assert done.returncode == 0, done.stderr[-3000:]
    tables = {name: pd.read_csv(house / f"results/spectra/{name}.csv") for name in ("eigenvalues", "distances", "tests")}
    assert tables["eigenvalues"].groupby("trajectory")["runs"].first().to_dict() == {"fast": 4, "one": 1, "slow": 4}
    assert len(tables["distances"]) == 3
    assert tables["tests"][["a", "b"]].to_numpy().tolist() == [["fast", "slow"]]
    assert (house / "results/figures/trajectories_spectra.png").read_bytes().startswith(b"\x89PNG")


def test_a_truncated_file_is_one_line_and_what_was_made_before_stays(folders):
    house, theirs = folders
    (theirs / "cut.h5").write_bytes((theirs / "fast-0.h5").read_bytes()[:3000])
    before = (theirs / "cut.h5").read_bytes()
    done = spectra(house, {"cut": {"path": "../theirs/cut.h5"}})
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "../theirs/cut.h5: " in said
    assert "Traceback" not in said
    assert (theirs / "cut.h5").read_bytes() == before
    assert not (house / "results/spectra/cut/eigenvalues.csv").exists()
    assert (house / "results/spectra/eigenvalues.csv").exists()
