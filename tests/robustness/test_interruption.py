"""Interruptions: whatever is killed, whenever, the same command goes on to the same bytes, and
little work is done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.robustness.conftest import STUDY
from tests.robustness.soak import soak

ROOT = Path(__file__).resolve().parents[2]
STEPS, INTERVAL = 4000, 250
TRAINER = f"""
import os, sys
from koopflow.data.images import load
from koopflow.training.capture import Capture
from koopflow.training.checkpoint import Checkpoint
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.hooks import Progress
import numpy as np, torch

torch.set_num_threads(1)
setup = Recipe.of({{"name": "mlp", "widths": [8], "bias": False}},
    {{"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}}, 20, {STEPS})
told = os.open("steps.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
trained = train(setup, load({{"source": "digits", "train_size": 200}}),
    Ensemble(range(3), 3, ("interrupted",), copies=2),
    hooks=[Capture("t.h5", ("last",)), Progress(lambda done, steps: os.write(told, b"%d\\n" % done))],
    checkpoint=Checkpoint("checkpoints", every_seconds=1e9, every_steps={INTERVAL}))
np.savez("trained.npz", weights=trained.weights, loss=trained.loss)
"""


def trainer(folder: Path) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("w") as said:
        return subprocess.Popen([sys.executable, "-c", TRAINER], cwd=folder, env=environment, stderr=said)


def said(folder: Path) -> str:
    return (folder / "said.txt").read_text()


def steps_told(folder: Path) -> list[int]:
    file = folder / "steps.txt"
    return [int(line) for line in file.read_text().splitlines() if line] if file.exists() else []


def wait_for_step(folder: Path, run: subprocess.Popen, step: int) -> None:
    """Wait until the run, which may have gone on from an earlier one, has done `step` steps."""
    deadline = time.monotonic() + 120
    while run.poll() is None and (not steps_told(folder) or steps_told(folder)[-1] < step):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert run.poll() is None, f"the training ended before it could be interrupted: {said(folder)}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    run = trainer(folder)
    assert run.wait(120) == 0, said(folder)
    return folder


def test_a_trainer_killed_six_times_repeats_no_more_than_the_interval_and_ends_in_the_same_bytes(undisturbed, tmp_path):
    folder, generator = tmp_path / "killed", np.random.default_rng(1)
    for number in range(6):
        run = trainer(folder)
        wait_for_step(folder, run, 300 + 550 * number + int(generator.integers(200)))
        run.send_signal(signal.SIGKILL)
        run.wait()
    run = trainer(folder)
    assert run.wait(120) == 0, said(folder)
    told = np.array(steps_told(folder))
    back = told[:-1][np.diff(told) <= 0] - told[1:][np.diff(told) <= 0] + 1
    print(f"work done twice after each kill: {back.tolist()} of {STEPS} steps")
    assert len(back) == 6
    assert back.max() <= INTERVAL
    for name in ("t.h5", "trained.npz"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()
    assert not any((folder / "checkpoints").iterdir())


def test_sigterm_saves_a_checkpoint_and_stops_at_once(undisturbed, tmp_path):
    folder = tmp_path / "terminated"
    run = trainer(folder)
    wait_for_step(folder, run, 1100)
    begun = time.monotonic()
    run.terminate()
    assert run.wait(10) == 143
    print(f"stopped {time.monotonic() - begun:.2f} s after SIGTERM")
    last = steps_told(folder)[-1]
    run = trainer(folder)
    assert run.wait(120) == 0, said(folder)
    told = steps_told(folder)
    assert told[told.index(last) + 1] >= last, "steps done before SIGTERM were done again"
    for name in ("t.h5", "trained.npz"):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_damaged_checkpoint_is_one_line_with_its_remedy(tmp_path):
    folder = tmp_path / "damaged"
    run = trainer(folder)
    wait_for_step(folder, run, 600)
    run.send_signal(signal.SIGKILL)
    run.wait()
    (path,) = (folder / "checkpoints").glob("*.pt")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    run = trainer(folder)
    assert run.wait(60) == 1
    assert (
        f"{path.name}: a damaged checkpoint (its checksum does not match); remove it to train from the beginning"
        in said(folder)
    )


@pytest.mark.slow
def test_a_study_killed_in_three_ways_ends_in_the_same_bytes(calm, tmp_path):
    """Part of `make soak`: three interruptions of the tests' scale."""
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "mine.yaml").write_text(yaml.safe_dump(STUDY))
    kills = soak(["equivalence", "--configfile", "mine.yaml"], 3, 2, 1, tmp_path, calm=calm.parent, last=0.5)
    assert [kill.kind for kill in kills] == ["group", "job", "term"]
