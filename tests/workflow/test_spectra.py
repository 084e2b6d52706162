"""A newcomer's own training loop, in a folder of its own, through the recorder and `snakemake
spectra` to tables and a figure."""

import subprocess
import sys
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml

from tests.envs.conda import run_in_environments
from tests.house import copy_of_the_house, digests

LOOP = """
import numpy as np, pathlib, torch
from koopflow.trajectory import TrajectoryRecorder

inputs = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
for seed in range(9):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5 if seed < 4 else 0.05 if seed < 8 else 1e30)
    name = ("fast", "slow", "lost")[seed // 4]
    recorder = TrajectoryRecorder(model, f"{name}-{seed % 4}.h5", parameters="2.*", every=2)
    for step in range(80):
        loss = (model(inputs) - inputs[:, :2]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
        if seed == 0 and step % 2 == 0:
            pathlib.Path("checkpoints").mkdir(exist_ok=True)
            pathlib.Path("arrays").mkdir(exist_ok=True)
            torch.save({"state_dict": model.state_dict(), "epoch": step}, f"checkpoints/epoch-1-step-{step}.ckpt")
            np.save(f"arrays/state-{step}.npy", torch.cat([p.detach().ravel() for p in model[2].parameters()]).numpy())
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


def spectra(house, trajectories: dict, *more: str) -> subprocess.CompletedProcess:
    (house / "mine.yaml").write_text(yaml.safe_dump({"threads": 1, "trajectories": trajectories}))
    command = [sys.executable, "-m", "snakemake", "spectra", "--cores", "2", "--configfile", "mine.yaml", *more]
    return subprocess.run(command, cwd=house, capture_output=True, text=True, timeout=900)


def test_recorded_runs_become_spectra_tests_and_a_figure_whatever_became_of_one_of_them(folders):
    house, _ = folders
    entries = {
        name: {"path": [f"../theirs/{name}-{run}.h5" for run in range(4)], "rank": 3} for name in ("fast", "slow")
    }
    entries["slow"]["path"].insert(1, "../theirs/lost-0.h5")
    entries["lost"] = {"path": "../theirs/lost-0.h5", "rank": 3}
    one = {"path": "../theirs/fast-0.h5", "delays": 2, "rank": 3}
    long = spectra(house, {**entries, "one": {**one, "windows": 500}})
    assert long.returncode != 0
    assert "a window must be at most 80 iterations long, as is the run (got 500)" in long.stderr
    assert not (house / "results/spectra/one").exists()
    done = spectra(house, {**entries, "one": {**one, "windows": 20}})
    assert done.returncode == 0, done.stderr[-3000:]
    windows = pd.read_csv(house / "results/spectra/windows.csv")
    assert windows[["run", "window_a", "window_b"]].to_numpy().tolist() == [
        ["one", a, b] for a, b in combinations(range(windows["window_a"].min(), 80, 20), 2)
    ]
    assert (house / "results/figures/trajectories_windows.png").read_bytes().startswith(b"\x89PNG")
    names = ("eigenvalues", "distances", "tests", "exclusions")
    tables = {name: pd.read_csv(house / f"results/spectra/{name}.csv") for name in names}
    gone = tables["exclusions"]
    assert gone["trajectory"].tolist() == ["lost", "slow"]
    assert gone["run"].fillna(-1).tolist() == [-1, 1]
    assert gone["reason"].str.contains(r"lost-0\.h5: weight (?:nan|-?inf) in 2\.", regex=True).all()
    assert tables["tests"][["excluded_a", "excluded_b"]].to_numpy().tolist() == [[0, 1]]
    assert tables["eigenvalues"].groupby("trajectory")["runs"].first().to_dict() == {"fast": 4, "one": 1, "slow": 4}
    assert len(tables["distances"]) == 3
    assert tables["tests"][["a", "b"]].to_numpy().tolist() == [["fast", "slow"]]
    assert (house / "results/figures/trajectories_spectra.png").read_bytes().startswith(b"\x89PNG")


def test_folders_of_checkpoints_and_of_arrays_give_the_spectrum_of_the_recorded_run(folders):
    """In environments of their own: the one for checkpoints alone has torch."""
    house, _ = folders
    recorded = {"path": "../theirs/fast-0.h5", "rank": 3}
    checkpoints = {"path": "../theirs/checkpoints", "parameters": ["2.*"], "rank": 3}
    arrays = {"path": "../theirs/arrays", "rank": 3}
    entries = {"recorded": recorded, "checkpoints": checkpoints, "arrays": arrays}
    (house / "folders.yaml").write_text(yaml.safe_dump({"threads": 1, "results": "folders", "trajectories": entries}))
    done = run_in_environments(house, "spectra", "--configfile", "folders.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    table = pd.read_csv(house / "folders/spectra/eigenvalues.csv").set_index("trajectory")
    for name in ("checkpoints", "arrays"):
        for column in ("real", "imag", "residual", "steps"):
            assert np.allclose(table.loc[name, column], table.loc["recorded", column], rtol=0, atol=1e-12), (
                name,
                column,
            )
    assert pd.read_csv(house / "folders/spectra/distances.csv")["distance"].max() < 1e-12
    assert plt.imread(house / "folders/figures/trajectories_spectra.png").std() > 0.05


def test_a_bad_file_is_one_line_before_anything_is_computed_and_what_was_made_before_stays(folders):
    house, theirs = folders
    (theirs / "cut.h5").write_bytes((theirs / "fast-0.h5").read_bytes()[:3000])
    before, made = (theirs / "cut.h5").read_bytes(), digests(house / "results")
    assert "spectra/one/eigenvalues.csv" in made
    done = spectra(
        house, {"one": {"path": "../theirs/cut.h5", "delays": 2, "rank": 3}, "slow": {"path": "../theirs/slow-0.h5"}}
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("koopflow: ")]
    assert done.returncode != 0
    assert len(lines) == 1
    assert lines[0].startswith("koopflow: trajectories.one: ../theirs/cut.h5: a truncated HDF5 file")
    assert "Traceback" not in done.stdout + done.stderr
    assert (theirs / "cut.h5").read_bytes() == before
    made.pop("checks/spectra.json")  # it said that the other files could be fitted
    assert digests(house / "results") == made
